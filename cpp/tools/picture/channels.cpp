#include "cpp/tools/picture/channels.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstddef>
#include <faltung/error.hpp>
#include <limits>

namespace faltung::tools {
namespace {

/// Calls `work` with a zero of the tensor's real type.
template <typename Work>
void with_real(const Tensor& tensor, Work&& work) {
  tensor.dtype() == f64 ? work(double{}) : work(float{});
}

template <typename Sample, typename Real>
Sample to_sample(Real value) {
  constexpr Real largest = std::numeric_limits<Sample>::max();
  if (value >= largest) return std::numeric_limits<Sample>::max();
  return value > 0 ? static_cast<Sample>(std::nearbyint(value)) : Sample{0};
}

template <typename Sample, typename Real>
void store(std::span<const Real> values, std::span<Sample> samples, const Shape& shape,
           std::int64_t channel) {
  auto place = static_cast<std::size_t>(channel);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) {
      const auto width = static_cast<std::size_t>(shape[1]);
      throw InvalidProblem(fmt::format(
          "row {}, column {} of the result is not a number: the kernel's values are too large",
          i / width, i % width));
    }
    samples[place] = to_sample<Sample>(values[i]);
    place += static_cast<std::size_t>(shape[2]);
  }
}

}  // namespace

Tensor channel_values(const Tensor& samples, std::int64_t channel, DType dtype) {
  const Shape& shape = samples.shape();
  const auto* data = static_cast<const std::byte*>(samples.data());
  const auto step = static_cast<std::int64_t>(size_of(samples.dtype()));
  return compact_copy({data + channel * step, samples.dtype(), Shape{shape[0], shape[1]},
                       Strides{shape[1] * shape[2], shape[2]}, Device::cpu()},
                      dtype);
}

void store_channel(const Tensor& values, Tensor& samples, std::int64_t channel) {
  with_real(values, [&](auto real) {
    const auto source = values.values<decltype(real)>();
    const Shape shape = samples.shape();
    samples.dtype() == u8 ? store(source, samples.values<std::uint8_t>(), shape, channel)
                          : store(source, samples.values<std::uint16_t>(), shape, channel);
  });
}

void multiply(Tensor& values, const Tensor& factors) {
  with_real(values, [&](auto real) {
    const auto target = values.values<decltype(real)>();
    const auto other = factors.values<decltype(real)>();
    for (std::size_t i = 0; i < target.size(); ++i) target[i] *= other[i];
  });
}

void scale(Tensor& values, double factor) {
  with_real(values, [&](auto real) {
    using Real = decltype(real);
    for (Real& value : values.values<Real>()) value *= static_cast<Real>(factor);
  });
}

void unpremultiply(Tensor& values, const Tensor& alpha, const Tensor& original) {
  with_real(values, [&](auto real) {
    const auto target = values.values<decltype(real)>();
    const auto weights = alpha.values<decltype(real)>();
    const auto kept = original.values<decltype(real)>();
    for (std::size_t i = 0; i < target.size(); ++i) {
      // Half a sample rounds to 0, to even.
      target[i] = weights[i] > decltype(real){0.5} ? target[i] / weights[i] : kept[i];
    }
  });
}

}  // namespace faltung::tools
