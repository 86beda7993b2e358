#pragma once

#include "cuda/fft/fft_geometry.hpp"
#include "cuda/primitives/epilogue.cuh"
#include "cuda/primitives/memory.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::fft {

/// Which tensor of a problem is meant.
enum class Operand : std::uint8_t { x, w, y };

inline constexpr int threads = 256;
/// Points or elements of one channel that a block of threads takes at a time.
inline constexpr std::uint32_t chunk = 8 * threads;

/// Elements of one tensor, and blocks of points: `arrays` of them, one behind the other, those of
/// `count` units from `first` on, channel after channel; or of `count` pairs of channels, for w.
struct MoveArguments {
  Geometry geometry;
  Global<const unsigned char> from;
  Global<unsigned char> to;
  DType type = DType::f32;  ///< of the tensor
  std::int64_t first = 0, count = 0;
  EpilogueArguments epilogue;  ///< of a store
};

/// The number of a spectrum: group * steps.group + outer * steps.outer + inner * steps.inner.
struct SpectrumSteps {
  std::int64_t group = 0, outer = 0, inner = 0;
};

/// Sums of products of spectra, each of `points` complex numbers, as products of matrices:
///
///     sum[group, row, column] = scale * ((sum before) + over j of  a[group, row, j] b[group,
///     column, j])
struct ProductArguments {
  Global<const unsigned char> a = {}, b = {};
  Global<unsigned char> sum = {};
  std::int64_t points = 0;
  std::int64_t groups = 1, rows = 1, columns = 1, terms = 1;
  SpectrumSteps a_at, b_at, sum_at;
  bool conjugate_b = false;
  bool add = false;  ///< to the sum before
  double scale = 1;
};

/// T is what blocks are made of: float, double, or complex numbers of these.
template <typename T>
void launch_load(Operand operand, const MoveArguments& arguments, LaunchQueue queue);
/// Sums are finished as `accumulator`; integer sums are whole numbers in f64.
template <typename T>
void launch_store(Operand operand, const MoveArguments& arguments, DType accumulator,
                  LaunchQueue queue);
/// Part is float or double.
template <typename Part>
void launch_product(const ProductArguments& arguments, LaunchQueue queue);

}  // namespace faltung::cuda::fft
