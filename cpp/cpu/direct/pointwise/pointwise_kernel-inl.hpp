// Included by kernel.hpp once for each instruction set; hence no include guard.
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

#include "cpp/cpu/direct/pointwise/pointwise_kernel.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL

// Output channels and vectors of a tile, whose sums fill the registers.
inline constexpr int pointwise_outputs = 4;
#if HWY_TARGET == HWY_AVX2
inline constexpr int pointwise_vectors = 2;
#else
inline constexpr int pointwise_vectors = 4;
#endif

template <int outputs, int vectors, typename T>
HWY_INLINE void pointwise_tile(const PointwiseRow<T>& a, std::int64_t k, std::int64_t i) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V sums[outputs][vectors];
  for (auto& row : sums) {
    for (V& sum : row) sum = hn::Zero(d);
  }
  const T* x = a.x + i;
  const T* w = a.w + k * a.w_step;
  for (std::int64_t c = 0; c < a.inputs; ++c, x += a.x_step, ++w) {
    V values[vectors];
    for (int v = 0; v < vectors; ++v) values[v] = hn::LoadU(d, x + v * lanes);
    HWY_UNROLL(4)
    for (int m = 0; m < outputs; ++m) {
      const V weight = hn::Set(d, w[m * a.w_step]);
      HWY_UNROLL(4)
      for (int v = 0; v < vectors; ++v) sums[m][v] = hn::MulAdd(values[v], weight, sums[m][v]);
    }
  }
  for (int m = 0; m < outputs; ++m) {
    T* to = a.y + (k + m) * a.y_step + i;
    for (int v = 0; v < vectors; ++v) hn::StoreU(sums[m][v], d, to + v * lanes);
  }
}

// The last places of a row: less than a vector.
template <int outputs, typename T>
HWY_INLINE void pointwise_rest(const PointwiseRow<T>& a, std::int64_t k, std::int64_t i) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto some = hn::FirstN(d, static_cast<std::size_t>(a.count - i));
  V sums[outputs];
  for (V& sum : sums) sum = hn::Zero(d);
  for (std::int64_t c = 0; c < a.inputs; ++c) {
    const V values = hn::MaskedLoad(some, d, a.x + c * a.x_step + i);
    HWY_UNROLL(4)
    for (int m = 0; m < outputs; ++m) {
      sums[m] = hn::MulAdd(values, hn::Set(d, a.w[(k + m) * a.w_step + c]), sums[m]);
    }
  }
  for (int m = 0; m < outputs; ++m) {
    hn::BlendedStore(sums[m], some, d, a.y + (k + m) * a.y_step + i);
  }
}

template <int outputs, typename T>
HWY_NOINLINE void pointwise_channels(const PointwiseRow<T>& a, std::int64_t k) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()));
  std::int64_t i = 0;
  for (; i + pointwise_vectors * lanes <= a.count; i += pointwise_vectors * lanes) {
    pointwise_tile<outputs, pointwise_vectors>(a, k, i);
  }
  for (; i + lanes <= a.count; i += lanes) pointwise_tile<outputs, 1>(a, k, i);
  if (i < a.count) pointwise_rest<outputs>(a, k, i);
}

template <typename T>
void run_pointwise(const PointwiseRow<T>& a) {
  std::int64_t k = 0;
  for (; k + pointwise_outputs <= a.outputs; k += pointwise_outputs) {
    pointwise_channels<pointwise_outputs>(a, k);
  }
  switch (a.outputs - k) {
    case 3:
      return pointwise_channels<3>(a, k);
    case 2:
      return pointwise_channels<2>(a, k);
    case 1:
      return pointwise_channels<1>(a, k);
    default:
      return;
  }
}

template <typename T>
PointwiseKernel<T> make_pointwise_kernel() {
  return run_pointwise<T>;
}
#else
template <typename T>
PointwiseKernel<T> make_pointwise_kernel() {
  return nullptr;
}
#endif

}  // namespace HWY_NAMESPACE
}  // namespace faltung::direct
HWY_AFTER_NAMESPACE();
