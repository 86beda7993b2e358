#pragma once

#include <cstddef>
#include <vector>

#include "cpp/core/streamed/footprint.hpp"
#include "cpp/core/streamed/pieces.hpp"

namespace faltung::streamed {

/// The way between the host and a device, the same in both directions at once.
struct Link {
  double bytes_per_us = 1;
  double copy_us = 0;  ///< of a copy without bytes
};

/// What a device takes for its pieces.
struct Timeline {
  double in_us = 0, compute_us = 0, out_us = 0;  ///< each alone
  double total_us = 0;                           ///< side by side, as DeviceRun has it
  double in_bytes = 0, out_bytes = 0;            ///< copied

  /// How much longer it takes than the longest of the three must.
  [[nodiscard]] double excess() const;
};

/// The pieces of one of `devices`, by number: whole sums are dealt in turn.
[[nodiscard]] std::vector<std::size_t> dealt(const Pieces& made, std::size_t device,
                                             std::size_t devices);

/// The steps of DeviceRun, each as long as its bytes or its estimate say.
///
/// @param estimates_us  of Pieces::problems
[[nodiscard]] Timeline timeline(const Problem& problem, const Pieces& made,
                                const std::vector<std::size_t>& mine,
                                const std::vector<double>& estimates_us, const Link& link);

}  // namespace faltung::streamed
