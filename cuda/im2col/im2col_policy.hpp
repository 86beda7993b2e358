#pragma once

#include "cuda/im2col/im2col_geometry.hpp"
#include "cuda/runtime/gpu_machine.hpp"

/// How the matrices are cut into chunks of columns, and which of them are never copied.
namespace faltung::cuda::im2col {

/// Bytes that products may use beside their matrices: what the library's own default is on Hopper.
/// Source: pytorch/pytorch#120925.
inline constexpr std::size_t product_workspace = std::size_t{32} << 20;

struct Cut {
  std::int64_t images = 1, outputs = 1;  ///< of a chunk; outputs are fewer than all in one image
  /// The tensor itself is the matrix: x under a filter of one tap, y of plain sums, w in order.
  bool x_in_place = false, y_in_place = false, w_in_place = false;
  bool adds_bias = false;  ///< the product does
};

/// Where the matrix of a group lies whose columns are images and outputs, in elements.
struct Side {
  std::int64_t leading = 0;   ///< between neighbours of the slower index
  std::int64_t position = 0;  ///< between outputs
  std::int64_t group = 0, image = 0;
};

/// x or y as they lie in memory, if that is a matrix of `channels` rows.
[[nodiscard]] Side side_of_x(const Geometry& g);
[[nodiscard]] Side side_of_y(const Geometry& g);

/// @param columns_bytes  that the copies of a chunk may take together: half of L2, where they are
///                       read again at once
/// @param offers_bias    whether the library may have a product that adds a bias
[[nodiscard]] Cut cut(const Problem& p, const Geometry& g, DType factors,
                      std::int64_t columns_bytes, bool offers_bias);
/// The same for the product of `scattering`, whose chunks are whole images.
[[nodiscard]] Cut cut_scattering(const Problem& p, const Geometry& g, const Geometry& forward,
                                 DType factors, std::int64_t columns_bytes);

/// Whether factors of f32 are cut to tf32, which `math=fast` allows.
[[nodiscard]] inline bool cuts_factors(const Problem& p, DType factors) {
  return p.math == Math::fast && factors == DType::f32;
}

/// Chunks, product after product.
[[nodiscard]] std::int64_t chunk_count(const Geometry& g, const Cut& cut);

/// Microseconds of a run.
[[nodiscard]] double predict_us(const GpuMachine& gpu, const Problem& p, const Geometry& g,
                                const Cut& cut, DType factors);

}  // namespace faltung::cuda::im2col
