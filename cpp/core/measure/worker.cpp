#include "cpp/core/measure/worker.hpp"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace faltung::measuring {

// Shared with the thread, which may outlive the Worker.
struct Worker::State {
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> work;  // null while there is nothing to do
  std::exception_ptr error;
  bool busy = false, ends = false;

  void serve() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return ends || work != nullptr; });
      if (work == nullptr) return;
      auto next = std::exchange(work, nullptr);
      lock.unlock();
      std::exception_ptr thrown;
      try {
        next();
      } catch (...) {
        thrown = std::current_exception();
      }
      next = nullptr;  // what it holds goes before anybody is told
      lock.lock();
      error = thrown;
      busy = false;
      changed.notify_all();
    }
  }
};

Worker::Worker()
    : state_(std::make_shared<State>()), thread_([state = state_] { state->serve(); }) {}

Worker::~Worker() {
  const bool free = is_free();
  {
    const std::scoped_lock lock(state_->mutex);
    state_->ends = true;
    state_->changed.notify_all();
  }
  free ? thread_.join() : thread_.detach();
}

bool Worker::call(std::function<void()> work, std::chrono::duration<double> time) {
  std::unique_lock lock(state_->mutex);
  state_->busy = true;
  state_->work = std::move(work);
  state_->changed.notify_all();
  const auto limit = std::chrono::steady_clock::now() +
                     std::chrono::duration_cast<std::chrono::steady_clock::duration>(time);
  if (!state_->changed.wait_until(lock, limit, [&] { return !state_->busy; })) return false;
  if (const auto error = std::exchange(state_->error, nullptr)) std::rethrow_exception(error);
  return true;
}

bool Worker::is_free() const {
  const std::scoped_lock lock(state_->mutex);
  return !state_->busy;
}

}  // namespace faltung::measuring
