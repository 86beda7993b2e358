#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

namespace faltung::measuring {

/// A thread for calls that may never return. One that does not in time is left alone with the
/// thread; what it uses must be its own.
class Worker {
 public:
  Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Ends the thread; one whose call was given up and still runs is let go, and ends with it.
  ~Worker();

  /// Calls `work` on the thread.
  ///
  /// @return whether it returned within the time; if not, no further call may be made until
  ///         is_free()
  /// @throws what `work` throws
  [[nodiscard]] bool call(std::function<void()> work, std::chrono::duration<double> time);

  /// Whether the last call has ended, which it may do after it was given up.
  [[nodiscard]] bool is_free() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace faltung::measuring
