#pragma once

#include <faltung/execution.hpp>
#include <faltung/method.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>

namespace faltung {

/// What a front end asks of the planner for `problem`. `run.engine` goes before `method`, which it
/// must not contradict.
///
/// @throws InvalidProblem naming both if they contradict each other, or for no value of Method.
[[nodiscard]] PlanOptions plan_options(const Problem& problem, Method method,
                                       const Execution& run = {});

}  // namespace faltung
