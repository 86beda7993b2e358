#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "cpp/cpu/direct/phases/phases.hpp"

namespace faltung::direct {

/// A problem whose only axis with taps, a stride or dilations is one of lines, to be computed line
/// by line or in rows of lines side by side; see polyphase_task.hpp.
struct PolyphasePolicy {
  std::size_t along = 0;      ///< the axis; none before it and at most one after it has an extent
  std::int64_t lines = 1;     ///< extent of the axis after it
  bool rows = false;          ///< whether vectors hold neighbouring lines
  std::int64_t columns = 1;   ///< lines of a block
  std::int64_t phases = 1;    ///< of the outputs
  std::int64_t step = 1;      ///< elements between neighbouring outputs of a phase
  std::int64_t outputs = 1;   ///< of a phase, in a block
  std::int64_t base = 0;      ///< the lowest element under the first outputs of the phases
  std::int64_t span = 0;      ///< elements from there to the last under them
  std::int64_t all_taps = 0;  ///< of all phases

  /// Elements under a block.
  [[nodiscard]] std::int64_t window() const { return span + (outputs - 1) * step; }
};

/// None if the problem is not of that kind.
[[nodiscard]] std::optional<PolyphasePolicy> choose_polyphase(const Problem& p);

/// Microseconds of one thread.
[[nodiscard]] double polyphase_us(const Problem& p, const PolyphasePolicy& policy);

}  // namespace faltung::direct
