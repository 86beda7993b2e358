#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>

#include <faltung/boundary.hpp>
#include <faltung/tensor.hpp>
#include "cpp/core/element.hpp"

namespace faltung {

/// The mean of `size` neighbours along one axis, at a cost that does not grow with `size`.
///
/// Floating data are summed in f64. The extended line is cut into blocks of `size` elements. Every
/// window is the end of one block and the beginning of the next, so it is one suffix sum plus one
/// prefix sum: two additions a result, and nothing that lies outside the window enters. (The scheme
/// is van Herk's and Gil and Werman's for minima; Pattern Recognition Letters 13 (1992) 517, IEEE
/// PAMI 15 (1993) 504.) In at most size - 1 additions:
///
///     |error| <= (size + 1) 2^-53 (|x| * 1/size) + u |y|
///
/// with u the unit roundoff of the result's type. Integers are summed exactly, those of up to 16
/// bits by moving sums, and the quotient is exact before it is stored as an integer.
///
/// A window that is longer than the line repeats elements: those are summed once and multiplied.
struct WindowMean {
  std::size_t axis = 0;
  std::int64_t size = 1;    ///< elements in a window
  std::int64_t pad_lo = 0;  ///< elements of the window before the one it stands for, 0 to size - 1
  Boundary boundary = {};   ///< a constant is one that x's type holds
  StoreRule store = {};     ///< for integer results
};

/// Whether `window_mean` has these types: both real, or both complex.
[[nodiscard]] bool can_window_mean(DType x, DType y) noexcept;

/// Whether the results may replace the elements.
[[nodiscard]] bool can_window_mean_in_place(const TensorView& y, const WindowMean& mean);

/// x and y have the same shape, lie on the CPU, and do not overlap, unless they are the same view
/// and `can_window_mean_in_place`.
///
/// @throws DeviceError if memory runs out.
void window_mean(const ConstTensorView& x, const TensorView& y, const WindowMean& mean);

}  // namespace faltung
