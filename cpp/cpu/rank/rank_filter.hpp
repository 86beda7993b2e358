#pragma once

#include <cstdint>
#include <string_view>

#include <faltung/tensor.hpp>
#include "cpp/core/rank_window.hpp"

namespace faltung::rank {

/// How a rank is found. Changes speed, never results.
enum class Way : std::uint8_t {
  automatic,  ///< the quickest that the policy expects
  network,    ///< minima and maxima of rows
  histogram,  ///< of columns: 8 bits, windows that are full in at most two axes
  ordinal     ///< sliding sets of ordinal numbers: everything
};

[[nodiscard]] std::string_view name(Way way) noexcept;

/// Whether `filter` can go that way for these types and windows.
[[nodiscard]] bool can_filter(DType type, const Window& window, Way way);

/// y = in every place the member of the window with that rank, in the order of rank_key.hpp.
///
/// x and y have one shape and real type, lie on the CPU and do not overlap.
///
/// @throws InvalidProblem if a window reaches over more than 2^31 elements, DeviceError if memory
/// runs out.
void filter(const ConstTensorView& x, const TensorView& y, const Window& window,
            Way way = Way::automatic);

}  // namespace faltung::rank
