#include <fmt/format.h>
#include <fmt/ranges.h>
#include <faltung/plan.hpp>
#include <nlohmann/json.hpp>

#include <CLI/Error.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/input_file.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/text.hpp"
#include "cpp/tools/verify/trial.hpp"

namespace faltung::tools {
namespace {

using Json = nlohmann::ordered_json;

struct VerifyArguments {
  std::string path;
  std::string device = "all";
  std::string engine;
  std::string seed = "1";
  bool ways = false;
  bool json = false;
};

struct Line {
  std::size_t number;
  Problem problem;
};

struct Entry {
  const Line* line;
  std::string engine;
  std::string device;
  Verification result;
};

/// One problem per line; '#' starts a comment.
std::vector<Line> read_problems(const std::string& path) {
  const std::vector<std::byte> bytes = InputFile(path).read_all();
  std::istringstream file(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::vector<Line> lines;
  std::string text;
  for (std::size_t number = 1; std::getline(file, text); ++number) {
    text.resize(std::min(text.size(), text.find('#')));
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    try {
      lines.push_back({number, Problem::parse(text)});
    } catch (const InvalidProblem& error) {
      throw InvalidProblem(fmt::format("{}:{}: {}", path, number, error.what()));
    }
  }
  if (lines.empty()) throw FileError(path, "holds no problem; write one per line");
  return lines;
}

std::string_view engine_of(std::string_view way) { return way.substr(0, way.find('/')); }

/// The engines to test, or each of their ways: all but the reference itself, unless it is asked
/// for.
std::vector<std::string> engines_to_test(const std::string& wanted, bool ways) {
  const std::vector<std::string> all_ways = engine_ways();
  std::vector<std::string> names = engine_names();
  if (std::ranges::find(all_ways, wanted) != all_ways.end()) {
    if (ways) {
      throw InvalidProblem(
          fmt::format("--ways: --engine {} names one way already; leave one of both out", wanted));
    }
    return {wanted};
  }
  if (!wanted.empty() && std::ranges::find(names, wanted) == names.end()) {
    throw InvalidProblem(
        fmt::format("--engine {}: neither an engine nor a way; this build has {}", wanted,
                    fmt::join(wanted.find('/') != std::string::npos ? all_ways : names, ", ")));
  }
  if (ways) names = all_ways;
  std::erase_if(names, [&](const std::string& name) {
    return wanted.empty() ? engine_of(name) == "cpu.reference" : engine_of(name) != wanted;
  });
  return names;
}

std::vector<Device> devices_to_test(const std::string& text) {
  if (text != "all") return devices_to_try(text);
  std::vector<Device> list;
  for (const DeviceInfo& info : devices()) list.push_back(info.device);
  return list;
}

/// Engine names start with the device they run on.
bool runs_on(const std::string& engine, const Device& device) {
  return engine.starts_with(device.kind == DeviceKind::cpu ? "cpu." : "cuda.");
}

/// Nothing compared must not look like nothing wrong.
void require_work(const std::vector<std::string>& engines, const std::vector<Device>& tested) {
  for (const Device& device : tested) {
    for (const std::string& engine : engines) {
      if (runs_on(engine, device)) return;
    }
  }
  throw InvalidProblem(
      fmt::format("--engine {}: runs on none of the devices here; `faltung info` "
                  "lists both",
                  fmt::join(engines, ", ")));
}

std::string text_of(const Entry& entry) {
  const Verification& result = entry.result;
  std::string text = fmt::format("  {} {} on {}", name(result.outcome), entry.engine, entry.device);
  if (result.outcome == Verification::Outcome::pass) {
    text += result.ratio == 0 ? ": equal" : fmt::format(": {:.2g} of the bound", result.ratio);
  } else {
    text += fmt::format(": {}", one_line(result.reason));
  }
  return text + '\n';
}

Json to_json(const Entry& entry) {
  Json json = {{"line", entry.line->number},
               {"problem", to_string(entry.line->problem)},
               {"engine", entry.engine},
               {"device", entry.device},
               {"outcome", name(entry.result.outcome)}};
  if (entry.result.outcome == Verification::Outcome::skip) {
    json["reason"] = entry.result.reason;
    return json;
  }
  json["error_over_bound"] = entry.result.ratio;
  if (!entry.result.reason.empty()) json["reason"] = entry.result.reason;
  return json;
}

void verify(const VerifyArguments& options) {
  const std::uint64_t seed = parse_count("--seed", options.seed);
  const std::vector<Line> lines = read_problems(options.path);
  const std::vector<std::string> engines = engines_to_test(options.engine, options.ways);
  const std::vector<Device> tested = devices_to_test(options.device);
  require_work(engines, tested);
  std::array<std::size_t, 3> counts{};
  double worst = 0;
  std::optional<JsonList> results;
  if (options.json) results.emplace(Json{{"seed", seed}}, "results");
  Progress progress("verify: problem", lines.size());
  for (const Line& line : lines) {
    const Trial trial(line.problem, seed);
    if (!results) {
      print(fmt::format("{}:{} {}\n", options.path, line.number, to_string(line.problem)));
    }
    for (const Device& device : tested) {
      for (const std::string& engine : engines) {
        if (!runs_on(engine, device)) continue;
        const Entry entry{&line, engine, to_string(device), trial.verify(engine, device)};
        ++counts[static_cast<std::size_t>(entry.result.outcome)];
        worst = std::max(worst, entry.result.ratio);
        if (results) {
          results->add(to_json(entry));
        } else {
          print(text_of(entry));
          flush_stdout();  // whoever stops the program keeps what was done
        }
      }
    }
    progress.step();
  }
  const auto [passed, failed, skipped] = counts;
  if (results) {
    results->finish(Json{{"passed", passed},
                         {"failed", failed},
                         {"skipped", skipped},
                         {"largest_error_over_bound", worst}});
  } else {
    print(
        fmt::format("{} problems: {} passed, {} failed, {} skipped; largest error {:.2g} of its "
                    "bound; seed {}\n",
                    lines.size(), passed, failed, skipped, worst, seed));
  }
  flush_stdout();
  if (failed > 0) throw CLI::RuntimeError(static_cast<int>(ExitCode::verification_failed));
}

}  // namespace

void add_verify_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("verify", "Compare every engine with the reference on a list of problems");
  auto options = std::make_shared<VerifyArguments>();
  command->add_option("problems", options->path, "Text file, one problem per line, # for comments")
      ->required();
  command->add_option("--device", options->device, "all, auto, cpu or cuda:N")
      ->capture_default_str();
  command->add_option("--engine", options->engine,
                      "Test this engine alone, e.g. cpu.fft, or one way of it");
  command->add_flag("--ways", options->ways, "Test each way of an engine, whichever it would take");
  command->add_option("--seed", options->seed, "Of the operands")->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { verify(*options); });
}

}  // namespace faltung::tools
