#include <fmt/format.h>
#include <fmt/ranges.h>
#include <faltung/machine.hpp>
#include <faltung/measure.hpp>
#include <faltung/plan.hpp>
#include <faltung/streamed_plan.hpp>
#include <faltung/threads.hpp>
#include <faltung/wisdom.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cpp/tools/command.hpp"
#include "cpp/tools/support/bytes.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/sum_options.hpp"
#include "cpp/tools/support/text.hpp"

namespace faltung::tools {
namespace {

using Json = nlohmann::ordered_json;

struct ExplainArguments {
  std::vector<std::string> words;
  std::string device = "auto";
  std::string machine;
  std::string workspace_limit;
  std::string memory_limit;
  PromiseText promises;
  PlanOptions plan;
  bool ways = false;
  bool json = false;
};

Json to_json(const PlanFacts& facts) {
  return {{"threads", facts.threads},
          {"instruction_set", facts.instruction_set},
          {"spreads_non_finite", facts.spreads_non_finite},
          {"flushes_subnormals", facts.flushes_subnormals},
          {"bitwise_reproducible", facts.bitwise_reproducible},
          {"reproducible", facts.reproducible},
          {"memory_passes", facts.memory_passes}};
}

// What wisdom has of a way; 0 for nothing.
double measured_us(const std::vector<MeasuredWay>& known, const Candidate& candidate) {
  const std::string way = candidate.engine + '/' + candidate.way;
  const auto found = std::ranges::find(known, way, &MeasuredWay::way);
  return found == known.end() ? 0 : found->us;
}

// @param limit  of a way, in microseconds
template <typename Limit>
Json to_json(const std::vector<Candidate>& candidates, const Limit& limit,
             const std::vector<MeasuredWay>& known = {}) {
  Json engines = Json::array();
  for (const Candidate& candidate : candidates) {
    Json entry = {{"engine", candidate.engine}, {"supported", candidate.supported}};
    if (candidate.supported) {
      entry["way"] = candidate.way;
      entry["estimate_us"] = candidate.estimate_us;
      entry["limit_us"] = limit(candidate);
      if (const double us = measured_us(known, candidate); us > 0) entry["measured_us"] = us;
    } else {
      entry["reason"] = candidate.reason;
    }
    engines.push_back(entry);
  }
  return engines;
}

// Of a way of the plan's device.
auto limits_of(const Plan& plan) {
  return [&plan](const Candidate& way) { return limit_us(plan.problem(), plan.device(), way); };
}

Json to_json(const Plan& plan, const PlanOptions& options) {
  return {{"problem", to_string(plan.problem())},
          {"device", to_string(plan.device())},
          {"accuracy", name(options.accuracy)},
          {"engine", plan.engine()},
          {"way", plan.way()},
          {"policy", plan.policy()},
          {"facts", to_json(plan.facts())},
          {"estimate_us", plan.estimate_us()},
          {"workspace_bytes", plan.workspace_bytes()},
          {"error_bound",
           {{"kind", name(plan.error_bound().kind)}, {"constant", plan.error_bound().constant}}},
          {"candidates", to_json(candidates(plan.problem(), plan.device(), options),
                                 limits_of(plan), wisdom_of(plan.problem(), plan.device()))}};
}

// Every way of the device's engines: those that serve by their estimates, then the refusals.
std::vector<Candidate> all_ways(const Plan& plan, const PlanOptions& options) {
  std::vector<Candidate> ways = way_candidates(plan.problem(), plan.device(), options);
  std::ranges::stable_sort(ways, [](const Candidate& a, const Candidate& b) {
    if (a.supported != b.supported) return a.supported;
    return a.supported && a.estimate_us < b.estimate_us;
  });
  return ways;
}

Json ways_to_json(const Plan& plan, const PlanOptions& options) {
  const std::vector<Candidate> ways = all_ways(plan, options);
  Json list = to_json(ways, limits_of(plan), wisdom_of(plan.problem(), plan.device()));
  for (std::size_t i = 0; i < ways.size(); ++i) list[i]["way"] = ways[i].way;
  return list;
}

std::string ways_to_text(const Plan& plan, const PlanOptions& options) {
  const std::vector<MeasuredWay> known = wisdom_of(plan.problem(), plan.device());
  std::string text = "ways\n";
  for (const Candidate& way : all_ways(plan, options)) {
    const bool chosen = way.engine == plan.engine() && way.way == plan.way();
    text += fmt::format("{}{}/{}: ", chosen ? "  -> " : "     ", way.engine, way.way);
    text += way.supported ? fmt::format("estimate {:.6g} us, limit {:.6g} us", way.estimate_us,
                                        limit_us(plan.problem(), plan.device(), way))
                          : way.reason;
    if (const double us = measured_us(known, way); us > 0) {
      text += fmt::format(", measured {:.6g} us", us);
    }
    text += '\n';
  }
  return text;
}

constexpr const char* not_here =
    "not here, so nothing was prepared: policy, workspace and error bound are unknown";

// The engine that would be chosen; null if none takes the problem.
const Candidate* fastest(const std::vector<Candidate>& candidates) {
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!candidate.supported) continue;
    if (best == nullptr || candidate.estimate_us < best->estimate_us) best = &candidate;
  }
  return best;
}

