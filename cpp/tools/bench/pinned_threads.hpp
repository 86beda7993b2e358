#pragma once

#include <functional>
#include <vector>

#include <sched.h>

namespace faltung::bench {

/// While it lives, the threads that do the work have a processor each, if they are several.
///
/// A kernel may leave threads that sleep between runs on one processor and the other ones idle,
/// for seconds: the kernels of small virtual machines do. Then two threads take twice as long as
/// they need, while a library whose threads spin between runs shows nothing of it.
class PinnedThreads {
 public:
  /// @param warm_up  is run once; the threads that it keeps busiest are pinned
  explicit PinnedThreads(const std::function<void()>& warm_up);
  ~PinnedThreads();
  PinnedThreads(const PinnedThreads&) = delete;
  PinnedThreads& operator=(const PinnedThreads&) = delete;

  /// How many threads are pinned, none or at least two.
  [[nodiscard]] std::size_t count() const { return pinned_.size(); }

 private:
  cpu_set_t allowed_;
  std::vector<pid_t> pinned_;
};

}  // namespace faltung::bench
