#include "tests/emulator/stream_work.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/memory_checker.hpp"

namespace faltung::emulator {
namespace {

/// A copy or fill that has not ended. `source` is memory of a device, or pinned memory of the host;
/// else the bytes are here.
struct Unfinished {
  Moment moment;
  std::byte* to;
  std::size_t bytes;
  const std::byte* source;
  std::vector<std::byte> content;
  bool to_host;
};

std::vector<Unfinished>& unfinished() {
  static std::vector<Unfinished> list;
  return list;
}

/// What ended for the work that comes after it; the host and other streams cannot know.
struct Landed {
  Moment moment;
  const std::byte* to;
  std::size_t bytes;
};

std::vector<Landed>& landed() {
  static std::vector<Landed> list;
  return list;
}

std::map<const std::byte*, std::size_t>& pinned() {
  static std::map<const std::byte*, std::size_t> map;
  return map;
}

bool blocks(cudaStream_t stream) { return stream == nullptr || !stream->non_blocking; }

void land(const Unfinished& work) {
  Allocation* target = allocation_at(work.to);
  if (target == nullptr && !work.to_host) return;
  std::memcpy(work.to, work.source == nullptr ? work.content.data() : work.source, work.bytes);
  if (target != nullptr) target->shadow.set_valid(target->offset(work.to), work.bytes, true);
}

/// Ends, in their order, all pieces of work that `clock` covers. What goes to the host is there
/// when the host has waited for it; for others it has been read by then.
void finish(const StreamClock& clock, bool for_host) {
  std::vector<Unfinished> list = std::exchange(unfinished(), {});
  for (Unfinished& work : list) {
    if (!clock.covers(work.moment)) {
      unfinished().push_back(std::move(work));
    } else if (work.to_host && !for_host) {
      if (work.source != nullptr) work.content.assign(work.source, work.source + work.bytes);
      work.source = nullptr;
      unfinished().push_back(std::move(work));
    } else {
      land(work);
      if (!for_host) landed().push_back({work.moment, work.to, work.bytes});
    }
  }
  if (for_host) {
    std::erase_if(landed(), [&](const Landed& work) { return clock.covers(work.moment); });
  }
}

void begin(Unfinished work) {
  std::memset(work.to, poison_byte, work.bytes);
  if (!work.to_host) {
    Allocation& target = find_allocation(work.to, work.bytes, "a copy", {});
    target.shadow.set_valid(target.offset(work.to), work.bytes, false);
  }
  unfinished().push_back(std::move(work));
}

/// What a copy or fill must not meet in the memory that it writes.
void check_target(void* to, std::size_t bytes, const Queue& queue, const char* what) {
  check_finished(to, bytes, what);
  check_landed(to, bytes, queue, what);
  check_results(to, bytes, queue, what);
  check_readers(to, bytes, queue, what);
}

}  // namespace

int device_of(cudaStream_t stream) { return stream == nullptr ? machine.current : stream->device; }

Queue queue_of(cudaStream_t stream) { return {device_of(stream), blocks(stream) ? 0 : stream->id}; }

void finish_before(cudaStream_t stream) { finish(clock_of(queue_of(stream)), false); }

void finish_for_host(const StreamClock& clock) {
  finish(clock, true);
  end_launches(clock);
}

void note_pinned(const void* begin, std::size_t bytes) {
  pinned()[static_cast<const std::byte*>(begin)] = bytes;
}

bool forget_pinned(const void* begin) {
  return pinned().erase(static_cast<const std::byte*>(begin)) != 0;
}

bool is_pinned(const void* address) {
  const auto* at = static_cast<const std::byte*>(address);
  const auto next = pinned().upper_bound(at);
  if (next == pinned().begin()) return false;
  const auto& [begin, bytes] = *std::prev(next);
  return at < begin + bytes;
}

void check_stream(cudaStream_t stream, const char* what) {
  if (stream == nullptr || stream->device == machine.current) return;
  fail(Check::wrong_device, std::string(what) + " on a stream of device " +
                                std::to_string(stream->device) + " while device " +
                                std::to_string(machine.current) + " is current");
}

void begin_fill(void* to, unsigned char value, std::size_t bytes, cudaStream_t stream) {
  const Queue queue = queue_of(stream);
  find_allocation(to, bytes, "cudaMemset", {});
  check_target(to, bytes, queue, "cudaMemset");
  begin({begin_work(queue), static_cast<std::byte*>(to), bytes, nullptr,
         std::vector<std::byte>(bytes, static_cast<std::byte>(value)), false});
}

void copy_at_once(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  const Queue queue = queue_of(stream);
  check_results(from, bytes, queue, "cudaMemcpy");
  check_landed(from, bytes, queue, "cudaMemcpy");
  (void)begin_work(queue);
  finish_for_host(clock_of(queue));
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

void copy_later(void* to, const void* from, std::size_t bytes, cudaStream_t stream, bool beside) {
  const Queue queue = queue_of(stream);
  const bool to_host = allocation_at(to) == nullptr;
  if (!to_host) find_allocation(to, bytes, "cudaMemcpy", {});
  check_target(to, bytes, queue, "cudaMemcpy");
  check_results(from, bytes, queue, "cudaMemcpy");
  check_landed(from, bytes, queue, "cudaMemcpy");
  const auto* source = static_cast<const std::byte*>(from);
  Unfinished work{begin_work(queue), static_cast<std::byte*>(to), bytes, nullptr, {}, to_host};
  if (allocation_at(from) != nullptr) {
    find_allocation(from, bytes, "cudaMemcpy", {});
    check_finished(from, bytes, "cudaMemcpy");
    work.source = source;
  } else if (beside && is_pinned(from)) {
    work.source = source;
  } else {
    work.content.assign(source, source + bytes);  // staged before the call returns
  }
  begin(std::move(work));
}

void finish_stream(CUstream_st* stream) { finish_for_host(clock_of(queue_of(stream))); }
void finish_device() { finish_for_host(clock_of_device(machine.current)); }

bool launch_has_company() {
  const Queue queue = queue_of(execution().spec.stream);
  return !unfinished().empty() || has_launches_beside(queue) ||
         std::ranges::any_of(landed(), [&](const Landed& work) {
           return work.moment.queue.device == queue.device && !clock_of(queue).covers(work.moment);
         });
}

void check_access(const void* address, std::size_t bytes) {
  check_finished(address, bytes, "an access");
  check_landed(address, bytes, queue_of(execution().spec.stream), "an access");
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

void check_landed(const void* address, std::size_t bytes, const Queue& queue, const char* what) {
  const auto* begin = static_cast<const std::byte*>(address);
  for (const Landed& work : landed()) {
    if (begin >= work.to + work.bytes || work.to >= begin + bytes) continue;
    if (clock_of(queue).covers(work.moment)) continue;
    fail(Check::unfinished_copy,
         std::string(what) +
             " of memory that a copy or fill of another stream writes; nobody has waited for it");
  }
}

bool has_unfinished() { return !unfinished().empty(); }

}  // namespace faltung::emulator
