#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <faltung/plan.hpp>
#include "cpp/core/streamed/footprint.hpp"
#include "cpp/core/streamed/model.hpp"
#include "cpp/core/streamed/pieces.hpp"

namespace faltung::streamed {

/// A problem cut so that its pieces fit.
struct CutPlan {
  Cut cut;
  Pieces made;
  Footprint places;
  std::vector<std::vector<Plan>> plans;  ///< by device, then as Pieces::problems
  std::size_t workspace_bytes = 0;       ///< of the largest
  std::vector<double> estimates_us;      ///< of Pieces::problems

  /// Of each device.
  [[nodiscard]] std::size_t bytes() const { return places.workspace_offset + workspace_bytes; }
};

/// More pieces than this are not made: each is a few hundred bytes, and starting its copies and
/// kernels takes some ten microseconds.
inline constexpr std::int64_t most_pieces = 100'000;

/// The fastest cut, by the model, that needs at most `limit` bytes of each device. It depends on
/// the problem, the limit and the first device alone, so that results do not depend on how many
/// devices there are.
///
/// @throws NoEngine if there is none, with the least limit for which there is one
[[nodiscard]] CutPlan choose_cut(const Problem& problem, const std::vector<Device>& devices,
                                 const PlanOptions& options, std::size_t limit, const Link& link);

}  // namespace faltung::streamed
