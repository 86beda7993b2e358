#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <faltung/machine.hpp>
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

/// Cuts the axes into blocks, the cheapest way on the reference machine, so that it depends on the
/// problem alone.
void cut(const Numbers& numbers, const Ranges& ranges, Geometry& g);

/// How much is transformed at once, the same on all devices.
struct Batches {
  std::int64_t units = 1;  ///< blocks, with all their channels; whole images for the data gradient
  std::int64_t pairs = 1;  ///< filters
};
[[nodiscard]] Batches batches(const Numbers& numbers, const Geometry& g);

/// For less workspace: about half as much at once, down to one unit (or image) and one filter.
[[nodiscard]] Batches halved(const Batches& batches, const Numbers& numbers, const Geometry& g);
[[nodiscard]] bool is_least(const Batches& batches, const Numbers& numbers, const Geometry& g);

[[nodiscard]] double predict_us(const GpuMachine& gpu, const Numbers& numbers, const Geometry& g);

/// What bounds ask for. Of cuFFT it is taken that on lengths of small factors its transforms are no
/// worse than those of cpu.fft.
[[nodiscard]] faltung::fft::Sizes sizes_of(const Problem& problem, const Geometry& g);

}  // namespace faltung::cuda::fft
