#pragma once

#include "cuda/im2col/im2col_geometry.hpp"
#include "cuda/primitives/epilogue.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::im2col {

/// Threads of a block of every kernel here.
inline constexpr int threads = 256;

/// Where the matrix of each group lies that a kernel writes or reads, in elements.
struct Matrices {
  std::int64_t leading = 0;  ///< between neighbours of the slower of its two indices
  std::int64_t group = 0;    ///< between groups
};

struct ColumnsArguments {
  Geometry geometry;
  Chunk chunk;
  Global<const unsigned char> x;
  DType x_type = DType::f32;
  Global<unsigned char> columns;  ///< of T
  Matrices matrices;
  std::int64_t depth = 0;  ///< rows with those that are only zeros; no less than geometry.depth()
  std::int64_t positions = 0;  ///< columns likewise, no less than chunk.positions()
  std::int32_t shift = 0;      ///< taken from each element: 128 from u8
  bool ones = false;           ///< first of what follows: a row of ones, or in rows a column
};

struct FilterArguments {
  Geometry geometry;
  Global<const unsigned char> w;
  DType w_type = DType::f32;
  Global<unsigned char> packed;  ///< of T, [group][k][d]; of complex numbers two rows for each k
  std::int64_t outputs = 0, depth = 0;  ///< rows and elements, with those that are only zeros
  std::int32_t shift = 0;               ///< as of columns; there is a row of ones then
};

struct StoreArguments {
  Geometry geometry;
  Chunk chunk;
  Global<const unsigned char> sums;  ///< of Acc
  Matrices matrices;
  /// What was taken from the factors, and the product of both for all terms of a sum.
  std::uint32_t x_shift = 0, other_shift = 0, shifts = 0;
  Global<unsigned char> result;
  DType type = DType::f32;
  EpilogueArguments epilogue;
};

/// T: float, double, Half, BFloat16, std::int8_t or Complex. `vectors`: 16 bytes at a time, for
/// channels that are neighbours and whose runs begin at multiples of that; see columns_kernel.cuh.
template <typename T>
void launch_columns(const ColumnsArguments& arguments, bool vectors, LaunchQueue queue);
template <typename T>
void launch_filter(const FilterArguments& arguments, LaunchQueue queue);

/// Acc: float, double, std::uint32_t or Complex. Of y, and of dw.
template <typename Acc>
void launch_store(const StoreArguments& arguments, LaunchQueue queue);
/// Of dx, from z; `geometry` is that of the forward problem, and `chunk` counts outputs of it.
template <typename Acc>
void launch_gather(const StoreArguments& arguments, LaunchQueue queue);  ///< not of complex sums
template <typename Acc>
void launch_store_filter(const StoreArguments& arguments, LaunchQueue queue);

}  // namespace faltung::cuda::im2col
