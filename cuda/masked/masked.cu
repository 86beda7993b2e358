#include "cuda/masked/masked.hpp"

#include "cuda/masked/masked_kernel.cuh"
#include "cuda/primitives/dispatch.cuh"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::masked {
namespace {

namespace passes = faltung::masked;

Global<const unsigned char> readable(const void* data) {
  return Global<const unsigned char>(static_cast<const unsigned char*>(data));
}
template <typename T>
Global<const T> values_of(const ConstTensorView& view) {
  return Global<const T>(static_cast<const T*>(view.data));
}
template <typename T>
Global<T> values_in(const TensorView& view) {
  return Global<T>(static_cast<T*>(view.data));
}
Strides strides_of(const ConstTensorView& view) {
  return view.data == nullptr ? Strides{} : view.strides;
}

LaunchConfig config_of(const char* name, std::int64_t count, LaunchQueue stream) {
  return {.name = name,
          .grid = grid_of((count + threads - 1) / threads),
          .block = threads,
          .stream = stream};
}

template <typename T>
Divisors<T> divisors_of(const ConstTensorView& divisors, const ConstTensorView& counts,
                        const passes::QuotientRule& rule) {
  return {values_of<T>(divisors), values_of<T>(counts), passes::quotient_of<T>(rule)};
}

template <typename T>
void launch_load(const passes::LoadPass& pass, LaunchQueue queue) {
  LoadArguments<T> a;
  a.elements = elements_of(pass.x.shape, pass.x.strides, strides_of(pass.given));
  if (a.elements.count == 0) return;
  a.x = readable(pass.x.data);
  a.x_type = pass.x.dtype;
  a.given = values_of<T>(pass.given);
  a.values = values_in<T>(pass.values);
  a.weights = values_in<T>(pass.weights);
  a.missing = pass.rule.nan == NanRule::missing;
  a.replaced = pass.rule.nan == NanRule::value;
  a.replacement = static_cast<T>(pass.rule.nan_value);
  launch(load_kernel<T>, config_of("masked load", a.elements.count, queue), a);
}

template <typename T>
void launch_divide(const passes::QuotientPass& pass, LaunchQueue queue) {
  QuotientArguments<T> a;
  a.elements = elements_of(pass.y.shape, pass.y.strides, strides_of(pass.x));
  if (a.elements.count == 0) return;
  a.by = divisors_of<T>(pass.divisors, pass.counts, pass.rule);
  a.sums = Global<T>(static_cast<T*>(const_cast<void*>(pass.sums.data)));
  a.x = readable(pass.x.data);
  a.x_type = pass.x.dtype;
  a.y = Global<unsigned char>(static_cast<unsigned char*>(pass.y.data));
  a.y_type = pass.y.dtype;
  a.originals = pass.originals;
  a.scaled = pass.rule.gain != pass.rule.sum;
  launch(divide_kernel<T>, config_of("masked divide", a.elements.count, queue), a);
}

template <typename T>
void launch_count(const TensorView& weights, LaunchQueue queue) {
  const std::int64_t all = element_count(weights.shape);
  if (all == 0) return;
  launch(count_kernel<T>, config_of("masked count", all, queue), values_in<T>(weights), all);
}

template <typename T>
void launch_backward(const passes::BackwardPass& pass, LaunchQueue queue) {
  BackwardArguments<T> a;
  const bool preserves = pass.originals.preserves;
  a.elements =
      elements_of(pass.gradient.shape, preserves ? pass.x.strides : pass.gradient.strides, {});
  a.by = divisors_of<T>(pass.divisors, pass.counts, pass.rule);
  a.gradient = values_in<T>(pass.gradient);
  a.sums = values_in<T>(pass.sums);
  a.through = values_in<T>(pass.through);
  a.x = readable(pass.x.data);
  a.x_type = pass.x.dtype;
  a.originals = pass.originals;
  a.totals = Global<double>(pass.totals);
  if (!queue.loads) {
    const std::size_t bytes = passes::total_count * sizeof(double);
    check(cudaMemsetAsync(pass.totals, 0, bytes, queue.stream), "clear ", bytes, " bytes");
  }
  if (a.elements.count == 0) return;
  LaunchConfig config = config_of("masked divide backward", a.elements.count, queue);
  config.grid.x = std::min(config.grid.x, static_cast<unsigned>(passes::total_pairs));
  launch(backward_kernel<T>, config, a);
}

template <typename T>
void launch_data_gradient(const passes::DataGradientPass& pass, LaunchQueue queue) {
  DataGradientArguments<T> a;
  a.elements = elements_of(pass.dx.shape, pass.dx.strides, strides_of(pass.replaced));
  if (a.elements.count == 0) return;
  a.values = values_of<T>(pass.values);
  a.weights = values_of<T>(pass.weights);
  a.through = values_of<T>(pass.through);
  a.replaced = readable(pass.replaced.data);
  a.dx = Global<unsigned char>(static_cast<unsigned char*>(pass.dx.data));
  a.x_type = pass.dx.dtype;
  launch(data_gradient_kernel<T>, config_of("masked data gradient", a.elements.count, queue), a);
}

template <typename T>
void launch_filter_gradient(const passes::FilterGradientPass& pass, LaunchQueue queue) {
  FilterGradientArguments<T> a;
  a.elements = elements_of(pass.dw.shape, pass.dw.strides, {});
  if (a.elements.count == 0) return;
  a.sums = values_of<T>(pass.sums);
  a.divisors = values_of<T>(pass.divisors);
  a.totals = Global<const double>(pass.totals);
  a.dw = values_in<T>(pass.dw);
  a.gains = pass.gains;
  launch(filter_gradient_kernel<T>, config_of("masked filter gradient", a.elements.count, queue),
         a);
}

/// Calls f with a zero of the type of the sums, on a device, with its stream.
template <typename F>
void on(const Stream& stream, DType sums, const F& f) {
  const DeviceGuard guard(stream.device.index);
  visit_type<float, double>(
      sums, [&](auto zero) { f(zero, LaunchQueue(static_cast<cudaStream_t>(stream.handle))); });
}

class CudaPasses final : public passes::Passes {
 public:
  // Shapes of one element, so that there is something to launch.
  void prepare(const Device& device, DType sums) const override {
    const DeviceGuard guard(device.index);
    const LaunchQueue queue = LaunchQueue::load_only();
    const TensorView one{nullptr, sums, {1}, {1}, device};
    visit_type<float, double>(sums, [&](auto zero) {
      using T = decltype(zero);
      launch_load<T>({.x = one, .given = {}, .values = one}, queue);
      launch_divide<T>({.sums = one, .y = one}, queue);
      launch_count<T>(one, queue);
      launch_backward<T>({.gradient = one, .sums = one}, queue);
      launch_data_gradient<T>({.values = one, .dx = one}, queue);
      launch_filter_gradient<T>({.sums = one, .dw = one}, queue);
    });
  }
  void load(const passes::LoadPass& pass, const Stream& stream) const override {
    on(stream, pass.values.dtype,
       [&](auto zero, LaunchQueue queue) { launch_load<decltype(zero)>(pass, queue); });
  }
  void divide(const passes::QuotientPass& pass, const Stream& stream) const override {
    on(stream, pass.sums.dtype,
       [&](auto zero, LaunchQueue queue) { launch_divide<decltype(zero)>(pass, queue); });
  }
  void count(const TensorView& weights, const Stream& stream) const override {
    on(stream, weights.dtype,
       [&](auto zero, LaunchQueue queue) { launch_count<decltype(zero)>(weights, queue); });
  }
  void divide_backward(const passes::BackwardPass& pass, const Stream& stream) const override {
    on(stream, pass.sums.dtype,
       [&](auto zero, LaunchQueue queue) { launch_backward<decltype(zero)>(pass, queue); });
  }
  void data_gradient(const passes::DataGradientPass& pass, const Stream& stream) const override {
    on(stream, pass.values.dtype,
       [&](auto zero, LaunchQueue queue) { launch_data_gradient<decltype(zero)>(pass, queue); });
  }
  void filter_gradient(const passes::FilterGradientPass& pass,
                       const Stream& stream) const override {
    on(stream, pass.sums.dtype,
       [&](auto zero, LaunchQueue queue) { launch_filter_gradient<decltype(zero)>(pass, queue); });
  }
};

}  // namespace
}  // namespace faltung::cuda::masked

namespace faltung::cuda {

const faltung::masked::Passes& masked_passes() {
  static const masked::CudaPasses passes;
  return passes;
}

}  // namespace faltung::cuda
