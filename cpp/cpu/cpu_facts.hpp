#pragma once

#include "cpp/core/engine.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"

namespace faltung {

/// The facts of a task whose vector kernels use so many threads. Its sums have one order, and
/// everything is read once and stored once.
inline PlanFacts cpu_facts(int threads) {
  PlanFacts facts;
  facts.threads = threads;
  facts.instruction_set = cpu_target();
  return facts;
}

}  // namespace faltung
