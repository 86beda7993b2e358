#pragma once

#include <vector>

#include <faltung/machine.hpp>

#include "cuda/fft/fft_policy.hpp"

/// How much of a problem is transformed at once, and what that takes.
namespace faltung::cuda::fft {

/// The same on all devices. Changes speed and memory, never results: sums go on from one batch and
/// one section to the next in the same order.
struct Batches {
  std::int64_t units = 1;  ///< blocks; of a data gradient that folds, all of some images
  std::int64_t groups = 1, inputs = 1, outputs = 1;  ///< of a Section
  std::int64_t pairs = 1;  ///< filters of a section that are transformed by one call

  friend bool operator==(const Batches&, const Batches&) = default;
};

/// Operands that cuFFT loads itself, see fused_load.hpp: whose blocks are neither written nor read.
struct FusedLoads {
  bool x = false, w = false, y = false;

  [[nodiscard]] bool has(Operand operand) const {
    return operand == Operand::x ? x : operand == Operand::w ? w : y;
  }
  [[nodiscard]] bool any() const { return x || w || y; }
};

/// Sections of a problem.
struct SectionCounts {
  std::int64_t groups, inputs, outputs;
  [[nodiscard]] std::int64_t all() const { return groups * inputs * outputs; }
};
[[nodiscard]] SectionCounts count_sections(const Geometry& g, const Batches& b);

/// One of them, by its number along each.
[[nodiscard]] Section section_at(const Batches& b, std::int64_t group, std::int64_t input,
                                 std::int64_t output);

/// Arrays of a batch of units, of all channels of a section; and of its filters, in whole calls.
struct ArrayCounts {
  std::int64_t x, y, w;
};
[[nodiscard]] ArrayCounts count_arrays(const Batches& b);

/// Where the arrays of a run lie in its workspace: offsets in bytes, multiples of 256.
struct Layout {
  std::size_t points = 0;           ///< of a batch of one operand
  std::size_t x = 0, y = 0, w = 0;  ///< spectra
  std::size_t any = 0;              ///< the mark of a run that met numbers that are not finite
  std::size_t x_marks = 0, y_marks = 0, w_marks = 0;  ///< behind it; none of a result
  std::size_t fused = 0;                              ///< descriptions of fused loads
  std::size_t work = 0;                               ///< what cuFFT asks for
  std::size_t end = 0;
};
[[nodiscard]] Layout lay_out(const Numbers& numbers, const Geometry& g, const Batches& b,
                             std::size_t work_bytes, const FusedLoads& fused = {});

/// As many units as stay in half of a second-level cache, with all their channels, and the spectra
/// of all filters.
[[nodiscard]] Batches batches(const Numbers& numbers, const Geometry& g);

/// All that take less, the fastest first; down to one unit with one channel and one filter, which
/// is the last.
[[nodiscard]] std::vector<Batches> smaller_batches(const Numbers& numbers, const Geometry& g);

[[nodiscard]] double predict_us(const GpuMachine& gpu, const Numbers& numbers, const Geometry& g,
                                const Batches& b, const FusedLoads& fused = {});

/// Operands whose loads may be fused: as their indices allow, and the sizes of calls.
[[nodiscard]] FusedLoads possible_fused(const Numbers& numbers, const Geometry& g);

/// Those of them that save more than a launch takes, on the reference machine, so that they depend
/// on the problem alone.
[[nodiscard]] FusedLoads choose_fused(const Numbers& numbers, const Geometry& g);

}  // namespace faltung::cuda::fft
