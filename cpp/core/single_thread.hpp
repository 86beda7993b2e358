#pragma once

namespace faltung {

/// While one lives, threads() is 1 on this thread: so plans that it makes run where they are
/// called.
class ScopedSingleThread {
 public:
  ScopedSingleThread();
  ~ScopedSingleThread();
  ScopedSingleThread(const ScopedSingleThread&) = delete;
  ScopedSingleThread& operator=(const ScopedSingleThread&) = delete;

 private:
  bool outer_;
};

}  // namespace faltung
