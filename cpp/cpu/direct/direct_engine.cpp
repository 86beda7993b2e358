#include "cpp/cpu/direct/direct_engine.hpp"

#include "cpp/core/order.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"
#include "cpp/cpu/direct/lowering.hpp"
#include "cpp/cpu/direct/ways.hpp"
#include "cpp/cpu/fitted_cost.hpp"
#include "cpp/cpu/simpler_problem.hpp"

namespace faltung {
namespace {

class DirectEngine final : public Engine {
 public:
  std::string_view name() const override { return "cpu.direct"; }
  DeviceKind device_kind() const override { return DeviceKind::cpu; }
  bool keeps_order() const override { return true; }
  std::vector<WayText> ways() const override { return texts(direct::ways()); }

 private:
  Offer answer(const Problem& problem, const Device&, std::string_view wanted) const override {
    const bool ordered = needs_order(problem);  // that of the problem as it was given
    SimplerProblem simpler = ordered ? SimplerProblem::as_given(problem) : SimplerProblem(problem);
    Problem p = direct::lowered(simpler.problem);
    if (!ordered) p = direct::with_long_rows(p);
    std::string refusal;
    const direct::DirectWay* way = direct::choose_direct_way(p, wanted, refusal);
    if (way == nullptr && !wanted.empty() && !ordered) {  // it may take the problem as it was given
      simpler = SimplerProblem::as_given(problem);
      p = direct::lowered(problem);
      way = direct::choose_direct_way(p, wanted, refusal);
    }
    if (way == nullptr) return Offer::no(refusal.empty() ? too_wide(p) : refusal);
    const std::string name = message("cpu.direct/", way->name);
    const double us = way->us(p);
    return {.refusal = {},
            .way = way->name,
            .estimate_us = way->shares ? fitted_run_us(name, p, us) : fitted_us(name, p, us),
            .prepare = [p, simpler, way] { return simpler.task(way->make(p)); }};
  }

  // The one reason why no way serves.
  static std::string too_wide(const Problem& p) {
    return message("the taps of a row reach over ",
                   direct::window_values(p.axes.back(), direct::choose(p).columns),
                   " values at once, a window holds ", direct::max_window);
  }
};

}  // namespace

const Engine& direct_engine() {
  static const DirectEngine engine;
  return engine;
}

}  // namespace faltung
