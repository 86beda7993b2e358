#pragma once

#include <CLI/App.hpp>
#include <faltung/error.hpp>
#include <faltung/method.hpp>
#include <string>

#include "cpp/tools/support/options.hpp"

/// Options that most commands pass on to the library: in which types sums are formed and stored,
/// and which engine forms them.
namespace faltung::tools {

/// As given; empty if left out.
struct SumText {
  std::string output_type, accumulator, rounding, overflow, accuracy;
};

/// Declares --output-type, --accumulator, --rounding, --overflow and --accuracy.
void add_sum_options(CLI::App& command, SumText& text);

/// Declares --method.
void add_method_option(CLI::App& command, std::string& text);

/// What the call has of them; it is the caller's to refuse the rest.
///
/// @throws InvalidProblem naming the option, its value and the rule.
template <typename CallOptions>
void set_sums(const SumText& text, CallOptions& call) {
  if (!text.output_type.empty()) call.output = parse_npy_dtype("--output-type", text.output_type);
  if constexpr (requires { call.accumulator; }) {
    if (!text.accumulator.empty()) {
      call.accumulator = parse_npy_dtype("--accumulator", text.accumulator);
    }
  }
  if (!text.accuracy.empty()) call.run.accuracy = parse_accuracy(text.accuracy);
  const auto set_store = [&](auto& store) {
    if (text.rounding == "nearest") store.rounding = Rounding::nearest_even;
    if (text.overflow == "saturate") store.overflow = Overflow::saturate;
  };
  if constexpr (requires { call.store; }) {
    set_store(call.store);
  } else {
    set_store(call);
  }
}

/// Of a result that is there: what has no effect on its type is refused.
///
/// @throws InvalidProblem for --rounding and --overflow beside a result that is no integer.
void check_store(const SumText& text, DType result);

/// `text` is a method of the library, or an engine.
template <typename CallOptions>
void set_method(const std::string& text, CallOptions& call) {
  if (text == "auto" || text == "direct" || text == "fft") {
    call.method = parse_method(text);
  } else {
    call.run.engine = text;
  }
}

}  // namespace faltung::tools
