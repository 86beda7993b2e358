#include "cpp/tools/bench/run_problem.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include <faltung/error.hpp>

#include "cpp/tools/bench/operands.hpp"

namespace faltung::bench {
namespace {

using json = nlohmann::ordered_json;

constexpr std::uint64_t seed = 20261120;

double microseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

// The same tensors on the device that runs; on the CPU they are used where they are.
struct Placed {
  Tensor first, second, result, workspace;
};

Placed place(const Operands& operands, const Plan& plan) {
  const Device& device = plan.device();
  return {operands.first.to(device), operands.second.to(device), operands.result.to(device),
          Tensor(u8, {static_cast<std::int64_t>(plan.workspace_bytes())}, device)};
}

void add_times(json& record, const Summary& times, const Problem& problem,
               const Ceilings& ceilings) {
  const double limit = limit_seconds(problem, ceilings);
  record["samples"] = times.samples;
  record["median_us"] = times.median * 1e6;
  record["p10_us"] = times.p10 * 1e6;
  record["p90_us"] = times.p90 * 1e6;
  record["noisy"] = times.noise() > 0.1;
  record["gb_per_s"] = problem.bytes() / times.median * 1e-9;
  record["tflop_per_s"] = 2 * problem.multiply_adds() / times.median * 1e-12;
  record["limit_us"] = limit * 1e6;
  record["fraction"] = limit / times.median;
}

void time_and_check(json& record, const Entry& entry, const RunOptions& options,
                    const Ceilings& ceilings, Timer& timer) {
  const auto start = std::chrono::steady_clock::now();
  Plan plan = Plan::make(entry.problem, options.device, {.engine = options.engine});
  record["plan_us"] = microseconds_since(start);
  record["engine"] = plan.engine();
  record["way"] = plan.way();
  record["policy"] = plan.policy();
  record["fallback"] = plan.engine() == "cpu.reference" && options.engine != "cpu.reference";
  record["estimate_us"] = plan.estimate_us();
  record["workspace_bytes"] = plan.workspace_bytes();
  record["error_class"] = name(plan.error_bound().kind);
  if (plan.estimate_us() * 1e-6 > options.effort.most_seconds) {
    record["skipped"] = "one run is expected to take longer than the limit for all runs";
    return;
  }
  Operands operands = make_operands(entry.problem, seed);
  Placed placed = place(operands, plan);
  const Workspace workspace{placed.workspace.data(), placed.workspace.bytes()};
  const Stream stream = timer.stream();
  if (options.prepared) plan.bind_filter(stream, placed.second);
  const auto work = [&] {
    if (options.prepared) {
      plan.run_bound(stream, placed.first, placed.result, workspace);
    } else {
      plan.run(stream, placed.first, placed.second, placed.result, workspace);
    }
  };
  add_times(record, measure(timer, work, options.cache, options.effort), entry.problem, ceilings);
  if (!options.check) return;
  operands.result = placed.result.to(Device::cpu());
  const ErrorCheck check = check_error(entry.problem, plan.error_bound(), operands, seed);
  record["checked_elements"] = check.elements;
  if (check.ratio >= 0) record["error_over_bound"] = check.ratio;
}

}  // namespace

json run_problem(const Entry& entry, const RunOptions& options, const Ceilings& ceilings,
                 Timer& timer) {
  json record = {{"problem", entry.text},
                 {"canonical", to_string(entry.problem)},
                 {"family", entry.family},
                 {"prepared", options.prepared},
                 {"cache", options.cache == Cache::cold ? "cold" : "warm"}};
  try {
    time_and_check(record, entry, options, ceilings, timer);
  } catch (const NoEngine& error) {
    record["skipped"] = error.what();
  } catch (const DeviceError& error) {
    record["skipped"] = error.what();
  } catch (const InvalidProblem& error) {
    record["skipped"] = error.what();
  }
  return record;
}

}  // namespace faltung::bench
