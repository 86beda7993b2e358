#pragma once

#include <cstdint>

#include "cpp/cpu/element_rows.hpp"

/// Rows of neighbouring 8- and 16-bit integers, whose conversion would take longer than a small
/// filter does: compiled for every instruction set.
namespace faltung {

/// The accumulators that they are converted to and from, and what they are only converted to.
template <typename Acc>
inline constexpr bool stores_integer_rows =
    std::is_same_v<Acc, float> || std::is_same_v<Acc, double> || std::is_same_v<Acc, std::uint32_t>;
template <typename Acc>
inline constexpr bool loads_integer_rows =
    stores_integer_rows<Acc> || std::is_same_v<Acc, std::int16_t>;

/// load_row() of `type` for the instruction set in use; null if it has none of its own.
template <typename Acc>
[[nodiscard]] LoadRow<Acc> load_integer_row(DType type);

/// For sums without an epilogue and results of `type`; null if there is none of its own.
template <typename Acc>
[[nodiscard]] StoreNeighbours<Acc> store_integer_row(DType type);

}  // namespace faltung
