#pragma once

#include <cstdint>
#include <vector>

#include "cuda/im2col/im2col_task.hpp"
#include "cuda/runtime/matrix_product.hpp"

/// The products of a chunk, as cuBLASLt takes them.
namespace faltung::cuda::im2col {

/// One of the three matrices: how it lies, what its elements are, and whether it is a tensor of the
/// caller's.
struct Operand {
  Side side;
  cublaslt::Type type = cublaslt::Type::f32;
  bool in_place = false;
};

/// The three, as the products of all chunks meet them. `x` is the columns, `y` the outputs, `w` the
/// filter: its rows lie `leading` apart, those of a group `group`.
struct Operands {
  Operand x, y, w;
  std::int64_t depth = 0, outputs = 0;  ///< rows of x and of y in a group, zeros around them too
};

/// Adds `step` elements to a base, `count` times.
struct Steps {
  std::int64_t count = 1, x = 0, y = 0, w = 0;
};

/// The products of chunks of one size: `loop` of them, each a batch over the other of images and
/// groups.
class ChunkProducts {
 public:
  /// @param promised  that tensors begin at multiples of 16 bytes
  ChunkProducts(const Call& call, const Operands& operands, const Chunk& chunk, bool promised);

  [[nodiscard]] bool offered() const { return product_.offered(); }
  [[nodiscard]] std::size_t workspace_bytes() const { return product_.workspace_bytes(); }
  /// @param x, y, w  where the chunk begins in them
  /// @param add      whether the result is added to: sums of the filter gradient after the first
  void run(cudaStream_t stream, const std::byte* x, std::byte* y, std::byte* w, bool add,
           void* workspace, const void* bias) const;

 private:
  bool gradient_, rows_;
  Steps loop_;
  std::int64_t x_bytes_, y_bytes_, w_bytes_;  ///< of an element
  MatrixProduct product_;
};

[[nodiscard]] cublaslt::Type library_type(DType type);

}  // namespace faltung::cuda::im2col
