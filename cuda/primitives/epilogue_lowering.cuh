#pragma once

#include <algorithm>

#include <faltung/problem.hpp>

#include "cuda/primitives/epilogue.cuh"

namespace faltung::cuda {

/// A bound of an integer clamp, which no sum passes where it lies far outside.
inline WideInteger integer_bound(double value) {
  return static_cast<WideInteger>(std::clamp(value, -0x1p100, 0x1p100));
}

/// The epilogue of a problem, but for its bias.
inline EpilogueArguments epilogue_arguments(const Problem& p) {
  const Epilogue& e = p.epilogue;
  EpilogueArguments result;
  result.alpha = e.alpha;
  result.beta = e.beta;
  result.activation = e.activation.kind;
  result.a = e.activation.a;
  result.b = e.activation.b;
  if (is_integer(p.accumulator) && e.activation.kind == ActivationKind::clamp) {
    result.low = integer_bound(e.activation.a);
    result.high = integer_bound(e.activation.b);
  }
  result.bias_type = p.bias_dtype();
  result.rule = {p.overflow, p.rounding};
  result.plain = e == Epilogue{};
  return result;
}

}  // namespace faltung::cuda
