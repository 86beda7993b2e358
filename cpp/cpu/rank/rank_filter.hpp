#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <faltung/boundary.hpp>
#include <faltung/tensor.hpp>

namespace faltung::rank {

/// The members of the window around an element, and which of them is the result.
struct Window {
  Extents extent;                    ///< of the box that holds them, one entry per axis of x
  Extents before;                    ///< elements of the box before the one it stands for
  std::vector<Boundary> boundary;    ///< of x, one per axis
  std::vector<std::uint8_t> inside;  ///< which of the box are members, row-major; empty: all
  std::int64_t members = 1;
  std::int64_t rank = 0;  ///< 0 = the least of the members
};

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

/// y = in every place the member of the window with that rank, in the order of key.hpp.
///
/// x and y have one shape and real type, lie on the CPU and do not overlap.
///
/// @throws InvalidProblem if a window reaches over more than 2^31 elements, DeviceError if memory
/// runs out.
void filter(const ConstTensorView& x, const TensorView& y, const Window& window,
            Way way = Way::automatic);

}  // namespace faltung::rank
