#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/element_rows.hpp"

/// The inner loops of the direct engine: all over contiguous accumulators, for a compiler to
/// vectorise. A mask, where there is one, is 0 where nothing stands in x.
namespace faltung::direct {

/// sum + w x, rounded once if it is `fused`.
template <bool fused, typename Acc>
Acc add_product(Acc sum, Acc w, Acc x) {
  if constexpr (fused && std::is_floating_point_v<Acc>) {
    return std::fma(w, x, sum);
  } else {
    return sum + product(w, x);
  }
}

/// sums[i] += w x[i]
template <bool fused, typename Acc>
void add_scaled(Acc* __restrict sums, const Acc* __restrict x, Acc w, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sums[i] = add_product<fused>(sums[i], w, x[i]);
}

/// The same for four taps at once: one load and one store of the sums instead of four.
template <bool fused, typename Acc>
void add_scaled_4(Acc* __restrict sums, const Acc* const* x, const Acc* w, std::int64_t count) {
  const Acc* __restrict x0 = x[0], * __restrict x1 = x[1];
  const Acc* __restrict x2 = x[2], * __restrict x3 = x[3];
  const Acc w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];
  for (std::int64_t i = 0; i < count; ++i) {
    const Acc two = add_product<fused>(add_product<fused>(sums[i], w0, x0[i]), w1, x1[i]);
    sums[i] = add_product<fused>(add_product<fused>(two, w2, x2[i]), w3, x3[i]);
  }
}

template <bool fused, typename Acc>
void add_scaled_masked(Acc* __restrict sums, const Acc* __restrict x,
                       const std::uint8_t* __restrict mask, Acc w, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    sums[i] = mask[i] != 0 ? add_product<fused>(sums[i], w, x[i]) : sums[i];
  }
}

inline constexpr std::int64_t dot_lanes = 16;
/// Roundings that a product passes in a sum of `dot`.
inline double dot_roundings(std::int64_t count) {
  return static_cast<double>(count <= dot_lanes ? count
                                                : (count + dot_lanes - 1) / dot_lanes + dot_lanes);
}

/// Sum of conj(x[i]) y[i], or of x[i] conj(y[i]) if `other`. Partial sums, added in order.
template <typename Acc>
Acc dot(const Acc* __restrict x, const Acc* __restrict y, const std::uint8_t* mask, bool other,
        std::int64_t count) {
  constexpr std::int64_t lanes = dot_lanes;
  Acc partial[lanes] = {};
  std::int64_t i = 0;
  if (mask == nullptr) {
    for (; i + lanes <= count; i += lanes) {
      for (std::int64_t l = 0; l < lanes; ++l) {
        partial[l] += product(conjugate_value(x[i + l]), y[i + l]);
      }
    }
  }
  for (; i < count; ++i) {
    if (mask == nullptr || mask[i] != 0) {
      partial[i % lanes] += product(conjugate_value(x[i]), y[i]);
    }
  }
  Acc sum = 0;
  for (const Acc& value : partial) sum += value;
  return other ? conjugate_value(sum) : sum;
}

}  // namespace faltung::direct
