#include "cpp/cpu/fitted_cost.hpp"

#include <algorithm>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung {
namespace {

/// Cycles for each element of the three tensors.
struct Elements {
  double input, filter, output;
};

struct FittedCost {
  std::string_view way;
  double start;        ///< cycles of a run
  double work;         ///< times what the policy counts
  double row;          ///< cycles of a row of y
  Elements all;        ///< of elements of any type
  Elements f16, bf16;  ///< more for these types
};

/// Cycles that every run takes: the smallest start that was fitted.
constexpr double min_start = 700;

constexpr FittedCost costs[] = {
#include "cpp/cpu/fitted_costs.inc"
};

double elements_of(const Shape& shape) { return static_cast<double>(element_count(shape)); }

// What is beside the work, of all rows and elements.
double other_cycles(const FittedCost& cost, const Problem& p) {
  const auto of = [&](const Shape& shape, DType type, double Elements::*tensor) {
    double each = cost.all.*tensor;
    if (type == DType::f16) each += cost.f16.*tensor;
    if (type == DType::bf16) each += cost.bf16.*tensor;
    return elements_of(shape) * each;
  };
  const Shape y = p.y_shape();
  const auto row = static_cast<double>(std::max<std::int64_t>(1, p.axes.back().output()));
  return elements_of(y) / row * cost.row + of(p.x_shape(), p.input, &Elements::input) +
         of(p.w_shape(), p.filter, &Elements::filter) + of(y, p.output, &Elements::output);
}

/// What one thread does, and several.
struct Time {
  double start_us = 0, shared_us = 0;
};

Time time_of(std::string_view way, const Problem& p, double us) {
  const auto* const cost = std::ranges::find(costs, way, &FittedCost::way);
  const double us_of_cycle = 1e-3 * cpu_machine().cycle_ns();
  if (cost == std::end(costs)) return {min_start * us_of_cycle, us};
  return {cost->start * us_of_cycle, cost->work * us + other_cycles(*cost, p) * us_of_cycle};
}

}  // namespace

double fitted_us(std::string_view way, const Problem& problem, double us) {
  const Time time = time_of(way, problem, us);
  return time.start_us + time.shared_us;
}

double fitted_run_us(std::string_view way, const Problem& problem, double us) {
  const Time time = time_of(way, problem, us);
  return time.start_us + shared_us(time.shared_us);
}

}  // namespace faltung
