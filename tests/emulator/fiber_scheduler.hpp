#pragma once

#include <boost/context/fiber.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace faltung::emulator {

/// A stack that runs one function after another. Threads of a block are such functions.
class Fiber {
 public:
  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber() = delete;  // fibers are pooled for the life of the process

  void start(const std::function<void()>* body) { body_ = body; }
  /// Runs until the function suspends or ends.
  void resume();
  [[nodiscard]] bool done() const { return body_ == nullptr; }
  /// Forgets a function that will never go on; nothing on its stack is destroyed.
  void abandon();

  /// Back to whoever resumed the current fiber.
  static void suspend();
  /// See call_path().
  [[nodiscard]] std::uintptr_t path(const void* frame) const;
  [[nodiscard]] static const Fiber& current();
  [[nodiscard]] static bool inside();

 private:
  void prepare();

  static constexpr std::size_t stack_bytes_ = 256 << 10;
  std::byte* stack_;
  const std::function<void()>* body_ = nullptr;
  const std::byte* base_ = nullptr;  ///< the frame that calls the function
  boost::context::fiber self_;
  boost::context::fiber resumer_;
};

/// A number for the chain of calls that leads from the current fiber's function to the one whose
/// frame this is. Needs code with frame pointers; without them the number is the same more often.
[[nodiscard]] std::uintptr_t call_path(const void* frame);

/// For the next thread that starts; the one given back last, whose stack is in the cache.
[[nodiscard]] Fiber* take_fiber();
/// Takes a fiber that has done its work, or was abandoned.
void give_back(Fiber* fiber);

/// Runs every thread of the current cluster to its end, one at a time, switching only where a
/// thread waits, and picking the next at random.
///
/// @throws Violation if a check failed or nothing can go on.
void run_threads(const std::function<void()>& body);

}  // namespace faltung::emulator
