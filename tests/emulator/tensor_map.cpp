#include "tests/emulator/tensor_map.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "tests/emulator/toolkit/cuda_runtime_api.h"
#include "tests/emulator/violation.hpp"

namespace faltung::emulator {
namespace {

constexpr std::uint32_t magic = 0x7e4504a9;

/// The rules of cuda.h (13.0) that do not depend on the kind of map; the map as far as it is
/// common.
std::optional<EncodedMap> encode_tensor(CUtensorMapDataType type, cuuint32_t rank, void* base,
                                        const cuuint64_t* extents, const cuuint64_t* strides,
                                        const cuuint32_t* steps, CUtensorMapInterleave interleave,
                                        CUtensorMapSwizzle swizzle, CUtensorMapFloatOOBfill fill) {
  constexpr std::array<std::uint8_t, 10> sizes = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2};
  if (static_cast<unsigned>(type) >= sizes.size() || rank < 1 || rank > 5 ||
      reinterpret_cast<std::uintptr_t>(base) % 16 != 0 ||
      interleave != CU_TENSOR_MAP_INTERLEAVE_NONE || swizzle > CU_TENSOR_MAP_SWIZZLE_128B) {
    return std::nullopt;
  }
  const bool is_float = type >= CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
  if (fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE && !is_float) return std::nullopt;
  EncodedMap map{};
  map.magic = magic;
  map.rank = static_cast<std::uint8_t>(rank);
  map.element_bytes = sizes[type];
  map.swizzle_bytes =
      swizzle == CU_TENSOR_MAP_SWIZZLE_NONE ? std::uint8_t{0} : std::uint8_t(16u << swizzle);
  map.fill_nan = fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;
  map.data = static_cast<std::byte*>(base);
  for (std::size_t i = 0; i < rank; ++i) {
    if (extents[i] == 0 || extents[i] > (std::uint64_t{1} << 32)) return std::nullopt;
    map.last[i] = static_cast<std::uint32_t>(extents[i] - 1);
    map.step[i] = static_cast<std::uint8_t>(i == 0 ? 1 : steps[i]);  // ignored for the innermost
    if (map.step[i] < 1 || map.step[i] > 8) return std::nullopt;
    if (i == 0) continue;
    if (strides[i - 1] % 16 != 0 || strides[i - 1] >= (std::uint64_t{1} << 40)) return std::nullopt;
    map.pitch[i - 1] = strides[i - 1];
  }
  return map;
}

bool fits_swizzle(const EncodedMap& map) {
  return row_bytes(map) % 16 == 0 &&
         (map.swizzle_bytes == 0 || row_bytes(map) <= map.swizzle_bytes);
}

CUresult finish(CUtensorMap* out, const EncodedMap& map) {
  *out = {};
  std::memcpy(out, &map, sizeof map);
  return CUDA_SUCCESS;
}

}  // namespace

EncodedMap decode(const TensorTransfer& transfer, const Where& where) {
  EncodedMap map{};
  std::memcpy(&map, transfer.map, sizeof map);
  const auto reject = [&](const char* what) { fail(Check::invalid_tensor_copy, what, where); };
  if (map.magic != magic) reject("the tensor map was not made by cuTensorMapEncode*");
  if (map.rank != transfer.rank) reject("the copy has another rank than its tensor map");
  if (map.im2col != transfer.im2col) reject("im2col copies need im2col maps, others tiled ones");
  if (map.swizzle_bytes != 0 && row_bytes(map) != map.swizzle_bytes) {
    reject("rows shorter than the swizzle are not modelled");
  }
  return map;
}

std::size_t row_bytes(const EncodedMap& map) { return std::size_t{map.box[0]} * map.element_bytes; }

std::size_t box_bytes(const EncodedMap& map) {
  std::size_t bytes = row_bytes(map);
  const std::size_t axes = map.im2col ? 2 : map.rank;
  for (std::size_t i = 1; i < axes; ++i) bytes *= map.box[i];
  return bytes;
}

