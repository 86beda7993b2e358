#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <faltung/plan.hpp>

#include "cpp/core/fft_blocks.hpp"
#include "cpp/core/integer_digits.hpp"
#include "cuda/fft/fft_geometry.hpp"
#include "cuda/runtime/cufft.hpp"

namespace faltung::cuda::fft {

/// What a problem's blocks are made of.
struct Numbers {
  Pass pass = Pass::forward;
  bool complex = false;
  bool wide = false;                                  ///< f64
  bool integers = false;                              ///< exact sums of them
  std::size_t x_bytes = 4, w_bytes = 4, y_bytes = 4;  ///< of elements

  /// Of sums of integers: an array for each digit of an operand, and for each diagonal of a result.
  faltung::fft::Digits digits;

  [[nodiscard]] double part() const { return wide ? 8 : 4; }
  [[nodiscard]] double point() const { return complex ? 2 * part() : part(); }
};
[[nodiscard]] Numbers numbers_of(const Problem& problem);

/// Which tensor of a problem is meant.
enum class Operand : std::uint8_t { x, w, y };
[[nodiscard]] Operand result_of(Pass pass);
/// Arrays for each block of an operand, or each filter.
[[nodiscard]] std::int64_t parts_of(const Numbers& numbers, Operand operand);

/// Numbers of a spectrum.
[[nodiscard]] std::int64_t spectrum_points(const Geometry& g, bool complex);

/// The axes of a block as cuFFT takes them: those of more than one point.
[[nodiscard]] cufft::Shape shape_of(const Geometry& g, std::int64_t batch);

/// What a block over the whole of each axis of a Geometry looks at.
using Ranges = std::array<faltung::fft::AxisRange, max_rank>;

using Lengths = std::array<std::int64_t, max_rank>;

/// Cuts the axes into blocks of these lengths, at least the reach of the filter.
void cut_at(const Numbers& numbers, const Ranges& ranges, const Lengths& lengths, Geometry& g);

/// Cuts the axes into blocks, the cheapest way on the reference machine, so that it depends on the
/// problem alone.
void cut(const Numbers& numbers, const Ranges& ranges, Geometry& g);

/// What bounds ask for. Of cuFFT it is taken that on lengths of small factors its transforms are no
/// worse than those of cpu.fft.
[[nodiscard]] faltung::fft::Sizes sizes_of(const Problem& problem, const Geometry& g);

/// Of sums of integers, whatever their values: the digits that cost least among those that are
/// exact.
///
/// @return whether there are such
[[nodiscard]] bool set_digits(const Problem& problem, const Geometry& g, Numbers& numbers);

}  // namespace faltung::cuda::fft
