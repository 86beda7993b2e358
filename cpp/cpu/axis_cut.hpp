#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <faltung/problem.hpp>

namespace faltung {

/// Some along a dimension, from `first` on.
struct Range {
  std::int64_t first, count;
};

/// Positions of the extended axis whose data gradients belong to a range of elements: its own, or
/// some in a frame that shows these once more.
struct Positions {
  std::int64_t first;  ///< 0 is where output 0 meets tap 0
  std::int64_t count;  ///< that have an element each, `step` positions apart
  std::int64_t step;
  bool folded;  ///< they belong to a frame
};

/// Some places and some taps of an axis, as an axis of their own.
struct AxisPart {
  Axis axis;                         ///< only zeros around its input, if it is possible to say so
  std::int64_t x = 0, w = 0, y = 0;  ///< index of the first element, tap and output that it meets
};

/// Cuts one axis of a problem.
class AxisCut {
 public:
  AxisCut(const Problem& p, std::size_t axis);

  /// Outputs and taps of them. The input is cropped to what they meet; where a boundary shows
  /// elements, or constants, it stays as it is.
  [[nodiscard]] AxisPart window(Range outputs, Range taps) const;

  /// Where the elements of a range stand in the extended axis.
  [[nodiscard]] std::vector<Positions> positions(Range elements) const;
  /// The element at a position; `outside` if there is none.
  [[nodiscard]] std::int64_t element_at(std::int64_t position) const;
  /// Gradients at some positions through some taps; nothing if no output reaches them.
  [[nodiscard]] std::optional<AxisPart> spread(const Positions& to, Range taps) const;

 private:
  Axis axis_;
  bool flip_;
  bool crops_;  ///< elements may be left out though their neighbours are zeros put between them
};

/// An order of axes by what parts of one differ in.
[[nodiscard]] bool comes_before(const Axis& a, const Axis& b);

}  // namespace faltung
