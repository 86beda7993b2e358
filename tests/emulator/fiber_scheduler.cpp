#include "tests/emulator/fiber_scheduler.hpp"

#include <sys/mman.h>

#include <boost/context/preallocated.hpp>
#include <boost/context/stack_context.hpp>
#include <new>
#include <utility>
#include <vector>

#include "tests/emulator/async_copy.hpp"
#include "tests/emulator/execution.hpp"
#include "tests/emulator/toolkit/cuda_runtime.h"

namespace faltung::emulator {
namespace {

/// The stack belongs to the fiber object, not to Boost.
struct KeepStack {
  using traits_type = void;
  static boost::context::stack_context allocate() { return {}; }
  static void deallocate(boost::context::stack_context&) noexcept {}
};

Fiber* current_fiber = nullptr;

}  // namespace

Fiber::Fiber() {
  // Pages are committed at first touch; the lowest stays closed and catches an overflow.
  void* memory = mmap(nullptr, stack_bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, 4096, PROT_NONE) != 0) throw std::bad_alloc();
  stack_ = static_cast<std::byte*>(memory);
  prepare();
}

void Fiber::prepare() {
  boost::context::stack_context context;
  context.sp = stack_ + stack_bytes_;
  context.size = stack_bytes_ - 4096;
  self_ = boost::context::fiber(std::allocator_arg,
                                boost::context::preallocated(context.sp, context.size, context),
                                KeepStack{}, [this](boost::context::fiber&& resumer) {
                                  resumer_ = std::move(resumer);
                                  base_ = static_cast<const std::byte*>(__builtin_frame_address(0));
                                  for (;;) {
                                    (*body_)();
                                    body_ = nullptr;
                                    resumer_ = std::move(resumer_).resume();
                                  }
                                  return boost::context::fiber();
                                });
}

void Fiber::resume() {
  current_fiber = this;
  self_ = std::move(self_).resume();
  current_fiber = nullptr;
}

void Fiber::suspend() {
  Fiber& fiber = *current_fiber;
  fiber.resumer_ = std::move(fiber.resumer_).resume();
}

bool Fiber::inside() { return current_fiber != nullptr; }

const Fiber& Fiber::current() { return *current_fiber; }

std::uintptr_t Fiber::path(const void* frame) const {
  std::uintptr_t path = 0;
  const auto* at = static_cast<const std::byte*>(frame);
  // A frame begins with the address of its caller's frame, then the return address. Whatever is
  // not an address further up on this stack ends the walk.
  while (at >= stack_ && at < base_) {
    const auto* words = reinterpret_cast<const std::uintptr_t*>(at);
    path = path * 0x9e3779b97f4a7c15u + words[1];
    const auto* caller = reinterpret_cast<const std::byte*>(words[0]);
    if (caller <= at || words[0] % sizeof(void*) != 0) break;
    at = caller;
  }
  return path;
}

std::uintptr_t call_path(const void* frame) { return Fiber::current().path(frame); }

void Fiber::abandon() {
  if (done()) return;
  // Boost would unwind the stack, through frames that do not expect it.
  [[maybe_unused]] const auto* leaked = new boost::context::fiber(std::move(self_));
  body_ = nullptr;
  prepare();
}

std::vector<Fiber*>& idle_fibers() {
  static auto& fibers = *new std::vector<Fiber*>;
  return fibers;
}

Fiber* take_fiber() {
  std::vector<Fiber*>& idle = idle_fibers();
  if (idle.empty()) return new Fiber;
  Fiber* fiber = idle.back();
  idle.pop_back();
  return fiber;
}

void give_back(Fiber* fiber) { idle_fibers().push_back(fiber); }

Thread* running_thread = nullptr;

void park(Wait wait, const Where& where) {
  Thread& thread = self();
  thread.wait = wait;
  thread.where = where;
  Fiber::suspend();
}

void wake(Thread& thread) {
  thread.wait = Wait::nothing;
  execution().runnable.push_back(&thread);
}

void run_threads(const std::function<void()>& body) {
  Execution& run = execution();
  for (Thread* thread : run.threads) wake(*thread);
  std::size_t left = run.threads.size();
  while (left > 0) {
    if (run.runnable.empty()) {
      if (run.in_flight.empty()) diagnose_stall();
      const std::size_t pick = run.random() % run.in_flight.size();
      const std::function<void()> land = std::move(run.in_flight[pick]);
      run.in_flight.erase(run.in_flight.begin() + static_cast<std::ptrdiff_t>(pick));
      land();
      continue;
    }
    const std::size_t pick = run.random() % run.runnable.size();
    Thread& thread = *std::exchange(run.runnable[pick], run.runnable.back());
    run.runnable.pop_back();

    running_thread = &thread;
    threadIdx = thread.index;
    blockIdx = thread.block->index;
    if (thread.fiber == nullptr) {
      thread.fiber = take_fiber();
      thread.fiber->start(&body);
    }
    thread.fiber->resume();
    if (run.violation) throw *run.violation;
    if (thread.fiber->done()) {
      give_back(std::exchange(thread.fiber, nullptr));
      thread.exited = true;
      finish_copies(thread);
      finish_stores(thread);
      finish_wgmma(thread);
      --left;
    }
  }
}

}  // namespace faltung::emulator
