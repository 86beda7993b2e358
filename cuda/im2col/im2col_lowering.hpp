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

/// The data gradient as a product for each output, and a sum of those that meet in an element:
///
///     z[d, m] = sum over k of  w[k, d] dy[k, m]        dx[c, i] = sum over d, m that meet i of
///     z[d, m]
///
/// Its product: dy as columns, and as many outputs as the forward problem has rows d.
[[nodiscard]] Geometry scattering(const Geometry& forward);
/// The forward problem's matrices, of the data gradient too.
[[nodiscard]] Geometry lower_forward(Problem p);

/// What the factors become before they are multiplied: f16 or bf16 if both are that, i8 (of u8,
/// too), f64, c64 or c128, else f32.
[[nodiscard]] DType factor_type(const Problem& p);

/// What is taken from the elements of u8 so that they are factors of i8.
struct Shifts {
  std::int32_t x = 0, other = 0;  ///< 128 or 0; `other`: w, or dy of filter gradients
};
[[nodiscard]] Shifts shifts_of(const Problem& p);
/// Columns of ones behind those of a chunk.
[[nodiscard]] inline std::int64_t columns_of_ones(const Problem& p) {
  return p.pass != Pass::backward_filter && shifts_of(p).x != 0 ? 1 : 0;
}

/// Real numbers in a factor: what the library counts.
[[nodiscard]] constexpr std::int64_t parts_of(DType factors) { return is_complex(factors) ? 2 : 1; }

/// Whether zeros that no element is are multiplied: those of a frame, or between elements.
[[nodiscard]] bool has_zeros(const Geometry& g);

}  // namespace faltung::cuda::im2col
