#pragma once

#include <cstddef>
#include <cstdint>

#include <faltung/boundary.hpp>
#include <faltung/tensor.hpp>
#include "cpp/core/element.hpp"

namespace faltung {

/// The mean of `size` neighbours along one axis, at a cost that does not grow with `size`.
///
/// The extended line is cut into blocks of `size` elements. Every window is the end of one block
/// and the beginning of the next, so it is one suffix sum plus one prefix sum: two additions a
/// result, and nothing that lies outside the window enters. (The scheme is van Herk's and Gil and
/// Werman's for minima; Pattern Recognition Letters 13 (1992) 517, IEEE PAMI 15 (1993) 504.)
///
/// Integers are summed exactly, and the quotient is exact before it is stored as an integer. Others
/// are summed in f64, in at most size - 1 additions:
///
///     |error| <= (size + 1) 2^-53 (|x| * 1/size) + u |y|
///
/// with u the unit roundoff of the result's type.
struct WindowMean {
  std::size_t axis = 0;
  std::int64_t size = 1;    ///< elements in a window
  std::int64_t pad_lo = 0;  ///< elements of the window before the one it stands for
  BoundaryKind boundary = BoundaryKind::zero;  ///< not `constant`
  StoreRule store;                             ///< for integer results
};

/// Whether `window_mean` has these types: both real, or both complex of a rank below the largest.
[[nodiscard]] bool can_window_mean(const ConstTensorView& x, const TensorView& y) noexcept;

/// x and y have the same shape, lie on the CPU, and do not overlap.
///
/// @throws DeviceError if memory runs out.
void window_mean(const ConstTensorView& x, const TensorView& y, const WindowMean& mean);

}  // namespace faltung
