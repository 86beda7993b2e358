#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <faltung/device.hpp>
#include <faltung/export.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/wisdom.hpp>

namespace faltung {

/// How measure() goes about it, and what it may cost.
struct MeasureOptions {
  /// In which runs are timed; `Stream{}` is the default stream of the device.
  Stream stream = {};
  /// Ways that are run at most: those with the smallest estimates, and one of another engine.
  int ways = 8;
  /// For everything, in seconds. What is not timed by then is left out.
  double max_seconds = 10;
  /// For one run, in seconds. A way that takes longer is given up; if it never ends, its thread and
  /// its memory are left to it, and the other ways are not run beside it.
  double run_seconds = 2;
  /// A way that took so many times as long as the fastest is not run again.
  double cut = 3;
  /// Of operands, result and the largest workspace together, in bytes.
  std::size_t memory_limit = std::size_t{1} << 30;
  /// Times by the clock of the processor that computes, which stands still while others have it:
  /// for the CPU and plans of one thread, beside other work.
  bool processor_time = false;
  /// Whether the times become wisdom of this process (wisdom.hpp).
  bool remember = true;
};

/// What became of one way.
enum class MeasureOutcome : std::uint8_t {
  measured,  ///< right and timed
  cut,       ///< right, and far slower than the fastest, or estimated so
  wrong,     ///< a result beyond the bound of its plan, or a write outside result and workspace
  failed,    ///< its run threw
  overdue,   ///< a run took longer than MeasureOptions::run_seconds
  refused,   ///< cannot do the problem with these options
  not_run    ///< beyond the number of ways, the time or the memory, or it promises less
};

/// "measured", "cut", ...
[[nodiscard]] FALTUNG_API std::string_view name(MeasureOutcome outcome) noexcept;

/// One way in measure().
struct WayMeasurement {
  std::string way = {};                              ///< "cpu.direct/rows"
  double estimate_us = 0;                            ///< what the planner expects; 0 if refused
  MeasureOutcome outcome = MeasureOutcome::not_run;  ///< what became of it
  double us = 0;            ///< the least time of a run in microseconds; 0 if none was timed
  std::string reason = {};  ///< why it is not `measured`
};

/// What measure() found.
struct Measurement {
  /// Every way of the device's engines: the measured ones, the fastest first, then the others.
  std::vector<WayMeasurement> ways = {};
  double seconds = 0;       ///< that all took
  bool still_runs = false;  ///< whether a way that was given up has not ended yet

  /// The fastest way; null if none was measured.
  [[nodiscard]] const WayMeasurement* best() const noexcept {
    return ways.empty() || ways[0].outcome != MeasureOutcome::measured ? nullptr : ways.data();
  }
};

/// Runs the ways that may be the fastest for `problem`, on operands of its own, and times them.
/// What the options ask (accuracy, memory, an engine) comes first, and so does what the plan
/// without measurement would promise: bits that repeat, NaN that does not spread. A way can only be
/// `measured` if its first run stayed within its result and its workspace, and results drawn at
/// random are those of the definition within the bound of its plan. With
/// MeasureOptions::remember plans of this problem take the fastest from then on.
///
/// Nothing else should compute meanwhile. The caller's data are not needed.
///
/// @throws InvalidProblem if the problem or an option is not valid, NoEngine if no engine can do it
[[nodiscard]] FALTUNG_API Measurement measure(const Problem& problem,
                                              const Device& device = Device::cpu(),
                                              const PlanOptions& options = {},
                                              const MeasureOptions& how = {});

/// A plan by measurement: measures, unless there is wisdom of the problem, and plans.
///
/// @throws what measure() and Plan::make throw
[[nodiscard]] FALTUNG_API Plan plan_measured(const Problem& problem,
                                             const Device& device = Device::cpu(),
                                             const PlanOptions& options = {},
                                             const MeasureOptions& how = {});

/// Every way of every engine of the device's kind, with its estimate or the reason why it cannot;
/// nothing is prepared, so that memory and accuracy are not judged yet.
///
/// @throws InvalidProblem if the problem is not valid or options.engine names no engine.
[[nodiscard]] FALTUNG_API std::vector<Candidate> way_candidates(
    const Problem& problem, const Device& device = Device::cpu(), const PlanOptions& options = {});

/// What a way takes at least, in microseconds, by the record of the machine (machine.hpp) and with
/// all threads: every tensor moved once, at the speed of memory, or of the last cache that holds
/// all of them (what fits in a second-level cache of the CPU counts nothing); and every product
/// formed, unless the way is of a kind that forms fewer: transforms, and filters taken apart.
///
/// @param way  what candidates() or way_candidates() said of it
/// @return     0 for a GPU without a record
[[nodiscard]] FALTUNG_API double limit_us(const Problem& problem, const Device& device,
                                          const Candidate& way);
/// The same for a machine that need not be here.
///
/// @throws InvalidProblem if there is no machine of that name.
[[nodiscard]] FALTUNG_API double limit_us(const Problem& problem, std::string_view machine,
                                          const Candidate& way);

}  // namespace faltung
