#pragma once

#include "cuda/primitives/element.cuh"

namespace faltung::cuda {

/// Problem::epilogue and the store rule, as kernels take them.
struct EpilogueArguments {
  Global<const unsigned char> bias;  ///< one per result channel; null without
  double alpha = 1;
  double beta = 0;
  ActivationKind activation = ActivationKind::none;
  double a = 0, b = 0;            ///< the activation's parameters
  WideInteger low = 0, high = 0;  ///< a and b of a clamp of integer sums
  DType bias_type = DType::f32;
  StoreRule rule;
  bool plain = true;  ///< the sum is stored as it is
};

/// The activation of one value; integers know only relu and clamp, complex values only none.
template <typename W>
__device__ W activate(const EpilogueArguments& e, W value) {
  if constexpr (std::is_same_v<W, double>) {
    switch (e.activation) {
      case ActivationKind::none:
        return value;
      case ActivationKind::relu:
        return value < 0 ? 0.0 : value;  // NaN stays NaN
      case ActivationKind::leaky_relu:
        return value < 0 ? e.a * value : value;
      case ActivationKind::gelu:
        // Halved first: the product alone may pass the largest number.
        return value * (erfc(-value * 0.70710678118654752440) / 2);
      case ActivationKind::silu:
        return value / (1 + exp(-value));
      case ActivationKind::clamp:
        return value < e.a ? e.a : value > e.b ? e.b : value;
    }
    return value;
  } else if constexpr (std::is_same_v<W, WideInteger>) {
    if (e.activation == ActivationKind::relu) return value < 0 ? 0 : value;
    if (e.activation == ActivationKind::clamp) {
      return value < e.low ? e.low : value > e.high ? e.high : value;
    }
    return value;
  } else {
    return value;
  }
}

/// A sum in the type of the epilogue. Integer sums are two's complement.
template <typename Acc>
__device__ __forceinline__ Wide<Acc> widen(Acc sum) {
  if constexpr (std::is_integral_v<Acc>) {
    return static_cast<std::make_signed_t<Acc>>(sum);
  } else if constexpr (is_complex_value<Acc>) {
    return {sum.real, sum.imag};
  } else {
    return sum;
  }
}

/// y[index] = activation(alpha sum + beta y[index] + bias[channel]), rounded once.
template <typename Acc>
__device__ void finish_element(const EpilogueArguments& e, Acc sum, std::int64_t channel,
                               Global<unsigned char> y, DType type, std::int64_t index) {
  using W = Wide<Acc>;
  if constexpr (std::is_same_v<Acc, float>) {  // spares the way through double
    if (e.plain && type == DType::f32) {
      y.as<float>()[index] = sum;
      return;
    }
  }
  W value = widen(sum);
  if (!e.plain) {
    W old{}, bias{};
    if (e.beta != 0) old = load_element<W>(y, type, index);
    if (e.bias.data() != nullptr) bias = load_element<W>(e.bias, e.bias_type, channel);
    if constexpr (is_complex_value<W>) {
      value.real = e.alpha * value.real + e.beta * old.real + bias.real;
      value.imag = e.alpha * value.imag + e.beta * old.imag + bias.imag;
    } else if constexpr (std::is_same_v<W, double>) {
      value = e.alpha * value + e.beta * old + bias;
    } else {
      value += old + bias;  // alpha is 1 and beta 0 or 1
    }
    value = activate(e, value);
  }
  store_element(y, type, index, value, e.rule);
}

}  // namespace faltung::cuda
