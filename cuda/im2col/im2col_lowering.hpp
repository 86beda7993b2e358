#pragma once

#include <string>

#include "cuda/im2col/im2col_geometry.hpp"

namespace faltung::cuda::im2col {

/// Why a problem cannot be lowered; empty if it can.
[[nodiscard]] std::string refusal(const Problem& p);

/// The matrices of a problem that is not refused.
[[nodiscard]] Geometry lower(const Problem& p);

/// The same for dy of the filter gradient: a filter of one tap, so that its columns are dy.
[[nodiscard]] Geometry gradient_columns(const Geometry& g);

/// What the factors become before they are multiplied: f16 or bf16 if both are that, i8, f64, else
/// f32.
[[nodiscard]] DType factor_type(const Problem& p);

/// Whether zeros that no element is are multiplied: those of a frame, or between elements.
[[nodiscard]] bool has_zeros(const Geometry& g);

}  // namespace faltung::cuda::im2col
