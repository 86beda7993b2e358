#pragma once

#include <memory>

#include <faltung/plan.hpp>

namespace faltung {

/// A plan for a function that plans and runs in one call: one that is kept (plan_cache.hpp), or a
/// new one, which is kept then. Nothing is locked while it is made, run or destroyed.
///
/// @throws what Plan::make throws.
[[nodiscard]] std::shared_ptr<const Plan> kept_plan(const Problem& problem, const Device& device,
                                                    const PlanOptions& options);

}  // namespace faltung
