#include "cpp/tools/support/sum_options.hpp"

#include <fmt/format.h>

#include <utility>

namespace faltung::tools {

void add_promise_options(CLI::App& command, PromiseText& text) {
  command
      .add_option("--accuracy", text.accuracy,
                  "By what errors are measured: normwise (default), by the data beside them, or "
                  "elementwise, by each result's own products (docs/bounds.md)")
      ->check(CLI::IsMember({"normwise", "elementwise"}));
  command.add_flag("--reproducible", text.reproducible,
                   "The same bits for any batch, number of threads, instruction set and device "
                   "(docs/reproducible.md)");
}

void add_sum_options(CLI::App& command, SumText& text) {
  command.add_option(
      "--output-type", text.output_type,
      "Type of the result: f32, f64, c128, u8, i32, ...; default: that of the original "
      "(docs/promotion.md)");
  command.add_option("--accumulator", text.accumulator,
                     "Type in which sums are formed: f32, f64, c64, c128, i32 or i64");
  command
      .add_option("--rounding", text.rounding,
                  "How sums become integers: truncate (default) or nearest, halves to even")
      ->check(CLI::IsMember({"truncate", "nearest"}));
  command
      .add_option("--overflow", text.overflow,
                  "What becomes of sums that an integer result cannot hold: wrap (default) or "
                  "saturate")
      ->check(CLI::IsMember({"wrap", "saturate"}));
  add_promise_options(command, text);
}

void check_store(const SumText& text, DType result) {
  if (is_integer(result)) return;
  for (const auto& [option, value] :
       {std::pair("--rounding", &text.rounding), std::pair("--overflow", &text.overflow)}) {
    if (value->empty()) continue;
    throw InvalidProblem(fmt::format(
        "{} {}: the result is {}, and the option is for integers; leave it out, or name an integer "
        "--output-type",
        option, *value, name(result)));
  }
}

void add_method_option(CLI::App& command, std::string& text, const std::string& names) {
  command.add_option(names, text, "auto, direct, fft, or an engine such as cpu.fft")
      ->capture_default_str();
}

}  // namespace faltung::tools
