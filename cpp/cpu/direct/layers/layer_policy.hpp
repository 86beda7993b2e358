#pragma once

#include <vector>

#include "cpp/cpu/direct/boxes/box.hpp"

namespace faltung::direct {

/// How LayerTask cuts the work. Every output is summed in the same order however it is cut, so this
/// may follow the number of threads and changes no bit.
struct LayerPolicy {
  bool packs;             ///< what a box reads into panels, or the kernel reads the box itself
  Box box;                ///< outputs that are summed at once
  std::int64_t channels;  ///< input channels of a group that are loaded at once, whole blocks
  std::int64_t tiles;     ///< of output channels that share what is loaded
  int threads;
  double microseconds;  ///< what one thread is expected to take
};

/// What the kernel takes at once.
struct PanelTile {
  std::int64_t channels;    ///< output channels
  std::int64_t lanes;       ///< outputs
  std::int64_t merged = 1;  ///< input channels, ValueTraits::channels
};

/// That of the machine that estimates are made for.
[[nodiscard]] PanelTile widest_tile(DType accumulator, std::int64_t merged);

/// Steps of a sum's blocks along [input channels of a group, or merged ones; taps of each axis].
struct LayerBlocks {
  /// @param merged  ValueTraits::channels
  LayerBlocks(const Problem& p, std::int64_t merged);

  Extents extents, steps;
  /// Where blocks end among the taps of a channel, more than one if they are shorter than that.
  std::vector<std::int64_t> tap_ends;
};

/// Output channels of a group that boxes alone are worth: fewer leave most of a tile empty.
inline constexpr std::int64_t min_unpacked_outputs = 4;
/// Whether panels are worth packing.
///
/// @param lanes           of the kernel
/// @param reads_in_place  LayerInput reads x where it lies
[[nodiscard]] bool is_for_panels(const Problem& p, std::int64_t lanes, bool reads_in_place);

/// @param p  has at most three axes
[[nodiscard]] LayerPolicy choose_panels(const Problem& p, const PanelTile& tile);
[[nodiscard]] LayerPolicy choose_unpacked(const Problem& p, const PanelTile& tile);

}  // namespace faltung::direct
