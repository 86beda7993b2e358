#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "tests/emulator/device_records.hpp"

struct CUstream_st;

/// What the host's side of a GPU enforces: devices, streams, and what a kernel was granted.
///
/// Work of a stream begins in the order of its calls. The null stream of a device and the streams
/// that were not created as non-blocking wait for each other. What the documentation lets end after
/// the call ("API synchronization behavior": copies within a device, from memory that is not
/// pinned, fills) ends when the host waits for it, or when the stream reaches its next piece of
/// work, and no earlier: until then nobody may touch what it writes. Results of a kernel are for
/// later work of its stream, and for others once the host has waited (launch_order.hpp).
namespace faltung::emulator {

struct LaunchSpec;

/// Asserts that the calls in its scope may be made while a stream is captured: nothing that waits,
/// allocates at once or loads code.
class Capture {
 public:
  Capture();
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
};

[[nodiscard]] bool is_capturing();

/// @throws Violation unsafe_in_capture inside a Capture
void forbid_in_capture(std::string_view call);

/// Lets the nth allocation of device memory from now on fail as if there were none left; 0: none.
void fail_allocation(int nth);

/// Calls `f`, which promises to leave the current device as it was.
/// @throws Violation device_not_restored
void expect_device_kept(std::string_view what, const std::function<void()>& f);

/// What must be in order before a kernel starts: its stream, what it was granted, its code.
/// @throws Violation wrong_device, not_loaded, shared_memory_not_requested, shared_memory_exceeded,
/// registers_exceeded
void check_launch(const LaunchSpec& spec);

/// All pieces of work of a stream, or of all streams of the current device, end.
void finish_stream(CUstream_st* stream);
void finish_device();

/// @throws Violation unfinished_copy if a copy or fill that nobody has waited for may still write
/// one of these bytes.
void check_finished(const void* address, std::size_t bytes, const char* what);
/// Whether there is such work at all.
[[nodiscard]] bool has_unfinished();

/// Whether the running launch may meet work that nobody has waited for, and an access of it then.
/// @throws Violation unfinished_copy, unfinished_kernel
[[nodiscard]] bool launch_has_company();
void check_access(const void* address, std::size_t bytes);

/// How much the pool of an allocation keeps; 0: it came from the default pool, or from none.
[[nodiscard]] std::size_t kept_by_pool_of(const void* address);
/// The pool of an allocation, or null.
[[nodiscard]] const void* pool_of(const void* address);

}  // namespace faltung::emulator
