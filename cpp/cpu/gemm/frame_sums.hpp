#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "cpp/cpu/finite.hpp"
#include "cpp/cpu/gemm/columns.hpp"

/// Products of matrices multiply the zeros beside the input, and between its elements, with the
/// other operand, which gives NaN where that is NaN or infinite. The definition has no such
/// products. Sums that met one are added up once more here, without them.
namespace faltung::gemm {

/// Whether anything that is added to a sum leaves it as it is: all parts are NaN.
template <typename Acc>
bool is_undefined(Acc sum) {
  if constexpr (is_complex_value<Acc>) {
    return std::isnan(sum.real()) && std::isnan(sum.imag());
  } else {
    return std::isnan(sum);
  }
}

/// Outputs that are added up together.
inline constexpr std::int64_t frame_piece = 64;

/// Sums of output channel k of group g at some outputs of image b. `weights` are the channel's, for
/// each row of the column matrix, and some are not finite.
template <typename Acc>
void sum_outputs(const Columns<Acc>& columns, const void* x, const Acc* weights, std::int64_t b,
                 std::int64_t g, Block outputs, Acc* to) {
  using Sum = Wide<Acc>;
  for_each_block(outputs, frame_piece, [&](Block piece) {
    std::array<Acc, frame_piece> values;
    std::array<std::uint8_t, frame_piece> present;
    std::array<Sum, frame_piece> sums{};
    const auto count = static_cast<std::size_t>(piece.count);
    for (std::int64_t row = 0; row < columns.rows(); ++row) {
      columns.load(x, b, g, row, piece, values.data());
      present.fill(1);
      if (!is_finite(weights[row])) columns.mark(row, piece, present.data());
      bool all_undefined = true;
      for (std::size_t i = 0; i < count; ++i) {
        if (present[i] != 0) sums[i] += product(Sum(weights[row]), Sum(values[i]));
        all_undefined = all_undefined && is_undefined(sums[i]);
      }
      if (all_undefined) break;
    }
    for (std::size_t i = 0; i < count; ++i) {
      to[piece.first - outputs.first + static_cast<std::int64_t>(i)] = static_cast<Acc>(sums[i]);
    }
  });
}

/// Whether channel k of dy is finite in all images.
template <typename Acc>
bool is_finite_gradient(const Columns<Acc>& columns, const void* dy, std::int64_t batch,
                        std::int64_t k) {
  bool finite = true;
  for (std::int64_t b = 0; b < batch && finite; ++b) {
    for_each_block({0, columns.outputs()}, frame_piece, [&](Block piece) {
      std::array<Acc, frame_piece> gradient;
      columns.load_gradient(dy, b, k, piece, gradient.data());
      finite = finite && std::all_of(gradient.data(), gradient.data() + piece.count,
                                     [](Acc value) { return is_finite(value); });
    });
  }
  return finite;
}

/// The sum of conj(x) dy at row `row` of the column matrix of group g and output channel k, over
/// `batch` images. Some of dy is not finite.
template <typename Acc>
Acc sum_tap(const Columns<Acc>& columns, const void* x, const void* dy, std::int64_t batch,
            std::int64_t g, std::int64_t row, std::int64_t k) {
  using Sum = Wide<Acc>;
  Sum sum = 0;
  for (std::int64_t b = 0; b < batch; ++b) {
    for_each_block({0, columns.outputs()}, frame_piece, [&](Block piece) {
      if (is_undefined(sum)) return;
      std::array<Acc, frame_piece> values, gradient;
      std::array<std::uint8_t, frame_piece> present;
      columns.load(x, b, g, row, piece, values.data());
      columns.load_gradient(dy, b, k, piece, gradient.data());
      columns.mark(row, piece, present.data());
      for (std::size_t i = 0; i < static_cast<std::size_t>(piece.count); ++i) {
        if (present[i] != 0) {
          sum += product(conjugate_value(Sum(values[i])), Sum(gradient[i]));
        }
      }
    });
  }
  return static_cast<Acc>(sum);
}

}  // namespace faltung::gemm
