#pragma once

#include <cstdlib>
#include <new>

#include "tests/emulator/execution.hpp"

// Allocations of a test program that fail on request, but for those of the emulator and of the
// libraries that stand in for others. Included by one source of a program.
namespace faltung::test {

/// Allocations of this thread until one fails; below 0, none does.
inline thread_local long allocations_left = -1;

inline void* allocate(std::size_t bytes) {
  if (allocations_left >= 0 && !emulator::is_spared() && allocations_left-- == 0) {
    throw std::bad_alloc();
  }
  if (void* const memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}

}  // namespace faltung::test

// Not inlined: GCC would take the call of free() for one that does not belong to operator new.
[[gnu::noinline]] void* operator new(std::size_t bytes) { return faltung::test::allocate(bytes); }
[[gnu::noinline]] void* operator new[](std::size_t bytes) { return faltung::test::allocate(bytes); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
