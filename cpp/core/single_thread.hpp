#pragma once

namespace faltung {

/// While one lives, threads() is `count` on this thread: so many may run the plans that it makes.
class ScopedThreads {
 public:
  explicit ScopedThreads(int count);
  ~ScopedThreads();
  ScopedThreads(const ScopedThreads&) = delete;
  ScopedThreads& operator=(const ScopedThreads&) = delete;

 private:
  int outer_;
};

/// While one lives, threads() is 1 on this thread: so plans that it makes run where they are
/// called.
class ScopedSingleThread : ScopedThreads {
 public:
  ScopedSingleThread() : ScopedThreads(1) {}
};

}  // namespace faltung
