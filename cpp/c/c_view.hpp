#pragma once

#include <string_view>

#include <faltung/faltung.h>
#include <faltung/tensor_view.hpp>

namespace faltung::c {

/// A view of the C interface as one of C++. What contradicts the problem is for the plan to find.
///
/// @param name  what messages call it: "x", "dw"
/// @throws InvalidProblem if it is null, its type or device is none, or its rank, shape and strides
///         do not fit each other.
TensorView view_of(const faltung_view* view, std::string_view name);

}  // namespace faltung::c
