#include <fmt/format.h>
#include <faltung/error.hpp>
#include <faltung/measure.hpp>
#include <faltung/wisdom.hpp>
#include <nlohmann/json.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/sum_options.hpp"
#include "cpp/tools/support/text.hpp"

namespace faltung::tools {
namespace {

using Json = nlohmann::ordered_json;

struct TuneArguments {
  std::vector<std::string> words;
  std::string device = "auto";
  std::string output, workspace_limit, memory_limit, ways, max_seconds, run_seconds;
  PlanOptions plan;
  PromiseText promises;
  MeasureOptions how;
  bool json = false;
};

// A problem begins with op=, quoted as one word or not.
std::vector<Problem> problems_of(const std::vector<std::string>& words) {
  std::vector<std::string> lines;
  for (const std::string& word : words) {
    if (lines.empty() || word.starts_with("op=")) {
      lines.push_back(word);
    } else {
      lines.back() += ' ' + word;
    }
  }
  std::vector<Problem> problems;
  for (const std::string& line : lines) problems.push_back(Problem::parse(line));
  return problems;
}

void read(TuneArguments& options) {
  const auto set = [](const std::string& text, auto& value, auto parse) {
    if (!text.empty()) value = parse(text);
  };
  set_promises(options.promises, options.plan);
  set(options.workspace_limit, options.plan.workspace_limit,
      [](const std::string& text) { return parse_count("--workspace-limit", text); });
  set(options.memory_limit, options.how.memory_limit,
      [](const std::string& text) { return parse_count("--memory-limit", text); });
  set(options.ways, options.how.ways, [](const std::string& text) {
    return static_cast<int>(parse_number("--ways", text, 1, 1000));
  });
  set(options.max_seconds, options.how.max_seconds,
      [](const std::string& text) { return parse_number("--max-seconds", text, 0, 1e6); });
  set(options.run_seconds, options.how.run_seconds,
      [](const std::string& text) { return parse_number("--run-seconds", text, 0, 1e6); });
}

Json to_json(const Problem& problem, const Device& device, const Measurement& found) {
  Json ways = Json::array();
  for (const WayMeasurement& way : found.ways) {
    Json entry = {{"way", way.way}, {"outcome", name(way.outcome)}};
    if (way.estimate_us > 0) entry["estimate_us"] = way.estimate_us;
    if (way.us > 0) entry["measured_us"] = way.us;
    if (!way.reason.empty()) entry["reason"] = way.reason;
    ways.push_back(entry);
  }
  return {{"problem", to_string(problem)},
          {"device", to_string(device)},
          {"seconds", found.seconds},
          {"ways", ways}};
}

std::string text_of(const Problem& problem, const Device& device, const Measurement& found) {
  std::string text =
      fmt::format("{}\n  on {}, {:.2f} s\n", to_string(problem), to_string(device), found.seconds);
  for (const WayMeasurement& way : found.ways) {
    if (way.outcome == MeasureOutcome::refused) continue;
    text += fmt::format("  {:<9} {:<28}", name(way.outcome), way.way);
    if (way.us > 0) text += fmt::format(" {:.6g} us", way.us);
    text += fmt::format(", estimated {:.6g} us", way.estimate_us);
    if (!way.reason.empty()) text += ": " + way.reason;
    text += '\n';
  }
  return text;
}

// What became of all: a way that never ends takes the program's exit functions with it.
struct Sum {
  bool wrong = false, still_runs = false;
};

void keep(const std::string& file) {
  try {
    export_wisdom_file(file);
  } catch (const InvalidProblem& error) {
    throw FileError(file, error.what());
  }
}

void tune(TuneArguments& options) {
  read(options);
  const std::vector<Problem> problems = problems_of(options.words);
  const std::string file = options.output.empty() ? wisdom_file() : options.output;
  Json all = Json::array();
  Sum sum;
  for (const Problem& problem : problems) {
    on_device(options.device, [&](const Device& device) {
      const Measurement found = measure(problem, device, options.plan, options.how);
      if (!file.empty()) keep(file);
      for (const WayMeasurement& way : found.ways) {
        sum.wrong = sum.wrong || way.outcome == MeasureOutcome::wrong;
      }
      sum.still_runs = sum.still_runs || found.still_runs;
      if (options.json) {
        all.push_back(to_json(problem, device, found));
      } else {
        print(text_of(problem, device, found));
      }
    });
    if (sum.still_runs) break;
  }
  if (options.json) print_json({{"problems", all}, {"wisdom", file}});
  if (!options.json) {
    print(file.empty() ? "kept nowhere: name a file by --output or FALTUNG_WISDOM_FILE\n"
                       : fmt::format("kept in {}\n", file));
  }
  const auto code = sum.wrong ? ExitCode::verification_failed : ExitCode::ok;
  if (sum.still_runs) {
    flush_stdout();
    std::_Exit(static_cast<int>(code));
  }
  if (sum.wrong) throw CLI::RuntimeError(static_cast<int>(code));
}

}  // namespace

void add_tune_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "tune", "Time the ways of problems, and keep what is fastest as wisdom for later plans");
  auto options = std::make_shared<TuneArguments>();
  command
      ->add_option("problems", options->words,
                   "In the problem notation; each begins with op=, e.g. \"op=fwd in=4096 f=65\"")
      ->required();
  add_device_option(*command, options->device);
  command->add_option("-o,--output", options->output,
                      "The file of wisdom that takes the times beside what it has; by default "
                      "FALTUNG_WISDOM_FILE");
  command->add_option("--engine", options->plan.engine, "Time this engine, family or way alone");
  add_promise_options(*command, options->promises);
  command->add_flag("--elementwise", options->plan.elementwise,
                    "Pass over ways that err by the norm of the data");
  command->add_option("--workspace-limit", options->workspace_limit,
                      "Pass over ways that need more scratch memory, in bytes");
  command->add_option("--ways", options->ways, "How many ways are run at most; default 8");
  command->add_option("--max-seconds", options->max_seconds, "For one problem; default 10");
  command->add_option("--run-seconds", options->run_seconds,
                      "For one run: a way that takes longer is given up; default 2");
  command->add_option("--memory-limit", options->memory_limit,
                      "Of operands, result and workspace, in bytes; default 1 GiB");
  command->add_flag("--processor-time", options->how.processor_time,
                    "Time by the processor's clock: with FALTUNG_THREADS=1, beside other work");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { tune(*options); });
}

}  // namespace faltung::tools
