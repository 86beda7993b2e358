#pragma once

#include <faltung/tensor.hpp>

namespace faltung {

/// Elements of one view into another of the same shape, converted as compact_copy says; both of any
/// strides.
///
/// @throws InvalidProblem if one is not on the CPU.
void copy_elements(const ConstTensorView& from, const TensorView& to);

}  // namespace faltung
