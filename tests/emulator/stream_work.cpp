#include "tests/emulator/stream_work.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/memory_checker.hpp"

namespace faltung::emulator {
namespace {

/// A copy or fill that has not ended. `source` is memory of a device; else the bytes are here.
struct Unfinished {
  int device;
  cudaStream_t stream;
  std::byte* to;
  std::size_t bytes;
  const std::byte* source;
  std::vector<std::byte> content;
};

std::vector<Unfinished>& unfinished() {
  static std::vector<Unfinished> list;
  return list;
}

bool blocks(cudaStream_t stream) { return stream == nullptr || !stream->non_blocking; }

/// Ends, in their order, all pieces of work for which `ends` says so.
template <typename Ends>
void finish(const Ends& ends) {
  std::vector<Unfinished> list = std::exchange(unfinished(), {});
  for (Unfinished& work : list) {
    if (!ends(work)) {
      unfinished().push_back(std::move(work));
      continue;
    }
    Allocation* target = allocation_at(work.to);
    if (target == nullptr) continue;
    std::memcpy(work.to, work.source == nullptr ? work.content.data() : work.source, work.bytes);
    target->shadow.set_valid(target->offset(work.to), work.bytes, true);
  }
}

void begin(Unfinished work) {
  Allocation& target = find_allocation(work.to, work.bytes, "a copy", {});
  std::memset(work.to, poison_byte, work.bytes);
  target.shadow.set_valid(target.offset(work.to), work.bytes, false);
  unfinished().push_back(std::move(work));
}

}  // namespace

int device_of(cudaStream_t stream) { return stream == nullptr ? machine.current : stream->device; }

Queue queue_of(cudaStream_t stream) { return {device_of(stream), stream, blocks(stream)}; }

void finish_before(cudaStream_t stream) {
  const int device = device_of(stream);
  finish([&](const Unfinished& work) {
    return work.device == device &&
           (work.stream == stream || (blocks(stream) && blocks(work.stream)));
  });
}

void check_stream(cudaStream_t stream, const char* what) {
  if (stream == nullptr || stream->device == machine.current) return;
  fail(Check::wrong_device, std::string(what) + " on a stream of device " +
                                std::to_string(stream->device) + " while device " +
                                std::to_string(machine.current) + " is current");
}

void begin_fill(void* to, unsigned char value, std::size_t bytes, cudaStream_t stream) {
  check_finished(to, bytes, "cudaMemset");
  check_results(to, bytes, queue_of(stream), "cudaMemset");
  begin({device_of(stream), stream, static_cast<std::byte*>(to), bytes, nullptr,
         std::vector<std::byte>(bytes, static_cast<std::byte>(value))});
}

void copy_at_once(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  check_results(from, bytes, queue_of(stream), "cudaMemcpy");
  end_launches(queue_of(stream));
  if (Allocation* target = allocation_at(to); target != nullptr) {
    find_allocation(to, bytes, "cudaMemcpy", {});
    check_finished(to, bytes, "cudaMemcpy");
    target->shadow.set_valid(target->offset(to), bytes, true);
  }
  if (allocation_at(from) != nullptr) {
    find_allocation(from, bytes, "cudaMemcpy", {});
    check_finished(from, bytes, "cudaMemcpy");
  }
  std::memcpy(to, from, bytes);
}

void copy_later(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  find_allocation(to, bytes, "cudaMemcpy", {});
  check_finished(to, bytes, "cudaMemcpy");
  check_results(to, bytes, queue_of(stream), "cudaMemcpy");
  check_results(from, bytes, queue_of(stream), "cudaMemcpy");
  const auto* source = static_cast<const std::byte*>(from);
  Unfinished work{device_of(stream), stream, static_cast<std::byte*>(to), bytes, nullptr, {}};
  if (allocation_at(from) != nullptr) {
    find_allocation(from, bytes, "cudaMemcpy", {});
    check_finished(from, bytes, "cudaMemcpy");
    work.source = source;
  } else {
    work.content.assign(source, source + bytes);  // staged before the call returns
  }
  begin(std::move(work));
}

void finish_stream(CUstream_st* stream) {
  finish_before(stream);
  end_launches(queue_of(stream));
}
void finish_device() {
  finish([](const Unfinished& work) { return work.device == machine.current; });
  end_launches(machine.current);
}

bool launch_has_company() {
  return !unfinished().empty() || has_launches_beside(queue_of(execution().spec.stream));
}

void check_access(const void* address, std::size_t bytes) {
  check_finished(address, bytes, "an access");
  check_results(address, bytes, queue_of(execution().spec.stream), "an access");
}

void check_finished(const void* address, std::size_t bytes, const char* what) {
  const auto* begin = static_cast<const std::byte*>(address);
  for (const Unfinished& work : unfinished()) {
    if (begin < work.to + work.bytes && work.to < begin + bytes) {
      fail(Check::unfinished_copy, std::string(what) +
                                       " of memory that an earlier copy or fill may still write; "
                                       "nobody has waited for it");
    }
  }
}

bool has_unfinished() { return !unfinished().empty(); }

}  // namespace faltung::emulator
