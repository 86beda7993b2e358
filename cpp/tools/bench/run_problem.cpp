#include "cpp/tools/bench/run_problem.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include <faltung/error.hpp>

#include "cpp/core/strided.hpp"
#include "cpp/tools/bench/operands.hpp"
#include "cpp/tools/verify/operands.hpp"

namespace faltung::bench {
namespace {

using json = nlohmann::ordered_json;

constexpr std::uint64_t seed = 20261120;

double microseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
      .count();
}

// Tensors on the device that runs.
struct Placed {
  tools::Operand first, second, result;
  Tensor bias;  // empty without

  [[nodiscard]] ConstTensorView bias_view() const {
    return bias.bytes() == 0 ? ConstTensorView{} : ConstTensorView(bias);
  }
};

// Those with strides of their own, or a bias, are as `faltung verify` makes them, who checks them.
bool is_checked_here(const Problem& p) {
  return p.x_strides.empty() && p.w_strides.empty() && p.y_strides.empty() && !p.epilogue.bias;
}

// On the CPU compact tensors are used where they are.
Placed place(const Problem& p, const Operands& operands, const Device& device) {
  if (is_checked_here(p)) {
    const auto compact = [&](const Tensor& tensor) {
      return tools::Operand{tensor.to(device), 0, tensor.shape(), compact_strides(tensor.shape())};
    };
    return {compact(operands.first), compact(operands.second), compact(operands.result), {}};
  }
  const tools::Operands made = tools::make_operands(p, tools::Fill::reals, seed);
  return {made.first.to(device), made.second.to(device), made.result.to(device),
          p.epilogue.bias ? made.bias.to(device) : Tensor{}};
}

// What must be moved and computed, and the physical limit of both.
struct Volume {
  double bytes, multiply_adds, limit_seconds;
};

void add_times(json& record, const Summary& times, const Volume& volume) {
  record["samples"] = times.samples;
  record["median_us"] = times.median * 1e6;
  record["p10_us"] = times.p10 * 1e6;
  record["p90_us"] = times.p90 * 1e6;
  record["noisy"] = times.noise() > 0.1;
  record["gb_per_s"] = volume.bytes / times.median * 1e-9;
  record["tflop_per_s"] = 2 * volume.multiply_adds / times.median * 1e-12;
  record["limit_us"] = volume.limit_seconds * 1e6;
  record["fraction"] = volume.limit_seconds / times.median;
}

void add_check(json& record, const ErrorCheck& check) {
  record["checked_elements"] = check.elements;
  if (check.ratio >= 0) record["error_over_bound"] = check.ratio;
}

void time_call(json& record, const Call& call, const RunOptions& options, const Ceilings& ceilings,
               Timer& timer) {
  if (options.device.kind != DeviceKind::cpu) {
    throw NoEngine("calls are timed on the CPU only; use --device cpu");
  }
  const auto work = make_work(call, options.engine, seed);
  record["engine"] = work->engine();
  record["fallback"] = work->engine() == "cpu.reference" && options.engine != "cpu.reference";
  record["error_class"] = work->error_class();
  const Volume volume{work->bytes(), work->multiply_adds(),
                      work->bytes() / ceilings.copy_bytes_per_second};
  Tensor result;
  const auto run = [&] { result = work->run(); };
  add_times(record, measure(timer, run, options.cache, options.effort), volume);
  if (options.check) add_check(record, work->check(result, seed));
}

void time_problem(json& record, const Problem& problem, const RunOptions& options,
                  const Ceilings& ceilings, Timer& timer) {
  const auto start = std::chrono::steady_clock::now();
  Plan plan = Plan::make(problem, options.device, {.engine = options.engine});
  record["plan_us"] = microseconds_since(start);
  record["engine"] = plan.engine();
  record["way"] = plan.way();
  record["policy"] = plan.policy();
  record["fallback"] = plan.engine() == "cpu.reference" && options.engine != "cpu.reference";
  record["estimate_us"] = plan.estimate_us();
  record["workspace_bytes"] = plan.workspace_bytes();
  record["error_class"] = name(plan.error_bound().kind);
  if (plan.estimate_us() * 1e-6 > options.effort.max_seconds) {
    record["skipped"] = "one run is expected to take longer than the limit for all runs";
    return;
  }
  const bool checked = options.check && is_checked_here(problem);
  Operands operands;
  if (is_checked_here(problem)) operands = make_operands(problem, seed);
  Placed placed = place(problem, operands, options.device);
  Tensor lent(u8, {static_cast<std::int64_t>(plan.workspace_bytes())}, options.device);
  const Workspace workspace{lent.data(), lent.bytes()};
  const Stream stream = timer.stream();
  if (options.prepared) plan.bind_filter(stream, placed.second.view());
  const auto work = [&] {
    if (options.prepared) {
      plan.run_bound(stream, placed.first.view(), placed.result.view(), workspace,
                     placed.bias_view());
    } else {
      plan.run(stream, placed.first.view(), placed.second.view(), placed.result.view(), workspace,
               placed.bias_view());
    }
  };
  add_times(record, measure(timer, work, options.cache, options.effort),
            {problem.bytes(), problem.multiply_adds(), limit_seconds(problem, ceilings)});
  if (!checked) return;
  operands.result = placed.result.storage.to(Device::cpu());
  add_check(record, check_error(problem, plan.error_bound(), operands, seed));
}

}  // namespace

json run_problem(const Entry& entry, const RunOptions& options, const Ceilings& ceilings,
                 Timer& timer) {
  const Problem* const problem = entry.problem();
  json record = {{"problem", entry.text},
                 {"canonical", problem == nullptr ? entry.text : to_string(*problem)},
                 {"family", entry.family},
                 {"prepared", problem != nullptr && options.prepared},
                 {"cache", options.cache == Cache::cold ? "cold" : "warm"}};
  try {
    if (problem == nullptr) {
      time_call(record, std::get<Call>(entry.work), options, ceilings, timer);
    } else {
      time_problem(record, *problem, options, ceilings, timer);
    }
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
