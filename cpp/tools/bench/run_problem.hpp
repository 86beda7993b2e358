#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cpp/tools/bench/ceilings.hpp"
#include "cpp/tools/bench/suite.hpp"
#include "cpp/tools/bench/timer.hpp"

namespace faltung::bench {

struct RunOptions {
  Device device;
  std::string engine;  ///< "" = the planner's choice
  Cache cache = Cache::cold;
  Effort effort;
  bool prepared = false;  ///< bind the filter of a problem before the clock starts
  bool check = true;      ///< compare with the reference
};

/// Times one problem or call on one engine and checks its result.
///
/// The record's keys: problem, canonical, family, engine, policy, chosen, fallback, samples,
/// median_us, p10_us, p90_us, noisy, gb_per_s, tflop_per_s (direct-equivalent), limit_us, fraction,
/// workspace_bytes, error_over_bound, error_class, checked_elements, plan_us, estimate_us (of calls
/// neither policy, workspace_bytes, plan_us nor estimate_us); or problem and skipped (the reason)
/// if it could not run.
[[nodiscard]] nlohmann::ordered_json run_problem(const Entry& entry, const RunOptions& options,
                                                 const Ceilings& ceilings, Timer& timer);

}  // namespace faltung::bench
