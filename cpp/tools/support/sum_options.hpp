#pragma once

#include <CLI/App.hpp>
#include <faltung/accuracy.hpp>
#include <faltung/error.hpp>
#include <faltung/method.hpp>
#include <string>

#include "cpp/tools/support/options.hpp"

/// Options that most commands pass on to the library: in which types sums are formed and stored,
/// and which engine forms them.
namespace faltung::tools {

/// What sums have to be, as given.
struct PromiseText {
  std::string accuracy;  ///< empty if left out
  bool reproducible = false;
};

/// The same, and their types; empty if left out.
struct SumText : PromiseText {
  std::string output_type, accumulator, rounding, overflow;
};

/// Declares --accuracy and --reproducible.
void add_promise_options(CLI::App& command, PromiseText& text);

/// Declares these and --output-type, --accumulator, --rounding and --overflow.
void add_sum_options(CLI::App& command, SumText& text);

/// Declares --method, by `names`.
void add_method_option(CLI::App& command, std::string& text, const std::string& names = "--method");

/// What `options`, an Execution or PlanOptions, has of them.
template <typename Options>
void set_promises(const PromiseText& text, Options& options) {
  if (!text.accuracy.empty()) options.accuracy = parse_accuracy(text.accuracy);
  options.reproducible = text.reproducible;
}

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
  set_promises(text, call.run);
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
