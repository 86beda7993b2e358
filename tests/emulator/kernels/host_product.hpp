#pragma once

#include <cstddef>
#include <random>
#include <type_traits>
#include <vector>

namespace faltung::emulator_kernels {

/// From -8 to 8, or 0 to 16 in unsigned types: their sums are exact in every type and in any order.
template <typename T>
std::vector<T> small_integers(std::size_t count, unsigned seed) {
  std::vector<T> values(count);
  std::mt19937 random(seed);
  const float min = std::is_unsigned_v<T> ? 0.0f : -8.0f;
  for (T& value : values) value = T(static_cast<float>(random() % 17) + min);
  return values;
}

/// From -1 to 1, rounded to T.
template <typename T>
std::vector<T> reals(std::size_t count, unsigned seed) {
  std::vector<T> values(count);
  std::mt19937 random(seed);
  for (T& value : values) {
    value = T(static_cast<float>(random() % 200001) / 100000.0f - 1.0f);
  }
  return values;
}

/// How far a product of `reals` may be from the exact one if every step of 16 is summed exactly and
/// cut off: one unit in the last place, 2^-23, of at most k, per step.
constexpr double cut_off_bound(int k) { return k / 16.0 * 0x1p-23 * k; }

/// a b^T for matrices a [m, k] and b [n, k].
template <typename T>
std::vector<float> product(const std::vector<T>& a, const std::vector<T>& b, std::size_t k) {
  const std::size_t m = a.size() / k;
  const std::size_t n = b.size() / k;
  std::vector<float> c(m * n);
  for (std::size_t i = 0; i < m * n; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < k; ++j) {
      sum += double{static_cast<float>(a[i / n * k + j])} * static_cast<float>(b[i % n * k + j]);
    }
    c[i] = static_cast<float>(sum);
  }
  return c;
}

}  // namespace faltung::emulator_kernels
