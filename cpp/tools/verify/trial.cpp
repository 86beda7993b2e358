#include "cpp/tools/verify/trial.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <limits>
#include <utility>

#include "cpp/tools/verify/bound.hpp"
#include "cpp/tools/verify/operands.hpp"

namespace faltung::tools {

struct Trial::Case {
  Fill fill;
  Operands operands;
  Operand expected;
  Bound bound;
};

namespace {

constexpr const char* reference = "cpu.reference";

/// Runs on the plan's device and returns the result on the CPU.
Operand run(const Plan& plan, const Operands& operands) {
  const Device& device = plan.device();
  const Operand first = operands.first.to(device);
  const Operand second = operands.second.to(device);
  const Tensor bias = operands.bias.bytes() == 0 ? Tensor() : operands.bias.to(device);
  Operand result = operands.result.to(device);
  plan.run(Stream{device, nullptr}, first.view(), second.view(), result.view(), {}, bias.view());
  return result.to(Device::cpu());
}

std::string refusal(const Problem& problem, const Device& device, const std::string& engine) {
  for (const Candidate& candidate : candidates(problem, device, {.engine = engine})) {
    if (candidate.engine == engine.substr(0, engine.find('/'))) return candidate.reason;
  }
  return "not an engine of this build";
}

}  // namespace

std::string_view name(Verification::Outcome outcome) noexcept {
  constexpr std::string_view names[] = {"PASS", "FAIL", "SKIP"};
  return names[static_cast<std::size_t>(outcome)];
}

Trial::Trial(const Problem& problem, std::uint64_t seed) : problem_(problem) {
  const Plan plan = Plan::make(problem, Device::cpu(), {.engine = reference});
  for (const Fill fill : {Fill::small_integers, Fill::reals}) {
    Operands operands = make_operands(problem, fill, seed);
    Operand expected = run(plan, operands);
    Bound bound(problem, operands, plan.error_bound());
    cases_[static_cast<std::size_t>(fill)] = std::make_unique<Case>(
        Case{fill, std::move(operands), std::move(expected), std::move(bound)});
  }
}

Trial::~Trial() = default;

Verification Trial::verify(const std::string& engine, const Device& device) const {
  using Outcome = Verification::Outcome;
  Verification result;
  try {
    const Plan plan = Plan::make(problem_, device, {.engine = engine});
    const bool normwise = plan.error_bound().kind == ErrorBound::Kind::normwise;
    for (const auto& trial : cases_) {
      const Operand actual = run(plan, trial->operands);
      const bool exact = is_integer(problem_.accumulator) ||
                         (trial->fill == Fill::small_integers && sums_are_exact(problem_));
      // What watches the range errs at each output, as its bound says, by transforms.
      if (exact && !normwise && !plan.facts().watches_range) {
        if (const std::string difference = first_difference(actual, trial->expected);
            !difference.empty()) {
          return {Outcome::fail, fmt::format("{}: {}", name(trial->fill), difference),
                  result.ratio};
        }
        continue;
      }
      const double ratio = trial->bound.ratio(plan.error_bound(), actual, trial->expected);
      result.ratio = std::max(result.ratio, ratio);
      if (!(ratio <= 1)) {
        return {Outcome::fail,
                fmt::format("{}: the error is {:.3g} times its bound", name(trial->fill), ratio),
                ratio};
      }
    }
  } catch (const NoEngine&) {
    return {Outcome::skip, refusal(problem_, device, engine), 0};
  } catch (const DeviceError& error) {
    return {Outcome::fail, error.what(), 0};
  }
  return result;
}

}  // namespace faltung::tools
