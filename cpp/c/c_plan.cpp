#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <faltung/faltung.h>
#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include "cpp/c/c_error.hpp"
#include "cpp/c/c_options.hpp"
#include "cpp/c/c_view.hpp"
#include "cpp/c/plan_handle.hpp"
#include "cpp/core/message.hpp"

namespace faltung::c {
namespace {

static_assert(int{FALTUNG_EXACT} == int(ErrorBound::Kind::exact));
static_assert(int{FALTUNG_ELEMENTWISE} == int(ErrorBound::Kind::elementwise));
static_assert(int{FALTUNG_NORMWISE} == int(ErrorBound::Kind::normwise));

// What one run takes beside operands and result.
struct Run {
  Stream stream;
  Workspace workspace;
  ConstTensorView bias;
};

Run run_of(const PlanState& state, const faltung_run_options* options) {
  const faltung_run_options given = run_options_of(options);
  Run run{{state.plan.device(), given.stream}, {given.workspace, given.workspace_bytes}, {}};
  if (given.bias != nullptr) run.bias = view_of(given.bias, "bias");
  return run;
}

TensorView operand_view(const PlanState& state, const faltung_view* view, int operand) {
  return view_of(view, state.names[operand]);
}

void make_texts(PlanState& state) {
  const Plan& plan = state.plan;
  state.texts = {to_string(plan.problem()),
                 to_string(plan.device()),
                 plan.engine(),
                 plan.way(),
                 plan.policy(),
                 plan.facts().instruction_set};
}

faltung_facts facts_of(PlanState& state) {
  std::call_once(state.texts_made, make_texts, state);
  const PlanFacts facts = state.plan.facts();
  const ErrorBound bound = state.plan.error_bound();
  return {.size = sizeof(faltung_facts),
          .problem = state.texts.problem.c_str(),
          .device = state.texts.device.c_str(),
          .engine = state.texts.engine.c_str(),
          .way = state.texts.way.c_str(),
          .policy = state.texts.policy.c_str(),
          .instruction_set = state.texts.instruction_set.c_str(),
          .workspace_bytes = facts.workspace_bytes,
          .estimate_us = state.plan.estimate_us(),
          .bound_constant = bound.constant,
          .bound_kind = static_cast<std::int32_t>(bound.kind),
          .threads = facts.threads,
          .memory_passes = facts.memory_passes,
          .spreads_non_finite = facts.spreads_non_finite,
          .flushes_subnormals = facts.flushes_subnormals,
          .bitwise_reproducible = facts.bitwise_reproducible,
          .reproducible = facts.reproducible};
}

}  // namespace
}  // namespace faltung::c

using namespace faltung;
using namespace faltung::c;

faltung_status faltung_plan_create(const char* problem, const char* device,
                                   const faltung_options* options, faltung_plan** plan) {
  if (plan != nullptr) *plan = nullptr;
  return guarded([&] {
    faltung_plan*& result = target(plan, "plan");
    const Problem parsed = problem_of(problem);
    Options wanted = options_of(options);
    const Device where = device == nullptr ? Device::cpu() : Device::parse(device);
    result = make_handle(std::make_unique<PlanState>(Plan::make(parsed, where, wanted.plan),
                                                     std::move(wanted.allocator)));
  });
}

faltung_status faltung_plan_with_batch(const faltung_plan* plan, int64_t batch,
                                       faltung_plan** result) {
  if (result != nullptr) *result = nullptr;
  return guarded([&] {
    faltung_plan*& made = target(result, "result");
    const PlanState& state = state_of(plan);
    made = make_handle(std::make_unique<PlanState>(state.plan.with_batch(batch), state.allocator));
  });
}

faltung_status faltung_plan_destroy(faltung_plan* plan) {
  if (plan == nullptr) return FALTUNG_OK;
  return guarded([&] { free_handle(plan); });
}

faltung_status faltung_plan_operand(const faltung_plan* plan, int32_t operand, faltung_view* view) {
  return guarded([&] {
    PlanState& state = state_of(plan);
    faltung_view& result = target(view, "view");
    if (operand < 0 || operand > FALTUNG_BIAS) {
      throw InvalidProblem(message("operand is ", operand,
                                   ", which names nothing; use FALTUNG_FIRST (0) to FALTUNG_BIAS (",
                                   int{FALTUNG_BIAS}, ")"));
    }
    if (static_cast<std::size_t>(operand) >= state.operand_count) {
      throw InvalidProblem(
          "operand is FALTUNG_BIAS, but the problem has none (bias=0); plan with a bias");
    }
    const ConstTensorView& wanted = state.operands[operand];
    result = {.data = nullptr,
              .dtype = static_cast<faltung_dtype>(wanted.dtype),
              .rank = static_cast<std::int32_t>(wanted.shape.size()),
              .shape = wanted.shape.begin(),
              .strides = wanted.strides.begin(),
              .device = {static_cast<std::int32_t>(wanted.device.kind), wanted.device.index}};
  });
}

faltung_status faltung_plan_workspace_bytes(const faltung_plan* plan, size_t* bytes) {
  return guarded([&] { target(bytes, "bytes") = state_of(plan).plan.workspace_bytes(); });
}

faltung_status faltung_plan_facts(const faltung_plan* plan, faltung_facts* facts) {
  return guarded([&] {
    PlanState& state = state_of(plan);
    give_facts(facts_of(state), &target(facts, "facts"));
  });
}

faltung_status faltung_plan_explain(const faltung_plan* plan, char* text, size_t capacity,
                                    size_t* bytes) {
  return guarded([&] { give(state_of(plan).plan.explain(), text, capacity, bytes); });
}

faltung_status faltung_plan_run(const faltung_plan* plan, const faltung_view* first,
                                const faltung_view* second, const faltung_view* result,
                                const faltung_run_options* options) {
  return guarded([&] {
    const PlanState& state = state_of(plan);
    const Run run = run_of(state, options);
    state.plan.run(run.stream, operand_view(state, first, FALTUNG_FIRST),
                   operand_view(state, second, FALTUNG_SECOND),
                   operand_view(state, result, FALTUNG_RESULT), run.workspace, run.bias);
  });
}

faltung_status faltung_plan_bind_filter(faltung_plan* plan, const faltung_view* w, void* stream) {
  return guarded([&] {
    PlanState& state = state_of(plan);
    state.plan.bind_filter({state.plan.device(), stream}, view_of(w, "w"));
  });
}

faltung_status faltung_plan_run_bound(const faltung_plan* plan, const faltung_view* operand,
                                      const faltung_view* result,
                                      const faltung_run_options* options) {
  return guarded([&] {
    const PlanState& state = state_of(plan);
    const Run run = run_of(state, options);
    state.plan.run_bound(run.stream, operand_view(state, operand, FALTUNG_FIRST),
                         operand_view(state, result, FALTUNG_RESULT), run.workspace, run.bias);
  });
}
