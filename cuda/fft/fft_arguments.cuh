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
inline constexpr std::uint32_t chunk = 4 * threads;

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

/// Sums of products of spectra, each of `points` complex numbers:
///
///     sum[p, g, m, n] = scale * sum over j of  a[...] b[...]  (+ sum before)
///
/// where index p, g, m, n, j of a and of b is the spectrum p * step[0] + g * step[1] + m * step[2]
/// + n * step[3] + j * step[4].
struct ProductArguments {
  Global<const unsigned char> a, b;
  Global<unsigned char> sum;
  std::int64_t points = 0;
  std::int64_t extent[4] = {1, 1, 1, 1};  ///< of p, g, m, n
  std::int64_t terms = 1;                 ///< of j
  std::int64_t a_step[5] = {}, b_step[5] = {};
  bool conjugate_b = false;
  bool add = false;
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
