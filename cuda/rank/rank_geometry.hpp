#pragma once

#include <cstdint>

#include <faltung/boundary.hpp>

/// Rank filters as their kernels see them: plain numbers, filled in by rank_lowering.
namespace faltung::cuda::rank {

inline constexpr int max_axes = 8;
inline constexpr int box_axes = 3;  ///< that a box of results is cut along

/// One axis of x and y, strides in elements.
struct Axis {
  std::int64_t extent = 1;
  std::int64_t x_stride = 0, y_stride = 0;
  std::int64_t window = 1;  ///< of the box that holds the members
  std::int64_t before = 0;  ///< elements of that box before the one it stands for
  BoundaryKind kind = BoundaryKind::zero;
  std::uint64_t outside = 0;  ///< the key that stands where the boundary holds no element
  int precedence = 0;         ///< where several axes are outside, the lowest decides
};

/// How bits become keys, integers in the order of the elements (cpp/core/rank_key.hpp).
enum class KeyKind : std::uint8_t { plain, biased, floating };
struct KeyRule {
  KeyKind kind = KeyKind::plain;
  std::uint64_t sign = 0, infinity = 0, quiet = 0;  ///< bits of an element
  std::uint64_t flip = 0;  ///< all bits of keys whose order is reversed; of `outside`, too
};

/// A filter with at most three axes that matter to boxes, the last one that whose elements lie
/// closest, and the others.
struct BoxGeometry {
  Axis axis[box_axes];
  int others = 0;
  Axis other[max_axes];  ///< without windows; the last varies fastest
  KeyRule rule;
};

/// The same for filters that no box serves.
struct GatherGeometry {
  int axes = 0;
  Axis axis[max_axes];  ///< the last has the longest window
  KeyRule rule;
};

/// Results of a block, and what they reach.
struct Box {
  int extent[box_axes] = {1, 1, 1};

  [[nodiscard]] constexpr std::int64_t results() const {
    return std::int64_t{extent[0]} * extent[1] * extent[2];
  }
};

/// Members that are neighbours along the last axis, from a place of the window's box on.
struct Run {
  std::int32_t z = 0, y = 0, x = 0, length = 0;
};

}  // namespace faltung::cuda::rank
