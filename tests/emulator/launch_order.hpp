#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

/// Launches that nobody on the host has waited for. They have run here, on a GPU they may not: what
/// they wrote is for work that comes after them in stream order alone, or after an event that does.
namespace faltung::emulator {

/// Where a piece of work is put. The null stream of a device and those that wait for it are one.
struct Queue {
  int device;
  std::uint64_t id;  ///< of a stream that waits for no other; 0: the null stream
};

/// A piece of work: the how-manieth of its queue.
struct Moment {
  Queue queue;
  std::uint64_t tick;
};

/// How much of every queue has ended before something begins.
class StreamClock {
 public:
  [[nodiscard]] bool covers(const Moment& moment) const;
  void join(const StreamClock& other);
  void advance(const Moment& moment);

 private:
  std::map<std::pair<int, std::uint64_t>, std::uint64_t> ticks_;
};

/// The next piece of work of a queue.
Moment begin_work(const Queue& queue);
/// What comes before the next piece of work of a queue: all of its own, and what it waits for.
[[nodiscard]] const StreamClock& clock_of(const Queue& queue);
/// From now on the queue waits for all of that.
void wait_for(const Queue& queue, const StreamClock& clock);
/// All work of a device's queues, and what they wait for.
[[nodiscard]] StreamClock clock_of_device(int device);

void note_launch(std::uint32_t launch, const Queue& queue);
/// The host has waited for all of that.
void end_launches(const StreamClock& clock);

/// Whether some launch may still run beside work of `queue`.
[[nodiscard]] bool has_launches_beside(const Queue& queue);
/// @throws Violation unfinished_kernel if one of them wrote one of these bytes
void check_results(const void* address, std::size_t bytes, const Queue& queue, const char* what);
/// @throws Violation unfinished_kernel if one of them may still read one of these bytes
void check_readers(const void* address, std::size_t bytes, const Queue& queue, const char* what);

}  // namespace faltung::emulator
