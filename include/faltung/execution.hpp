#pragma once

#include <cstddef>
#include <limits>
#include <string>

#include <faltung/accuracy.hpp>
#include <faltung/allocator.hpp>
#include <faltung/device.hpp>

namespace faltung {

/// How a call of a front end is carried out, whatever it computes: `run` of every type of options.
///
///     convolve(x, k, {.mode = Mode::same, .run = {.engine = "cpu.direct", .allocator = pool}})
///
/// The names that PlanOptions has too mean the same there. Its `elementwise` is Method::direct of
/// the functions. What is made before it is run (`lower_...`, `plan_...`) takes stream and
/// workspace when it runs, and refuses them here.
///
/// Every function throws InvalidProblem naming the field for an engine that does not exist, a part
/// of an allocator, a workspace without memory, or a stream of another device than the operands'.
struct Execution {
  /// As PlanOptions::engine, for every plan of the call. Functions that no engine computes (rank
  /// filters, say) refuse a name.
  std::string engine = {};
  /// Engines that need more scratch memory than this, in bytes, are passed over. It limits each
  /// plan of a call; intermediate images of filters in several passes are not counted.
  std::size_t workspace_limit = std::numeric_limits<std::size_t>::max();
  /// As PlanOptions::accuracy, for every plan of the call.
  Accuracy accuracy = Accuracy::normwise;
  /// As PlanOptions::reproducible, for every plan of the call.
  bool reproducible = false;
  /// As PlanOptions::flush_subnormals, for all arithmetic of the call.
  bool flush_subnormals = false;
  /// Of the data that a call needs memory for: a result that is returned, scratch memory,
  /// intermediate images, extended copies. What stands behind it outlives the result. Copies of
  /// filters, which are part of plans, are in standard memory. Default: the standard one of the
  /// device. Plans that hold a caller's allocator are not kept (plan_cache.hpp).
  Allocator allocator = {};
  /// Scratch memory lent to this call: engines that need more are passed over, and nothing is
  /// allocated for them.
  Workspace workspace = {};
  /// Where the work goes; Stream{} is the default stream of the operands' device, which may be any.
  Stream stream = {};
};

}  // namespace faltung