namespace {

/// The row that begins at `at`, outer coordinates included.
BoxRow make_row(const EncodedMap& map, const std::array<std::int64_t, 5>& at) {
  BoxRow row;
  const std::int64_t begin = std::max<std::int64_t>(at[0], 0);
  const std::int64_t end =
      std::min<std::int64_t>(at[0] + map.box[0], std::int64_t{map.last[0]} + 1);
  if (end <= begin) return row;
  std::int64_t offset = begin * map.element_bytes;
  for (std::size_t i = 1; i < map.rank; ++i) {
    if (at[i] < 0 || at[i] > std::int64_t{map.last[i]}) return row;
    offset += at[i] * static_cast<std::int64_t>(map.pitch[i - 1]);
  }
  row.global = map.data + offset;
  row.skipped = static_cast<std::size_t>(begin - at[0]) * map.element_bytes;
  row.bytes = static_cast<std::size_t>(end - begin) * map.element_bytes;
  return row;
}

void each_tiled_row(const EncodedMap& map, const std::array<std::int64_t, 5>& first,
                    const std::function<void(const BoxRow&)>& visit) {
  std::array<std::uint16_t, 5> index{};
  for (std::size_t offset = 0; offset < box_bytes(map); offset += row_bytes(map)) {
    std::array<std::int64_t, 5> at = first;
    for (std::size_t i = 1; i < map.rank; ++i) at[i] += std::int64_t{index[i]} * map.step[i];
    BoxRow row = make_row(map, at);
    row.shared_offset = offset;
    visit(row);
    for (std::size_t i = 1; i < map.rank && ++index[i] == map.box[i]; ++i) index[i] = 0;
  }
}

// The walk of im2col mode: pixels run along w from the first coordinate to the box's upper corner,
// then from its lower corner in the next row, and so on through h, d and the images. The filter
// offset is added to where the walk stands.
void each_pixel(const EncodedMap& map, const std::array<std::int64_t, 5>& first,
                const std::array<int, 3>& tap, const std::function<void(const BoxRow&)>& visit) {
  const std::size_t batch = std::size_t{map.rank} - 1;
  std::array<std::int64_t, 5> walk = first;
  for (std::size_t pixel = 0; pixel < map.box[1]; ++pixel) {
    std::array<std::int64_t, 5> at = walk;
    for (std::size_t i = 1; i < batch; ++i) at[i] += tap[i - 1];
    BoxRow row = make_row(map, at);
    row.shared_offset = pixel * row_bytes(map);
    visit(row);
    std::size_t axis = 1;
    for (; axis < batch; ++axis) {
      walk[axis] += map.step[axis];
      if (walk[axis] <= std::int64_t{map.last[axis]} + map.upper[axis - 1]) break;
      walk[axis] = map.lower[axis - 1];
    }
    if (axis == batch) ++walk[batch];
  }
}

}  // namespace

void each_row(const EncodedMap& map, const TensorTransfer& transfer,
              const std::function<void(const BoxRow&)>& visit) {
  const std::array<std::int64_t, 5> first{transfer.at[0], transfer.at[1], transfer.at[2],
                                          transfer.at[3], transfer.at[4]};
  if (map.im2col) {
    each_pixel(map, first, transfer.offset, visit);
  } else {
    each_tiled_row(map, first, visit);
  }
}

}  // namespace faltung::emulator

namespace emulator = faltung::emulator;

CUresult cuTensorMapEncodeTiled(CUtensorMap* out, CUtensorMapDataType type, cuuint32_t rank,
                                void* base, const cuuint64_t* extents, const cuuint64_t* strides,
                                const cuuint32_t* box, const cuuint32_t* element_strides,
                                CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                CUtensorMapL2promotion, CUtensorMapFloatOOBfill fill) {
  auto map = emulator::encode_tensor(type, rank, base, extents, strides, element_strides,
                                     interleave, swizzle, fill);
  if (!map) return CUDA_ERROR_INVALID_VALUE;
  for (std::size_t i = 0; i < rank; ++i) {
    if (box[i] < 1 || box[i] > 256) return CUDA_ERROR_INVALID_VALUE;
    map->box[i] = static_cast<std::uint16_t>((box[i] + map->step[i] - 1) / map->step[i]);
  }
  return emulator::fits_swizzle(*map) ? emulator::finish(out, *map) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuTensorMapEncodeIm2col(CUtensorMap* out, CUtensorMapDataType type, cuuint32_t rank,
                                 void* base, const cuuint64_t* extents, const cuuint64_t* strides,
                                 const int* lower, const int* upper, cuuint32_t channels,
                                 cuuint32_t pixels, const cuuint32_t* element_strides,
                                 CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                 CUtensorMapL2promotion, CUtensorMapFloatOOBfill fill) {
  auto map = emulator::encode_tensor(type, rank, base, extents, strides, element_strides,
                                     interleave, swizzle, fill);
  if (!map || rank < 3 || channels < 1 || channels > 256 || pixels < 1 || pixels > 1024) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const int max = rank == 3 ? 32767 : rank == 4 ? 127 : 15;
  for (std::size_t i = 0; i + 2 < rank; ++i) {
    const std::int64_t last = std::int64_t{map->last[i + 1]} + upper[i];
    if (std::min(lower[i], upper[i]) < -max - 1 || std::max(lower[i], upper[i]) > max ||
        last < lower[i]) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    map->lower[i] = static_cast<std::int16_t>(lower[i]);
    map->upper[i] = static_cast<std::int16_t>(upper[i]);
  }
  map->im2col = true;
  map->box[0] = static_cast<std::uint16_t>(channels);
  map->box[1] = static_cast<std::uint16_t>(pixels);
  return emulator::fits_swizzle(*map) ? emulator::finish(out, *map) : CUDA_ERROR_INVALID_VALUE;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult* found) {
  const std::string_view wanted = name;
  *found = cudaDriverEntryPointSuccess;
  if (wanted == "cuTensorMapEncodeTiled") {
    *function = reinterpret_cast<void*>(cuTensorMapEncodeTiled);
  } else if (wanted == "cuTensorMapEncodeIm2col") {
    *function = reinterpret_cast<void*>(cuTensorMapEncodeIm2col);
  } else {
    *function = nullptr;
    *found = cudaDriverEntryPointSymbolNotFound;
  }
  return cudaSuccess;
}