// What an engine's library would choose there, which explain_for says behind the estimate; empty
// where it says nothing.
std::string choice_of(const Candidate& candidate, std::string_view text) {
  const std::string begin = fmt::format(" {}/{}: estimate ", candidate.engine, candidate.way);
  const std::size_t at = text.find(begin);
  if (!candidate.supported || at == std::string_view::npos) return {};
  constexpr std::string_view comma = " us, ";
  const std::string_view line = text.substr(at, text.find('\n', at) - at);
  const std::size_t limit = line.find(comma);
  const std::size_t behind = limit == std::string_view::npos ? limit : line.find(comma, limit + 1);
  return behind == std::string_view::npos ? "" : std::string(line.substr(behind + comma.size()));
}

void explain_elsewhere(const Problem& problem, const ExplainArguments& options) {
  const std::vector<Candidate> all = candidates_for(problem, options.machine, options.plan.engine);
  const Candidate* best = fastest(all);
  const std::string text = explain_for(problem, options.machine, options.plan.engine);
  if (!options.json || best == nullptr) return print(text);
  Json result = {{"problem", to_string(problem)}, {"machine", options.machine}, {"here", false}};
  result["note"] = not_here;
  if (find_cpu_machine(options.machine)) result["threads"] = threads();
  result["engine"] = best->engine;
  result["way"] = best->way;
  result["estimate_us"] = best->estimate_us;
  result["candidates"] =
      to_json(all, [&](const Candidate& way) { return limit_us(problem, options.machine, way); });
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::string choice = choice_of(all[i], text);
    if (!choice.empty()) result["candidates"][i]["choice"] = choice;
  }
  print_json(result);
}

void explain_streamed(const Problem& problem, const ExplainArguments& options) {
  const StreamedPlan plan = on_device(options.device, [&](const Device& device) {
    return StreamedPlan::make(
        problem, {.devices = {device},
                  .memory_limit = parse_bytes("--device-memory-limit", options.memory_limit),
                  .plan = options.plan});
  });
  if (!options.json) return print(plan.explain());
  const StreamedFacts facts = plan.facts();
  print_json(
      {{"problem", to_string(plan.problem())},
       {"accuracy", name(options.plan.accuracy)},
       {"pieces", facts.pieces},
       {"device_bytes", facts.device_bytes},
       {"host_bytes", facts.host_bytes},
       {"copied_in_bytes", facts.copied_in_bytes},
       {"copied_out_bytes", facts.copied_out_bytes},
       {"in_us", facts.in_us},
       {"compute_us", facts.compute_us},
       {"out_us", facts.out_us},
       {"estimate_us", facts.estimate_us},
       {"error_bound",
        {{"kind", name(plan.error_bound().kind)}, {"constant", plan.error_bound().constant}}}});
}

void explain(ExplainArguments& options) {
  if (!options.workspace_limit.empty()) {
    options.plan.workspace_limit = parse_count("--workspace-limit", options.workspace_limit);
  }
  set_promises(options.promises, options.plan);
  Problem problem = Problem::parse(fmt::format("{}", fmt::join(options.words, " ")));
  if (options.plan.reproducible) problem.math = Math::reproducible;
  if (!options.machine.empty()) return explain_elsewhere(problem, options);
  if (!options.memory_limit.empty()) return explain_streamed(problem, options);
  const Plan plan = on_device(options.device, [&](const Device& device) {
    return Plan::make(problem, device, options.plan);
  });
  if (!options.json) {
    return print(plan.explain() + (options.ways ? ways_to_text(plan, options.plan) : ""));
  }
  Json result = to_json(plan, options.plan);
  if (options.ways) result["ways"] = ways_to_json(plan, options.plan);
  print_json(result);
}

}  // namespace

void add_explain_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "explain", "Which engine runs a problem, how exactly, and why not the others");
  auto options = std::make_shared<ExplainArguments>();
  command
      ->add_option("problem", options->words,
                   "In the problem notation, e.g. \"op=fwd dtype=f32 n=2 c=3 in=9x9 k=4 f=3x3\"")
      ->required();
  add_device_option(*command, options->device);
  command->add_option("--engine", options->plan.engine,
                      "Consider this engine, family or way alone, e.g. cpu.direct/in_place");
  CLI::Option* machine = command->add_option(
      "--machine", options->machine,
      "Plan for this machine, which need not be here: a name of `faltung info`");
  machine->excludes("--device");
  machine->excludes(
      command->add_option("--workspace-limit", options->workspace_limit,
                          "Pass over engines that need more scratch memory, in bytes"));
  add_promise_options(*command, options->promises);
  machine->excludes("--accuracy");
  machine->excludes(command->add_flag("--elementwise", options->plan.elementwise,
                                      "Pass over engines that err by the norm of the data"));
  CLI::Option* ways = command->add_flag(
      "--ways", options->ways, "Every way of each engine: estimate, or why not; measured time");
  machine->excludes(ways);
  CLI::Option* limit = command->add_option(
      "--device-memory-limit", options->memory_limit,
      "Bytes of the device that may be taken, or 512K, 100M, 4G: how a problem of the host is "
      "streamed through it in pieces");
  machine->excludes(limit);
  limit->excludes(ways);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { explain(*options); });
}

}  // namespace faltung::tools
