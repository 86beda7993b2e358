#pragma once

#include <functional>
#include <string>
#include <vector>

#include <faltung/measure.hpp>

namespace faltung::measuring {

/// What a run gets; everything lies on the device.
struct RunMemory {
  Stream stream;
  ConstTensorView first, second, bias;
  TensorView result;
  Workspace workspace;
};

/// One way that is to be run.
struct Contender {
  std::string way;
  double estimate_us = 0;
  ErrorBound bound;
  std::size_t workspace_bytes = 0;
  std::function<void(const RunMemory&)> run;  ///< owns what it needs; it may be left alone with it
};

/// Runs and times contenders, in their order, and says of each what became of it, in the same
/// order.
///
/// First each runs once, on poisoned memory between zones that it must not write to, and is
/// checked; those that are right and not far slower than the fastest then run in turns, so that
/// what disturbs the machine for a while disturbs all. The least time counts.
///
/// @throws DeviceError if there is no memory for the operands
[[nodiscard]] Measurement race(const Problem& problem, const Device& device,
                               const std::vector<Contender>& contenders, const MeasureOptions& how);

}  // namespace faltung::measuring
