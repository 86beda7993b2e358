#include "cpp/tools/bench/product_rate.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

#include <faltung/threads.hpp>

namespace faltung::bench {
namespace {

// Two units, five cycles from a product to the next of the same sum, and some to spare.
constexpr int sums_at_once = 12;
constexpr std::int64_t rounds =
    1 << 18;  // half a millisecond, beside which a thread starts at once

// Sums that stay near 1; the compiler keeps them in registers and forms fused products where the
// set has them.
#define FALTUNG_PRODUCT_LOOP(name, attributes, register_bytes)                       \
  template <typename T>                                                              \
  attributes double name() {                                                         \
    typedef T Vector __attribute__((vector_size(register_bytes)));                   \
    const Vector factor = Vector{} + T(0.5), addend = Vector{} + T(0.5);             \
    Vector sums[sums_at_once];                                                       \
    for (int i = 0; i < sums_at_once; ++i) sums[i] = Vector{} + T(i);                \
    for (std::int64_t round = 0; round < rounds; ++round) {                          \
      for (int i = 0; i < sums_at_once; ++i) {                                       \
        sums[i] = sums[i] * factor + addend;                                         \
      }                                                                              \
    }                                                                                \
    double total = 0;                                                                \
    for (int i = 0; i < sums_at_once; ++i) total += static_cast<double>(sums[i][0]); \
    return total;                                                                    \
  }
#if defined(__x86_64__)
FALTUNG_PRODUCT_LOOP(avx512_products, __attribute__((target("avx512f,fma"))), 64)
FALTUNG_PRODUCT_LOOP(avx2_products, __attribute__((target("avx2,fma"))), 32)
#endif
FALTUNG_PRODUCT_LOOP(plain_products, , 16)
#undef FALTUNG_PRODUCT_LOOP

template <typename T>
struct Loop {
  double (*run)();
  std::int64_t register_bytes;
};

template <typename T>
Loop<T> loop() {
#if defined(__x86_64__)
  const char* named = std::getenv("FALTUNG_CPU_TARGET");
  const std::string_view target = named == nullptr ? "" : named;
  if ((target.empty() || target == "avx512") && __builtin_cpu_supports("avx512f")) {
    return {avx512_products<T>, 64};
  }
  if ((target.empty() || target == "avx2") && __builtin_cpu_supports("avx2") &&
      __builtin_cpu_supports("fma")) {
    return {avx2_products<T>, 32};
  }
#endif
  return {plain_products<T>, 16};
}

}  // namespace

template <typename T>
double product_rate() {
  constexpr int samples = 100;
  const Loop<T> products = loop<T>();
  std::vector<double> totals(static_cast<std::size_t>(threads()));
  const auto work = [&] {
    std::vector<std::jthread> team;
    for (std::size_t i = 1; i < totals.size(); ++i) {
      team.emplace_back([&, i] { totals[i] = products.run(); });
    }
    totals[0] = products.run();
  };
  // The shortest of many, not measure()'s median: a ceiling is what no other work has lowered.
  double seconds = 0;
  for (int sample = 0; sample < samples; ++sample) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    seconds = sample == 0 ? taken.count() : std::min(seconds, taken.count());
  }
  const auto lanes = products.register_bytes / static_cast<std::int64_t>(sizeof(T));
  const double done = 2.0 * static_cast<double>(rounds * sums_at_once * lanes);
  return done * static_cast<double>(totals.size()) / seconds;
}

template double product_rate<float>();
template double product_rate<double>();

}  // namespace faltung::bench
