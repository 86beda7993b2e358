#include <fmt/format.h>
#include <faltung/error.hpp>
#include <faltung/machine.hpp>

#include <filesystem>
#include <memory>
#include <sstream>
#include <string>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/support/text.hpp"

namespace faltung::tools {
namespace {

// The record that plans are made for so far; that of the table if the file is the fault.
CpuMachine before() {
  try {
    return machine_here();
  } catch (const InvalidProblem&) {
    return *find_cpu_machine(cpu_machine_names().front());
  }
}

// The fields of both, side by side.
std::string compared(const std::string& old_text, const std::string& new_text) {
  std::istringstream old_lines(old_text), new_lines(new_text);
  std::string text = fmt::format("{:<18} {:>14} {:>14}\n", "", "before", "measured");
  std::string old_line, new_line;
  while (std::getline(old_lines, old_line) && std::getline(new_lines, new_line)) {
    if (new_line.starts_with('#')) continue;
    const std::size_t value = new_line.find(" = ");
    const auto shown = [&](const std::string& line) {
      const std::string word = line.substr(value + 3);
      char* end = nullptr;
      const double number = std::strtod(word.c_str(), &end);
      return *end == '\0' ? fmt::format("{:.6g}", number) : word;
    };
    text += fmt::format("{:<18} {:>14} {:>14}\n", new_line.substr(0, value), shown(old_line),
                        shown(new_line));
  }
  return text;
}

// The standard place may lack its folders; one that is asked for is the caller's to make.
std::string standard_place() {
  const std::string path = machine_file();
  if (path.empty()) {
    throw InvalidProblem(
        "--output is needed: FALTUNG_MACHINE_FILE is empty, or neither HOME nor XDG_CONFIG_HOME "
        "is set, so there is no place where plans would look for the file");
  }
  std::error_code error;  // OutputFile says what is wrong with the folder
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  return path;
}

void calibrate(const std::string& output) {
  OutputFile file(output.empty() ? standard_place() : output);
  const CpuMachine old = before();
  const CpuMachine machine = calibrate_cpu();
  const std::string text = to_text(machine);
  file.write(text.data(), text.size());
  file.commit();
  if (file.path() == "-") return;
  print(fmt::format("{}written to {}\n", compared(to_text(old), text), file.path()));
}

}  // namespace

void add_calibrate_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "calibrate", "Measure this CPU, in about ten seconds, for the estimates of plans");
  auto output = std::make_shared<std::string>();
  command->add_option("--output", *output,
                      "Write the record there; by default where plans look for it, "
                      "FALTUNG_MACHINE_FILE or ~/.config/faltung/machine.txt");
  command->callback([output] { calibrate(*output); });
}

}  // namespace faltung::tools
