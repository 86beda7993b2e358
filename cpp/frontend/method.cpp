#include "cpp/frontend/method.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/execution.hpp"

namespace faltung {
namespace {

// In the order of the enumerators.
constexpr std::array<std::string_view, 3> method_names = {"automatic", "direct", "fft"};

// Whether only FFT engines answer to this name: "fft", "cpu.fft", "cuda.fft_block", "fft/digits".
bool names_fft(std::string_view name) {
  const std::string_view engine = name.substr(0, name.find('/'));
  const std::string_view family = engine.substr(engine.find('.') + 1);
  return family == "fft" || family.starts_with("fft_");
}

void check_agreement(Method method, const std::string& engine) {
  if (method > Method::fft) {
    throw InvalidProblem(message("method has the value ", static_cast<int>(method),
                                 "; it must be automatic, direct or fft"));
  }
  if (engine.empty() || method == Method::automatic) return;
  if (names_fft(engine) == (method == Method::fft)) return;
  throw InvalidProblem(message("method is ", name(method), ", but engine is '", engine, "', which ",
                               method == Method::fft ? "is no FFT engine" : "is an FFT engine",
                               "; leave one of them out"));
}

}  // namespace

std::string_view name(Method method) noexcept {
  const auto index = static_cast<std::size_t>(method);
  return index < method_names.size() ? method_names[index] : "unknown";
}

Method parse_method(std::string_view text) {
  if (text == "auto") return Method::automatic;
  const auto* const found = std::ranges::find(method_names, text);
  if (found != method_names.end()) {
    return static_cast<Method>(found - method_names.begin());
  }
  throw InvalidProblem(message("method is '", text, "'; it must be one of automatic, direct, fft"));
}

PlanOptions plan_options(const Problem& problem, Method method, const Execution& run) {
  const std::string& engine = run.engine;
  check_agreement(method, engine);
  const bool products_only =
      std::ranges::all_of(problem.axes, [](const Axis& axis) { return axis.filter == 1; });
  PlanOptions options;
  options.engine = engine;
  if (engine.empty() && method == Method::fft && !products_only) options.engine = "fft";
  options.workspace_limit = workspace_limit(run);
  options.elementwise = method == Method::direct;
  options.accuracy = run.accuracy;
  options.reproducible = run.reproducible;
  options.flush_subnormals = run.flush_subnormals;
  options.allocator = run.allocator;
  return options;
}

}  // namespace faltung
