#pragma once

#include <cstdint>
#include <string_view>

#include <faltung/tensor.hpp>

namespace faltung {

enum class Overlap : std::uint8_t { no, yes, undecided };

/// Whether two views share a byte: exact, whatever their strides, which may be negative or 0.
///
/// Views whose lowest and highest addresses lie apart take a few additions. Others are a linear
/// equation with bounded whole unknowns, one for each axis of either view. Axes that step alike, or
/// over just what another one covers, become one unknown; two unknowns are solved as they stand, as
/// those of slices of one array are. What remains is a search, given up after `overlap_budget`
/// steps, about 2 ms: the question is NP-hard for strides without any order.
/// Source: numpy/core/src/common/mem_overlap.c, which describes the problem.
[[nodiscard]] Overlap overlap(const ConstTensorView& a, const ConstTensorView& b);

/// Whether two indices of one view share an address; alike.
[[nodiscard]] Overlap self_overlap(const Shape& shape, const Strides& strides);

inline constexpr std::int64_t overlap_budget = 1 << 15;

}  // namespace faltung
