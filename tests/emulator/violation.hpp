#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/emulator/toolkit/where.hpp"

namespace faltung::emulator {

/// Everything the emulator can object to. The names are what tests and messages use. The last five
/// are for tests to ask for: expect_within() and expect_equal().
enum class Check {
  out_of_bounds_global,
  out_of_bounds_shared,
  misaligned_access,
  unset_read,
  shared_race,
  global_race,
  exit_before_barrier,
  divergent_barrier,
  divergent_collective,
  lane_not_in_mask,
  shuffle_from_inactive_lane,
  barrier_count_mismatch,
  deadlock,
  integer_overflow,
  array_index,
  invalid_launch,
  shared_memory_exceeded,
  shared_memory_not_requested,
  registers_exceeded,
  unsupported_instruction,
  not_loaded,
  unsafe_in_capture,
  wrong_device,
  wrong_stream,
  device_not_restored,
  unfinished_copy,
  unfinished_kernel,
  read_only_load_of_written,
  uncommitted_async_copy,
  unwaited_async_copy,
  write_during_async_read,
  copy_left_in_flight,
  missing_proxy_fence,
  mbarrier_not_initialised,
  mbarrier_overflow,
  missing_expect_tx,
  invalid_tensor_copy,
  missing_wgmma_fence,
  divergent_wgmma,
  invalid_matrix_descriptor,
  library_misuse,
  bank_conflicts,
  uncoalesced_access,
  excess_traffic,
  wasted_arithmetic,
  wrong_result,
};

[[nodiscard]] std::string_view name(Check check);

/// A kernel did something wrong. `what()` names the check, the kernel, the block, the thread, the
/// source line where it is known, and what was wrong.
class Violation : public std::runtime_error {
 public:
  Violation(Check check, const std::string& message);
  [[nodiscard]] Check check() const { return check_; }

 private:
  Check check_;
};

/// "file:line", or empty.
[[nodiscard]] std::string describe(const Where& where);

/// A violation by the current thread, if there is one; names the kernel and the thread.
[[nodiscard]] Violation make_violation(Check check, const std::string& message, const Where& where);

/// Reports a violation by the current thread. Inside a kernel the launch ends and throws
/// `Violation`; outside it is thrown at once.
[[noreturn]] void fail(Check check, const std::string& message, const Where& where = {});

}  // namespace faltung::emulator
