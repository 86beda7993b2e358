#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cpp/tools/bench/machine.hpp"
#include "cpp/tools/bench/run_problem.hpp"
#include "cpp/tools/command.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/text.hpp"

namespace faltung::tools {
namespace {

using Json = nlohmann::ordered_json;

struct BenchArguments {
  std::string path;
  std::string device = "auto";
  std::string engine;
  std::string layout;
  std::string cache = "cold";
  bench::Effort effort;
  bool prepared = false;
  bool check = true;
  bool json = false;
};

// The other layout is the same problem with its axes in another order.
void apply_layout(std::vector<bench::Entry>& entries, const std::string& layout) {
  if (layout.empty()) return;
  for (bench::Entry& entry : entries) {
    if (Problem* const problem = std::get_if<Problem>(&entry.work)) {
      problem->layout = layout == "nhwc" ? Layout::channels_last : Layout::channels_first;
    }
  }
}

std::string text_of(const Json& record) {
  std::string text = record.at("problem").get<std::string>() + "\n  ";
  if (record.contains("engine")) text += record["engine"].get<std::string>() + "  ";
  if (record.contains("skipped")) {
    return text + "SKIPPED: " + one_line(record["skipped"].get<std::string>()) + "\n";
  }
  text += fmt::format("{:.1f} us{}  {:.1f} GB/s  {:.3g} TFLOP/s  {:.0f} % of the limit {:.1f} us",
                      record["median_us"].get<double>(), record["noisy"].get<bool>() ? "*" : "",
                      record["gb_per_s"].get<double>(), record["tflop_per_s"].get<double>(),
                      100 * record["fraction"].get<double>(), record["limit_us"].get<double>());
  if (record.contains("error_over_bound")) {
    text += fmt::format("  error {:.2g} of its bound", record["error_over_bound"].get<double>());
  }
  return text + (record["fallback"].get<bool>() ? "  REFERENCE: no fast engine\n" : "\n");
}

std::string text_of(const Json& machine, const bench::Ceilings& ceilings) {
  std::string text =
      fmt::format("{}, commit {}, {}\ncopy {:.1f} GB/s", machine["name"].get<std::string>(),
                  machine["commit"].get<std::string>(), machine["date"].get<std::string>(),
                  ceilings.copy_bytes_per_second * 1e-9);
  for (const auto& [type, rate] : ceilings.matrix_flops) {
    text += fmt::format(", products {} {:.3g} TFLOP/s", type, rate * 1e-12);
  }
  return text + "\n";
}

// The planner's choice first; with --engine all every other engine that can do it as well.
std::vector<std::string> engines_for(const bench::Entry& entry, const BenchArguments& options,
                                     const Device& device) {
  if (options.engine != "all") return {options.engine};
  std::vector<std::string> names = {""};
  const Problem* const problem = entry.problem();
  if (problem == nullptr) return names;  // a call
  std::string chosen;
  try {
    chosen = Plan::make(*problem, device).engine();
  } catch (const NoEngine&) {
    return names;
  }
  for (const Candidate& candidate : candidates(*problem, device)) {
    const bool slow = candidate.engine == "cpu.reference";
    if (candidate.supported && candidate.engine != chosen && !slow) {
      names.push_back(candidate.engine);
    }
  }
  return names;
}

// A suite of calls alone has no layouts, and no filters to bind.
void check_options(const std::vector<bench::Entry>& entries, const BenchArguments& options) {
  const bool problems = std::ranges::any_of(
      entries, [](const bench::Entry& entry) { return entry.problem() != nullptr; });
  if (problems) return;
  if (!options.layout.empty()) {
    throw InvalidProblem(fmt::format("--layout {}: {} holds calls alone, which have no layout",
                                     options.layout, options.path));
  }
  if (options.prepared) {
    throw InvalidProblem(fmt::format(
        "--prepared: {} holds calls alone, which bind no filter before they run", options.path));
  }
}

void bench_suite(const BenchArguments& options) {
  std::vector<bench::Entry> entries = bench::read_suite(options.path);
  check_options(entries, options);
  apply_layout(entries, options.layout);
  const Device device = devices_to_try(options.device).front();
  const Json machine = bench::describe_machine(device);
  const bench::Ceilings ceilings = bench::measure_ceilings(device);
  const auto timer = bench::make_timer(device);
  std::optional<JsonList> records;
  if (options.json) {
    records.emplace(Json{{"machine", machine},
                         {"ceilings",
                          {{"copy_bytes_per_second", ceilings.copy_bytes_per_second},
                           {"launch_seconds", ceilings.launch_seconds},
                           {"matrix_flops", ceilings.matrix_flops}}}},
                    "records");
  } else {
    print(text_of(machine, ceilings));
    flush_stdout();
  }
  Progress progress("bench: problem", entries.size());
  for (const bench::Entry& entry : entries) {
    for (const std::string& engine : engines_for(entry, options, device)) {
      const bench::RunOptions run{
          .device = device,
          .engine = engine,
          .cache = options.cache == "cold" ? bench::Cache::cold : bench::Cache::warm,
          .effort = options.effort,
          .prepared = options.prepared,
          .check = options.check};
      Json record = bench::run_problem(entry, run, ceilings, *timer);
      record["chosen"] = engine.empty();
      if (records) {
        records->add(record);
      } else {
        print(text_of(record));
        flush_stdout();
      }
    }
    progress.step();
  }
  if (records) records->finish(Json::object());
}

}  // namespace

void add_bench_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("bench", "Time a suite of problems and check the results");
  auto options = std::make_shared<BenchArguments>();
  command
      ->add_option("suite", options->path,
                   "Text file, one problem or call per line, # for comments")
      ->required();
  add_device_option(*command, options->device);
  command->add_option(
      "--engine", options->engine,
      "Instead of the planner's choice: an engine, a way such as cpu.direct/in_place, or all");
  command->add_option("--layout", options->layout, "Instead of the suite's: nchw or nhwc")
      ->check(CLI::IsMember({"nchw", "nhwc"}));
  command->add_option("--cache", options->cache, "cold (flushed before each run) or warm")
      ->check(CLI::IsMember({"cold", "warm"}))
      ->capture_default_str();
  command->add_option("--samples", options->effort.min_samples, "Runs to time, at least")
      ->check(CLI::Range(3, 10000))
      ->capture_default_str();
  command
      ->add_option("--max-seconds", options->effort.max_seconds,
                   "Stop a problem after this long, with 3 runs or more")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--prepared", options->prepared, "Bind the filter before the clock starts");
  command->add_flag("!--no-check", options->check, "Do not compare with the reference");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { bench_suite(*options); });
}

}  // namespace faltung::tools
