#include "cuda/masked/masked.hpp"

#include "cuda/masked/masked_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::masked {
namespace {

using faltung::masked::LoadPass;
using faltung::masked::QuotientPass;

Global<const unsigned char> readable(const void* data) {
  return Global<const unsigned char>(static_cast<const unsigned char*>(data));
}

/// @param second  strides of the second tensor, or of none
Elements elements_of(const Shape& shape, const Strides& first, const Strides& second) {
  Elements e;
  e.count = element_count(shape);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    const std::int64_t a = first[i], b = second.empty() ? 0 : second[i];
    const int last = e.axes - 1;
    if (last >= 0 && e.first[last] == a * shape[i] && e.second[last] == b * shape[i]) {
      e.extent[last] *= shape[i];
      e.first[last] = a;
      e.second[last] = b;
      continue;
    }
    e.extent[e.axes] = shape[i];
    e.first[e.axes] = a;
    e.second[e.axes++] = b;
  }
  return e;
}

LaunchConfig config_of(const char* name, std::int64_t count, LaunchQueue stream) {
  return {.name = name,
          .grid = grid_of((count + threads - 1) / threads),
          .block = threads,
          .stream = stream};
}

}  // namespace

void load(const LoadPass& pass, cudaStream_t stream) {
  const Strides given = pass.given.data == nullptr ? Strides{} : pass.given.strides;
  visit_type<float, double>(pass.values.dtype, [&](auto zero) {
    using T = decltype(zero);
    LoadArguments<T> a;
    a.elements = elements_of(pass.x.shape, pass.x.strides, given);
    if (a.elements.count == 0) return;
    a.x = readable(pass.x.data);
    a.x_type = pass.x.dtype;
    a.given = Global<const T>(static_cast<const T*>(pass.given.data));
    a.values = Global<T>(static_cast<T*>(pass.values.data));
    a.weights = Global<T>(static_cast<T*>(pass.weights.data));
    a.missing = pass.rule.nan == NanRule::missing;
    a.replaced = pass.rule.nan == NanRule::value;
    a.replacement = static_cast<T>(pass.rule.nan_value);
    launch(load_kernel<T>, config_of("masked load", a.elements.count, stream), a);
  });
}

void divide(const QuotientPass& pass, cudaStream_t stream) {
  visit_type<float, double>(pass.sums.dtype, [&](auto zero) {
    using T = decltype(zero);
    QuotientArguments<T> a;
    a.elements = elements_of(pass.y.shape, pass.y.strides,
                             pass.x.data == nullptr ? Strides{} : pass.x.strides);
    if (a.elements.count == 0) return;
    a.sums = Global<T>(static_cast<T*>(const_cast<void*>(pass.sums.data)));
    a.divisors = Global<const T>(static_cast<const T*>(pass.divisors.data));
    a.counts = Global<const T>(static_cast<const T*>(pass.counts.data));
    a.x = readable(pass.x.data);
    a.x_type = pass.x.dtype;
    a.y = Global<unsigned char>(static_cast<unsigned char*>(pass.y.data));
    a.y_type = pass.y.dtype;
    a.q = faltung::masked::quotient_of<T>(pass.rule);
    a.originals = pass.originals;
    a.scaled = pass.rule.gain != pass.rule.sum;
    launch(divide_kernel<T>, config_of("masked divide", a.elements.count, stream), a);
  });
}

void prepare(DType sums) {
  visit_type<float, double>(sums, [](auto zero) {
    using T = decltype(zero);
    const LaunchQueue queue = LaunchQueue::load_only();
    launch(load_kernel<T>, config_of("masked load", 1, queue), LoadArguments<T>{});
    launch(divide_kernel<T>, config_of("masked divide", 1, queue), QuotientArguments<T>{});
    launch(count_kernel<T>, config_of("masked count", 1, queue), Global<T>(), std::int64_t{0});
  });
}

void count(const TensorView& weights, cudaStream_t stream) {
  const std::int64_t all = element_count(weights.shape);
  if (all == 0) return;
  visit_type<float, double>(weights.dtype, [&](auto zero) {
    using T = decltype(zero);
    launch(count_kernel<T>, config_of("masked count", all, stream),
           Global<T>(static_cast<T*>(weights.data)), all);
  });
}

}  // namespace faltung::cuda::masked
