#pragma once

#include <cstdint>

#include <faltung/extents.hpp>

namespace faltung {

/// Offset in elements of a multi-index.
constexpr std::int64_t offset_of(const Extents& index, const Strides& strides) noexcept {
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < index.size(); ++i) offset += index[i] * strides[i];
  return offset;
}

/// Calls `f(position, index)` for every multi-index of `shape`, last axis fastest; `position`
/// counts the calls. Nothing happens if an extent is 0.
template <typename F>
void for_each_index(const Shape& shape, F&& f) {
  for (const std::int64_t extent : shape) {
    if (extent == 0) return;
  }
  Extents index = Extents::filled(shape.size(), 0);
  for (std::int64_t position = 0;; ++position) {
    f(position, static_cast<const Extents&>(index));
    std::size_t axis = shape.size();
    while (axis-- > 0 && ++index[axis] == shape[axis]) index[axis] = 0;
    if (axis == static_cast<std::size_t>(-1)) return;
  }
}

}  // namespace faltung
