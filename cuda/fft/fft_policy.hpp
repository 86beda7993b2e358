#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <faltung/plan.hpp>

#include "cpp/core/fft_blocks.hpp"
#include "cuda/fft/fft_geometry.hpp"
#include "cuda/runtime/cufft.hpp"

namespace faltung::cuda::fft {

/// The smallest product of powers of 2, 3, 5 and 7 that is no less; even if `even`. cuFFT is fast
/// for these, and others may go through lengths more than twice their own.
/// Source: cuFFT's documentation, "Accuracy and Performance".
[[nodiscard]] std::int64_t good_length(std::int64_t min, bool even);

/// What a problem's blocks are made of.
struct Numbers {
  Pass pass = Pass::forward;
  bool complex = false;
  bool wide = false;                                  ///< f64
  std::size_t x_bytes = 4, w_bytes = 4, y_bytes = 4;  ///< of elements

  [[nodiscard]] double part() const { return wide ? 8 : 4; }
  [[nodiscard]] double point() const { return complex ? 2 * part() : part(); }
};
[[nodiscard]] Numbers numbers_of(const Problem& problem);

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

}  // namespace faltung::cuda::fft
