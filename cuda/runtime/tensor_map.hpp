#pragma once

#include <cuda.h>

#include <array>
#include <cstdint>

namespace faltung::cuda {

/// A tensor in global memory as the copy engine sees it. Axes are innermost first; the innermost is
/// dense. No engine takes tensor maps yet, the tests of the emulator do.
struct MappedTensor {
  CUtensorMapDataType type = CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
  const void* data = nullptr;             ///< aligned to 16
  int rank = 0;                           ///< 1 to 5
  std::array<std::uint64_t, 5> extent{};  ///< elements
  std::array<std::uint64_t, 5> pitch{};   ///< bytes between neighbours along an axis, a multiple
                                          ///< of 16; pitch[0] is ignored
  CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
  CUtensorMapFloatOOBfill fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;
};

/// A box of `box` elements per axis, at most 256; its innermost row is a multiple of 16 bytes and,
/// if swizzled, exactly as long as the swizzle.
struct TiledBox {
  std::array<std::uint32_t, 5> box{};
  std::array<std::uint32_t, 5> step{1, 1, 1, 1, 1};  ///< elements between those taken, 1 to 8
};

/// Columns of an im2col matrix. The tensor is (channel, w, [h, [d,]] batch). A load takes
/// `channels` of each of `pixels` positions; positions run through the box, w first, from its lower
/// corner to extent - 1 + upper, in steps of the convolution's stride, then on to the next image.
/// Corners are ordered w, h, d: what the driver's header calls {D, H, W} is in this order.
/// Source: CUTLASS's and Triton's use of the same function; kernels under tests/emulator.
struct Im2colBox {
  std::array<int, 3> lower{};          ///< -pad
  std::array<int, 3> upper{};          ///< pad_hi - (filter - 1) * dilation
  std::array<int, 3> stride{1, 1, 1};  ///< of the convolution, 1 to 8
  std::uint32_t channels = 0;          ///< at most 256, and within the swizzle
  std::uint32_t pixels = 0;            ///< at most 1024
};

/// The 128-byte descriptor a kernel takes as `const __grid_constant__ CUtensorMap`.
///
/// @throws DeviceError if the driver cannot make tensor maps or refuses this one; it says which
/// tensor it was.
[[nodiscard]] CUtensorMap tensor_map(const MappedTensor& tensor, const TiledBox& box);
[[nodiscard]] CUtensorMap tensor_map(const MappedTensor& tensor, const Im2colBox& box);

}  // namespace faltung::cuda
