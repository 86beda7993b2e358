#pragma once

#include "cpp/cpu/direct/box.hpp"

namespace faltung::direct {

/// How PanelTask cuts the work. Every output is summed in the same order however it is cut, so this
/// may follow the number of threads and changes no bit.
struct PanelPolicy {
  Box box;                ///< outputs whose panels are packed and multiplied at once
  std::int64_t channels;  ///< input channels of a group that are packed at once
  std::int64_t tiles;     ///< of output channels that share the packed panels
  int threads;
  double microseconds;  ///< what a run is expected to take
};

/// Tiles of output channels, and values, that the kernel sums at once.
struct PanelTile {
  std::int64_t channels, lanes;
};

/// That of AVX-512, for estimates.
constexpr PanelTile widest_tile(DType accumulator) {
  return {8, 64 / static_cast<std::int64_t>(size_of(accumulator))};
}

/// @param p  has at most three axes
[[nodiscard]] PanelPolicy choose_panels(const Problem& p, const PanelTile& tile);

}  // namespace faltung::direct
