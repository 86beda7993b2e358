#include <fmt/format.h>
#include <faltung/wisdom.hpp>
#include <nlohmann/json.hpp>

#include <memory>
#include <string>
#include <vector>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/support/text.hpp"

namespace faltung::tools {
namespace {

using Json = nlohmann::ordered_json;

struct WisdomArguments {
  std::string action, output;
  std::vector<std::string> files;
  bool json = false;
};

// A file that is named must be there; the one of the environment may not have been written yet.
WisdomLines read_all(WisdomArguments& options) {
  WisdomLines sum;
  const bool standard = options.files.empty();
  if (standard) {
    if (wisdom_file().empty()) {
      throw InvalidProblem(
          "no file of wisdom is named, and FALTUNG_WISDOM_FILE is not set; name a file");
    }
    options.files.push_back(wisdom_file());
  }
  forget_wisdom();  // the one of the environment counts once, or not at all
  for (const std::string& file : options.files) {
    try {
      const WisdomLines lines = import_wisdom_file(file);
      sum.taken += lines.taken;
      sum.foreign += lines.foreign;
      sum.skipped += lines.skipped;
    } catch (const InvalidProblem& error) {
      throw FileError(file, error.what());
    }
  }
  return sum;
}

// The fields of a line that export_wisdom() wrote.
std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::size_t start = 0;
  for (std::size_t end = 0; end != std::string::npos; start = end + 1) {
    end = line.find('\t', start);
    fields.push_back(line.substr(start, end == std::string::npos ? end : end - start));
  }
  return fields;
}

Json shown(const WisdomLines& lines) {
  Json problems = Json::array();
  const std::string text = export_wisdom();
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = text.find('\n', start);
    const std::vector<std::string> fields = fields_of(text.substr(start, end - start));
    start = end + 1;
    Json ways = Json::array();
    std::size_t from = 0;
    while (from < fields[3].size()) {
      const std::size_t to = std::min(fields[3].find(' ', from), fields[3].size());
      const std::string word = fields[3].substr(from, to - from);
      const std::size_t equals = word.find('=');
      ways.push_back(
          {{"way", word.substr(0, equals)}, {"measured_us", std::stod(word.substr(equals + 1))}});
      from = to + 1;
    }
    problems.push_back({{"problem", fields[2]}, {"machine", fields[1]}, {"ways", ways}});
  }
  return {{"lines", lines.taken},
          {"foreign", lines.foreign},
          {"skipped", lines.skipped},
          {"problems", problems}};
}

std::string text_of(const Json& all) {
  std::string text;
  for (const Json& problem : all["problems"]) {
    text += fmt::format("{}\n  on {}\n", problem["problem"].get<std::string>(),
                        problem["machine"].get<std::string>());
    for (const Json& way : problem["ways"]) {
      text += fmt::format("  {:>14.6g} us  {}\n", way["measured_us"].get<double>(),
                          way["way"].get<std::string>());
    }
  }
  return text;
}

void wisdom(WisdomArguments& options) {
  if (options.action == "show" && !options.output.empty()) {
    throw InvalidProblem("--output: show writes no file; use merge, or redirect what it prints");
  }
  if (options.action == "merge" && options.output.empty()) {
    throw InvalidProblem("merge needs --output, the file that what is read is merged into");
  }
  const WisdomLines lines = read_all(options);
  if (options.action == "merge") {
    try {
      export_wisdom_file(options.output);
    } catch (const InvalidProblem& error) {
      throw FileError(options.output, error.what());
    }
  }
  const Json all = shown(lines);
  if (options.json) return print_json(all);
  if (options.action == "show") print(text_of(all));
  print(fmt::format("{} lines, {} of them from other machines, {} skipped\n", lines.taken,
                    lines.foreign, lines.skipped));
}

}  // namespace

void add_wisdom_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("wisdom", "Show or merge files of measured choices (docs/planning.md)");
  auto options = std::make_shared<WisdomArguments>();
  command->add_option("action", options->action, "show or merge")
      ->required()
      ->check(CLI::IsMember({"show", "merge"}));
  command->add_option("files", options->files, "What to read; by default FALTUNG_WISDOM_FILE");
  command->add_option("-o,--output", options->output,
                      "merge: the file that takes all lines beside its own");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { wisdom(*options); });
}

}  // namespace faltung::tools
