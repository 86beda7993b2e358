#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "cpp/core/element.hpp"

namespace faltung {

/// The activation of one value, in the type sums are formed in. Integers know only relu and clamp;
/// complex values only none (Problem::validate).
template <typename T>
T activate(const Activation& activation, T value) {
  if constexpr (std::is_same_v<T, WideUnsigned>) {
    const auto number = static_cast<WideSigned>(value);
    switch (activation.kind) {
      case ActivationKind::relu:
        return number < 0 ? 0 : value;
      case ActivationKind::clamp:
        return static_cast<WideUnsigned>(std::clamp(number, static_cast<WideSigned>(activation.a),
                                                    static_cast<WideSigned>(activation.b)));
      default:
        return value;
    }
  } else if constexpr (std::is_floating_point_v<T>) {
    const T a = static_cast<T>(activation.a);
    switch (activation.kind) {
      case ActivationKind::none:
        return value;
      case ActivationKind::relu:
        return value < 0 ? T(0) : value;  // NaN stays NaN
      case ActivationKind::leaky_relu:
        return value < 0 ? a * value : value;
      case ActivationKind::gelu:
        // Halved first: twice the value may be infinite.
        return value * (std::erfc(-value * T(0.70710678118654752440)) / 2);
      case ActivationKind::silu:
        return value / (1 + std::exp(-value));
      case ActivationKind::clamp:
        return value < a ? a : value > static_cast<T>(activation.b) ? T(activation.b) : value;
    }
    return value;
  } else {
    return value;
  }
}

/// activation(alpha sum + beta old + bias), rounded once into an element of the result.
///
/// @param old   the element that stood there; read only if beta is not 0
/// @param bias  0 without bias
template <typename T, typename Accumulator>
void finish_element(const Epilogue& epilogue, StoreRule rule, Accumulator sum, Accumulator bias,
                    T& element) {
  if constexpr (std::is_same_v<Accumulator, WideUnsigned>) {
    if (epilogue.beta != 0) sum += load_element<Accumulator>(element);
    sum += bias;
  } else {
    using Real = decltype(std::abs(Accumulator{}));
    if (epilogue.alpha != 1) sum *= static_cast<Real>(epilogue.alpha);
    if (epilogue.beta != 0) {
      sum += static_cast<Real>(epilogue.beta) * load_element<Accumulator>(element);
    }
    if (epilogue.bias) sum += bias;
  }
  element = store_element<T>(activate(epilogue.activation, sum), rule);
}

}  // namespace faltung
