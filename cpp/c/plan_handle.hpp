#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <faltung/faltung.h>
#include <faltung/plan.hpp>
#include "cpp/c/c_options.hpp"

namespace faltung::c {

/// What stands behind one faltung_plan.
struct PlanState {
  Plan plan;                                   ///< the C++ plan
  std::shared_ptr<CallerAllocator> allocator;  ///< that its options point to
  ConstTensorView operands[4] = {};            ///< what it wants, in the order of faltung_operand
  std::string_view names[4] = {};              ///< what messages call them
  std::size_t operand_count = 3;               ///< 4 with a bias

  /// What faltung_plan_facts hands out, made when it is asked for the first time.
  struct Texts {
    std::string problem, device, engine, way, policy, instruction_set;
  };
  std::once_flag texts_made = {};  ///< guards `texts`
  Texts texts = {};                ///< see Texts

  PlanState(Plan made, std::shared_ptr<CallerAllocator> callers);
};

/// A handle for the plan, which it owns.
faltung_plan* make_handle(std::unique_ptr<PlanState> state);

/// The plan behind a handle.
///
/// @throws InvalidProblem if the handle is null or its plan was freed.
PlanState& state_of(const faltung_plan* plan);

/// Frees the plan of a handle.
///
/// @throws InvalidProblem if it was freed before.
void free_handle(faltung_plan* plan);

}  // namespace faltung::c
