#include <fmt/format.h>
#include <fmt/ranges.h>
#include <faltung/plan.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <vector>

#include "cpp/tools/command.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/text.hpp"

namespace faltung::tools {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::vector<std::string> words;
  std::string device = "auto";
  std::string workspace_limit;
  PlanOptions plan;
  bool json = false;
};

Json to_json(const PlanFacts& facts) {
  return {{"threads", facts.threads},
          {"instruction_set", facts.instruction_set},
          {"spreads_non_finite", facts.spreads_non_finite},
          {"flushes_subnormals", facts.flushes_subnormals},
          {"bitwise_reproducible", facts.bitwise_reproducible},
          {"memory_passes", facts.memory_passes}};
}

Json to_json(const Plan& plan, const PlanOptions& options) {
  Json engines = Json::array();
  for (const Candidate& candidate : candidates(plan.problem(), plan.device(), options)) {
    Json entry = {{"engine", candidate.engine}, {"supported", candidate.supported}};
    if (candidate.supported) {
      entry["way"] = candidate.way;
      entry["estimate_us"] = candidate.estimate_us;
    } else {
      entry["reason"] = candidate.reason;
    }
    engines.push_back(entry);
  }
  return {{"problem", to_string(plan.problem())},
          {"device", to_string(plan.device())},
          {"engine", plan.engine()},
          {"way", plan.way()},
          {"policy", plan.policy()},
          {"facts", to_json(plan.facts())},
          {"estimate_us", plan.estimate_us()},
          {"workspace_bytes", plan.workspace_bytes()},
          {"error_bound",
           {{"kind", name(plan.error_bound().kind)}, {"constant", plan.error_bound().constant}}},
          {"candidates", engines}};
}

void explain(Options& options) {
  if (!options.workspace_limit.empty()) {
    options.plan.workspace_limit = parse_count("--workspace-limit", options.workspace_limit);
  }
  const Problem problem = Problem::parse(fmt::format("{}", fmt::join(options.words, " ")));
  const Plan plan = on_device(options.device, [&](const Device& device) {
    return Plan::make(problem, device, options.plan);
  });
  options.json ? print_json(to_json(plan, options.plan)) : print(plan.explain());
}

}  // namespace

void add_explain_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "explain", "Which engine runs a problem, how exactly, and why not the others");
  auto options = std::make_shared<Options>();
  command
      ->add_option("problem", options->words,
                   "In the problem notation, e.g. \"op=fwd dtype=f32 n=2 c=3 in=9x9 k=4 f=3x3\"")
      ->required();
  add_device_option(*command, options->device);
  command->add_option("--engine", options->plan.engine,
                      "Consider this engine, family or way alone, e.g. cpu.direct/in_place");
  command->add_option("--workspace-limit", options->workspace_limit,
                      "Pass over engines that need more scratch memory, in bytes");
  command->add_flag("--elementwise", options->plan.elementwise,
                    "Pass over engines that err by the norm of the data");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { explain(*options); });
}

}  // namespace faltung::tools
