#pragma once

#include <cstddef>
#include <memory>

#include <faltung/faltung.h>
#include <faltung/allocator.hpp>
#include <faltung/plan.hpp>
#include <faltung/problem.hpp>

namespace faltung::c {

/// The two functions of a caller's allocator, which Allocator::context points to.
struct CallerAllocator {
  void* context;                               ///< passed to both
  decltype(faltung_options::allocate) take;    ///< gives memory
  decltype(faltung_options::deallocate) give;  ///< takes it back
};

/// Options for a plan, and what must live as long as it.
struct Options {
  PlanOptions plan;                            ///< as C++ has them
  std::shared_ptr<CallerAllocator> allocator;  ///< null: the standard one
};

/// @throws InvalidProblem if it is null, or breaks a rule of the notation.
Problem problem_of(const char* line);

/// @throws InvalidProblem if the size is none that the struct had, there is something beyond what
///         this library knows, or a value breaks its rule.
Options options_of(const faltung_options* options);

/// The same for one run: defaults for null.
faltung_run_options run_options_of(const faltung_run_options* options);

/// The same for a measurement.
faltung_measure_options measure_options_of(const faltung_measure_options* options);

/// Writes as much of `facts` as the caller's struct holds, and 0 beyond.
///
/// @throws InvalidProblem if the size that the caller set is none that the struct had.
void give_facts(const faltung_facts& facts, faltung_facts* target);

}  // namespace faltung::c
