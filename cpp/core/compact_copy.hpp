#pragma once

#include <faltung/tensor.hpp>

namespace faltung {

/// compact_copy into memory that is there: of the view's shape, on the CPU, compact.
void copy_compact(const ConstTensorView& view, Tensor& copy);

}  // namespace faltung
