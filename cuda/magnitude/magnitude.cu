#include "cuda/magnitude/magnitude.hpp"

#include <limits>

#include <faltung/dtype.hpp>
#include "cuda/magnitude/magnitude_kernel.cuh"
#include "cuda/runtime/device_guard.hpp"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda {
namespace {

using magnitude::Arguments;
using magnitude::IntegerRule;

IntegerRule integer_rule(DType type, const image::MagnitudePass& pass) {
  IntegerRule rule;
  visit_dtype(type, [&](auto element) {
    using T = decltype(element);
    if constexpr (is_integer(dtype_of<T>)) {
      rule.bits = 8 * static_cast<int>(sizeof(T));
      rule.is_signed = std::numeric_limits<T>::is_signed;
      rule.max = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
    }
  });
  for (std::uint64_t bit = std::uint64_t{1} << 31; bit != 0; bit /= 2) {
    const std::uint64_t larger = rule.max_square + bit;
    if (larger * larger <= rule.max) rule.max_square = larger;
  }
  rule.saturates = pass.overflow == Overflow::saturate;
  rule.rounds = pass.rounding == Rounding::nearest_even;
  return rule;
}

void start(const image::MagnitudePass& pass, LaunchQueue queue) {
  Arguments a;
  a.elements = elements_of(pass.y.shape, pass.y.strides,
                           pass.term.data == nullptr ? Strides{} : pass.term.strides);
  if (a.elements.count == 0) return;
  a.term = Global<const unsigned char>(static_cast<const unsigned char*>(pass.term.data));
  a.y = Global<unsigned char>(static_cast<unsigned char*>(pass.y.data));
  a.type = pass.y.dtype;
  a.square = pass.square;
  a.root = pass.root;
  const LaunchConfig config{
      .name = "gradient magnitude",
      .grid = grid_of((a.elements.count + magnitude::threads - 1) / magnitude::threads),
      .block = magnitude::threads,
      .stream = queue};
  if (is_integer(a.type)) {
    a.whole = integer_rule(a.type, pass);
    launch(magnitude::magnitude_kernel<std::uint64_t>, config, a);
  } else if (a.type == DType::f64) {
    launch(magnitude::magnitude_kernel<double>, config, a);
  } else {
    launch(magnitude::magnitude_kernel<float>, config, a);
  }
}

}  // namespace

void prepare_magnitude(const Device& device, DType type) {
  const DeviceGuard guard(device.index);
  start({.y = {nullptr, type, {1}, {1}, device}}, LaunchQueue::load_only());
}

void run_magnitude(const image::MagnitudePass& pass, const Stream& stream) {
  const DeviceGuard guard(stream.device.index);
  start(pass, static_cast<cudaStream_t>(stream.handle));
}

}  // namespace faltung::cuda
