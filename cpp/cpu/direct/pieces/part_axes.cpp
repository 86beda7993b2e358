#include "cpp/cpu/direct/pieces/part_axes.hpp"

#include <algorithm>

namespace faltung::direct {

PartAxes::PartAxes(const AxisCut& cut, std::span<const Range> places, std::span<const Range> taps,
                   bool spreads)
    : taps_(taps.size()) {
  for (const Range& some : places) {
    first_.push_back(which_.size());
    shown_.push_back(spreads ? cut.positions(some) : std::vector<Positions>{});
    for (const Range& range : taps) {
      if (!spreads) keep(cut.window(some, range).axis);
    }
    for (const Positions& to : shown_.back()) {
      for (const Range& range : taps) {
        const auto part = cut.spread(to, range);
        part ? keep(part->axis) : which_.push_back(0);  // no part, and nobody asks
      }
    }
  }
}

std::size_t PartAxes::most_shown() const {
  std::size_t most = 1;
  for (const auto& positions : shown_) most = std::max(most, positions.size());
  return most;
}

void PartAxes::keep(const Axis& axis) {
  const auto [at, added] = places_.try_emplace(axis, static_cast<std::uint32_t>(axes_.size()));
  if (added) axes_.push_back(axis);
  which_.push_back(at->second);
}

}  // namespace faltung::direct
