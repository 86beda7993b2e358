#pragma once

#include <cstdint>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>
#include <string_view>

namespace faltung::tools {

/// What the elements of a trial are.
enum class Fill : std::uint8_t {
  small_integers,  ///< so small that every sum is exact, where the problem allows that
  reals            ///< uniform in [-1, 1); integer types: their whole range up to 20 bits
};

[[nodiscard]] std::string_view name(Fill fill) noexcept;

/// How often an element of the input occurs in the extended input, at most; 1 for zero and constant
/// boundaries.
[[nodiscard]] double extension_folds(const Problem& problem);

/// Whether small integers make every step of `problem` exact, so that results must be equal.
[[nodiscard]] bool sums_are_exact(const Problem& problem);

/// One tensor of a problem with the problem's strides, in memory of its own.
struct Operand {
  Tensor storage;           ///< every element that the strides span, rank 1
  std::int64_t origin = 0;  ///< where index (0, 0, ...) lies in it
  Shape shape;
  Strides strides;

  [[nodiscard]] ConstTensorView view() const;
  [[nodiscard]] TensorView view();
  [[nodiscard]] Operand to(const Device& device) const;
  [[nodiscard]] Operand clone() const { return to(storage.device()); }
};

/// Everything `Plan::run` takes for one problem, on the CPU.
struct Operands {
  Operand first;   ///< x, dy or x
  Operand second;  ///< w, w or dy
  Operand result;  ///< data if beta reads them, else poison: NaN, or 0xa5 in every byte
  Tensor bias;     ///< empty without bias
};

/// The same for the same arguments on every machine.
[[nodiscard]] Operands make_operands(const Problem& problem, Fill fill, std::uint64_t seed);

}  // namespace faltung::tools
