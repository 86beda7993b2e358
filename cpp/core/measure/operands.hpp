#pragma once

#include <cstdint>

#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>
#include <faltung/tensor_view.hpp>

namespace faltung::measuring {

/// A tensor with strides as it lies in memory: the elements that they reach, and where it begins.
struct Operand {
  Tensor storage;
  std::int64_t origin = 0;  ///< elements before its first one, where strides are negative
  Shape shape;
  Strides strides;

  [[nodiscard]] ConstTensorView view() const;
};

/// What a problem needs, on the CPU. Every value is drawn: reals uniform in [-1, 1), integers from
/// 0 to 12; filters with a promise of Problem::separable are outer products.
struct Operands {
  Operand first, second;
  Operand result;              ///< what stands in the result before; zeros if nothing reads it
  Tensor bias;                 ///< without elements if there is none
  double largest_product = 0;  ///< no |x| |w| is larger, constants of boundaries included
};

/// @throws DeviceError if memory runs out
[[nodiscard]] Operands make_operands(const Problem& problem, std::uint64_t seed);

/// Bytes of all of it.
[[nodiscard]] double operand_bytes(const Problem& problem);

/// Shape and strides of the tensor that the pass writes, and of the two that it reads.
struct Layouts {
  Shape first, second, result;
  Strides first_strides, second_strides, result_strides;  ///< never empty
};
[[nodiscard]] Layouts layouts_of(const Problem& problem);

}  // namespace faltung::measuring
