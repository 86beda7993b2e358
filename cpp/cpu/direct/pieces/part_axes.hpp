#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "cpp/cpu/axis_cut.hpp"

namespace faltung::direct {

/// The axes that the parts of one axis have, each once, and which part has which of them: found
/// when a problem is cut, so that a run searches none.
class PartAxes {
 public:
  /// @param spreads  parts are those of a data gradient, of the positions of a range of places
  PartAxes(const AxisCut& cut, std::span<const Range> places, std::span<const Range> taps,
           bool spreads);

  [[nodiscard]] const std::vector<Axis>& axes() const { return axes_; }
  /// In a data gradient, where the elements of a range of places are shown; else nothing.
  [[nodiscard]] const std::vector<Positions>& shown(std::size_t places) const {
    return shown_[places];
  }
  /// Of any range of places, at least 1.
  [[nodiscard]] std::size_t most_shown() const;
  /// The place in axes() of a part that exists, of ranges and of a position by their number.
  [[nodiscard]] std::uint32_t which(std::size_t places, std::size_t position,
                                    std::size_t taps) const {
    return which_[first_[places] + position * taps_ + taps];
  }

 private:
  void keep(const Axis& axis);

  std::size_t taps_;
  std::vector<Axis> axes_;
  /// The place in axes_ of each.
  std::map<Axis, std::uint32_t, bool (*)(const Axis&, const Axis&)> places_{comes_before};
  std::vector<std::uint32_t> which_;
  std::vector<std::size_t> first_;  ///< in which_, of each range of places
  std::vector<std::vector<Positions>> shown_;
};

}  // namespace faltung::direct
