#include <algorithm>
#include <array>
#include <set>
#include <variant>

#include <faltung/error.hpp>
#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/text.hpp"

namespace faltung {
namespace {

using Member =
    std::variant<double CpuMachine::*, std::int64_t CpuMachine::*, double ProductRates::*>;

/// A number of a machine file and what it may be.
struct Field {
  const char* name;
  Member member;
  double min, max;
  const char* meaning;
};

// Beyond these a line is a slip of units.
const Field fields[] = {
    {"vector_bytes", &CpuMachine::vector_bytes, 16, 64, "of a vector register: 16, 32 or 64"},
    {"clock_ghz", &CpuMachine::clock_ghz, 0.1, 20, "cycles a nanosecond, with vectors at work"},
    {"products_f32", &ProductRates::f32, 0.01, 1024, "a cycle of one thread, sums in f32"},
    {"products_f64", &ProductRates::f64, 0.01, 1024, "a cycle, sums in f64"},
    {"products_c64", &ProductRates::c64, 0.01, 1024, "a cycle, complex, sums of two f32"},
    {"products_c128", &ProductRates::c128, 0.01, 1024, "a cycle, complex, sums of two f64"},
    {"products_i32", &ProductRates::i32, 0.01, 1024, "a cycle, sums in i32"},
    {"product_pairs", &ProductRates::pairs, 0.01, 1024, "a cycle, pairs of 16 bits in i32"},
    {"l1d_bytes", &CpuMachine::l1d_bytes, 4096, 0x1p24, "first-level cache of a core, for data"},
    {"l2_bytes", &CpuMachine::l2_bytes, 32768, 0x1p30, "second-level cache of a core"},
    {"l3_bytes", &CpuMachine::l3_bytes, 32768, 0x1p36, "of the last level, for one thread"},
    {"l3_bytes_per_ns", &CpuMachine::l3_bytes_per_ns, 0.01, 10000, "read and written there"},
    {"copy_bytes_per_ns", &CpuMachine::copy_bytes_per_ns, 0.01, 10000,
     "read and written in memory, one thread"},
    {"thread_gain", &CpuMachine::thread_gain, 0.01, 1, "speed that each further thread adds to 1"},
    {"thread_wake_us", &CpuMachine::thread_wake_us, 0.1, 10000,
     "microseconds until another thread works"},
};

constexpr std::string_view sets[] = {"avx512", "avx2", "sse4", "neon", "baseline"};

double value_of(const CpuMachine& machine, const Field& field) {
  return std::visit(
      [&](auto member) -> double {
        if constexpr (std::is_same_v<decltype(member), double ProductRates::*>) {
          return machine.products.*member;
        } else {
          return static_cast<double>(machine.*member);
        }
      },
      field.member);
}

void set_value(CpuMachine& machine, const Field& field, double value) {
  std::visit(
      [&](auto member) {
        if constexpr (std::is_same_v<decltype(member), double ProductRates::*>) {
          machine.products.*member = value;
        } else if constexpr (std::is_same_v<decltype(member), double CpuMachine::*>) {
          machine.*member = value;
        } else {
          machine.*member = static_cast<std::int64_t>(value);
        }
      },
      field.member);
}

bool is_whole(const Field& field) {
  return std::holds_alternative<std::int64_t CpuMachine::*>(field.member);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// A word from a file, short enough for a message.
std::string shown(std::string_view text) {
  constexpr std::size_t max = 40;
  return std::string(text.substr(0, max)) + (text.size() > max ? "..." : "");
}

void read_number(CpuMachine& machine, const Field& field, std::string_view text) {
  const std::optional<double> value = parse_number<double>(text);
  const bool whole = is_whole(field);
  const bool good = value && *value >= field.min && *value <= field.max &&
                    (!whole || *value == static_cast<double>(static_cast<std::int64_t>(*value)));
  if (!good) {
    throw InvalidProblem(message(field.name, " is '", shown(text), "', ",
                                 whole ? "not an integer from " : "not a number from ",
                                 format_real(field.min), " to ", format_real(field.max), " (",
                                 field.meaning, ")"));
  }
  set_value(machine, field, *value);
}

void read_line(CpuMachine& machine, std::set<std::string_view>& seen, std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) {
    throw InvalidProblem(message("'", shown(line), "' is no line 'field = value'"));
  }
  const std::string_view name = trimmed(line.substr(0, equals));
  const std::string_view value = trimmed(line.substr(equals + 1));
  if (!seen.insert(name).second) throw InvalidProblem(message(shown(name), " is given twice"));
  if (name == "name") {
    machine.name = shown(value);
    return;
  }
  if (name == "instruction_set") {
    if (std::ranges::find(sets, value) == std::end(sets)) {
      throw InvalidProblem(message("instruction_set is '", shown(value),
                                   "', none of avx512, avx2, sse4, neon, baseline"));
    }
    machine.instruction_set = value;
    return;
  }
  const auto* field = std::ranges::find(fields, name, &Field::name);
  if (field == std::end(fields)) {
    throw InvalidProblem(message("'", shown(name), "' is no field of a machine"));
  }
  read_number(machine, *field, value);
}

}  // namespace

std::string to_text(const CpuMachine& machine) {
  std::string text =
      message("# How fast a CPU is, for estimates of Faltung; see docs/machines.md.\n",
              "name = ", machine.name, "\ninstruction_set = ", machine.instruction_set, '\n');
  for (const Field& field : fields) {
    text += message("# ", field.meaning, '\n', field.name, " = ",
                    format_real(value_of(machine, field)), '\n');
  }
  return text;
}

CpuMachine parse_cpu_machine(std::string_view text) {
  CpuMachine machine;
  std::set<std::string_view> seen;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, std::min(text.find('#'), end)));
    ++number;
    text.remove_prefix(std::min(text.size(), end + 1));
    if (line.empty()) continue;
    try {
      read_line(machine, seen, line);
    } catch (const InvalidProblem& error) {
      throw InvalidProblem(message("line ", number, ": ", error.what()));
    }
  }
  const auto require = [&](std::string_view name) {
    if (!seen.contains(name)) throw InvalidProblem(message(name, " is missing"));
  };
  require("name");
  require("instruction_set");
  for (const Field& field : fields) require(field.name);
  if (machine.vector_bytes != 16 && machine.vector_bytes != 32 && machine.vector_bytes != 64) {
    throw InvalidProblem(message("vector_bytes is ", machine.vector_bytes, ", not 16, 32 or 64"));
  }
  if (machine.l1d_bytes > machine.l2_bytes || machine.l2_bytes > machine.l3_bytes) {
    throw InvalidProblem(message("l1d_bytes ", machine.l1d_bytes, ", l2_bytes ", machine.l2_bytes,
                                 " and l3_bytes ", machine.l3_bytes,
                                 " shrink, and no level holds less than the one before it"));
  }
  return machine;
}

}  // namespace faltung
