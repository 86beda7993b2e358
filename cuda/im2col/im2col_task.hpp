#pragma once

#include <memory>

#include "cpp/core/engine.hpp"
#include "cuda/im2col/im2col_geometry.hpp"
#include "cuda/im2col/im2col_policy.hpp"

namespace faltung::cuda::im2col {

/// A problem as matrices, and how they are cut.
struct Call {
  Problem problem;
  Geometry geometry;
  /// The data gradient sums products of `scattering(forward)`, which is `geometry`.
  bool gathers = false;
  Geometry forward = {};
  DType factors = DType::f32;
  std::int64_t columns_bytes = 0;                 ///< of a chunk, see cut()
  std::size_t product_bytes = product_workspace;  ///< beside the matrices
  Cut cut;
  Device device;
  GpuMachine gpu;
};

/// Columns with the zeros behind them that make whole words of i8.
[[nodiscard]] constexpr std::int64_t padded_positions(std::int64_t positions) {
  return (positions + 3) / 4 * 4;
}

/// How its matrices are cut when a chunk may take so much.
[[nodiscard]] Cut cut_of(const Call& call, std::int64_t columns_bytes, bool offers_bias);

/// Chooses the algorithms of all products.
///
/// @throws DeviceError if cuBLASLt fails or has none, bad_alloc if it has no memory.
[[nodiscard]] std::unique_ptr<Task> make_task(const Call& call);

/// The same with a workspace of at most `limit` bytes, or the least that it can do with: chunks of
/// 64 columns, and products without a workspace.
[[nodiscard]] std::unique_ptr<Task> make_task_within(const Call& call, std::size_t limit);

}  // namespace faltung::cuda::im2col
