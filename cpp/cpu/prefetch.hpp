#pragma once

namespace faltung {

enum class CacheLevel { first, second };

/// Asks for the cache line at `at`, any address, and says whether it will be written.
///
/// GCC 12 takes a function that does nothing else for one without effects and drops the calls; the
/// empty statement is an effect to it.
template <CacheLevel level, bool writes = false>
[[gnu::always_inline]] inline void prefetch(const void* at) {
  __builtin_prefetch(at, writes ? 1 : 0, level == CacheLevel::first ? 3 : 2);
  asm volatile("");
}

}  // namespace faltung
