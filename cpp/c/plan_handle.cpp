#include "cpp/c/plan_handle.hpp"

#include <deque>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/view_rules.hpp"

// Handles outlive their plans: one whose plan was freed is used again only after many others, so
// that until then a call with it is refused, and reads no memory that is somebody else's.
struct faltung_plan {
  std::atomic<faltung::c::PlanState*> state = nullptr;
};

namespace faltung::c {
namespace {

constexpr std::size_t resting_handles = 1024;

class Handles {
 public:
  faltung_plan* make(std::unique_ptr<PlanState> state) {
    const std::scoped_lock lock(mutex_);
    faltung_plan* handle = nullptr;
    if (free_.size() > resting_handles) {
      handle = free_.front();
      free_.pop_front();
    } else {
      handle = &all_.emplace_back();
    }
    handle->state = state.release();
    return handle;
  }

  std::unique_ptr<PlanState> release(faltung_plan* handle) {
    const std::scoped_lock lock(mutex_);
    if (handle->state == nullptr) return nullptr;
    free_.push_back(handle);
    return std::unique_ptr<PlanState>(handle->state.exchange(nullptr));
  }

 private:
  std::mutex mutex_;
  std::deque<faltung_plan> all_;  // never moved, never given back
  std::deque<faltung_plan*> free_;
};

// Not destroyed: plans may be freed while the program ends.
Handles& handles() {
  static auto* const all = new Handles;
  return *all;
}

[[noreturn]] void refuse_freed() {
  throw InvalidProblem(
      "plan was freed: faltung_plan_destroy took it; create another, and destroy each once");
}

}  // namespace

PlanState::PlanState(Plan made, std::shared_ptr<CallerAllocator> callers)
    : plan(std::move(made)), allocator(std::move(callers)) {
  const Problem& p = plan.problem();
  const auto x = x_rule(p);
  const auto w = w_rule(p);
  const auto y = y_rule(p);
  const ViewRule order[3][3] = {{x, w, y}, {y, w, x}, {x, y, w}};
  const auto set = [&](std::size_t i, const ViewRule& rule) {
    operands[i] = {nullptr, rule.dtype, rule.shape,
                   rule.strides.empty() ? compact_strides(rule.shape) : rule.strides,
                   plan.device()};
    names[i] = rule.name;
  };
  for (std::size_t i = 0; i < 3; ++i) set(i, order[static_cast<std::size_t>(p.pass)][i]);
  if (!p.epilogue.bias) return;
  operand_count = 4;
  set(FALTUNG_BIAS, {"bias", p.bias_dtype(), {p.result_channels()}, {}});
}

faltung_plan* make_handle(std::unique_ptr<PlanState> state) {
  return handles().make(std::move(state));
}

PlanState& state_of(const faltung_plan* plan) {
  if (plan == nullptr) {
    throw InvalidProblem("plan is a null pointer; create one with faltung_plan_create");
  }
  PlanState* const state = plan->state;
  if (state == nullptr) refuse_freed();
  return *state;
}

void free_handle(faltung_plan* plan) {
  if (handles().release(plan) == nullptr) refuse_freed();
}

}  // namespace faltung::c
