#pragma once

#include <faltung/tensor.hpp>

namespace faltung {

/// Elements of one view into another of the same shape, converted as compact_copy says; both of any
/// strides.
///
/// @throws InvalidProblem if one is not on the CPU.
void copy_elements(const ConstTensorView& from, const TensorView& to);

/// compact_copy of a view on any device, into memory of the CPU; on a GPU it waits for `stream`.
[[nodiscard]] Tensor cpu_copy(const ConstTensorView& view, DType dtype, const Stream& stream = {});

}  // namespace faltung
