#include "cpp/cpu/gemm/gemm_engine.hpp"

#include <type_traits>

#include "cpp/core/way.hpp"
#include "cpp/cpu/fitted_cost.hpp"
#include "cpp/cpu/gemm/filter_task.hpp"
#include "cpp/cpu/gemm/gemm_task.hpp"
#include "cpp/cpu/simpler_problem.hpp"

namespace faltung {
namespace {

template <template <typename> typename TaskOf>
std::unique_ptr<Task> make(const Problem& p) {
  return visit_accumulator(p.accumulator, [&](auto zero) -> std::unique_ptr<Task> {
    using Acc = decltype(zero);
    if constexpr (std::is_integral_v<Acc>) {
      return nullptr;  // refused
    } else {
      return std::make_unique<TaskOf<Acc>>(p);
    }
  });
}

double columns_us(const Problem& p) {
  return fitted_run_us("cpu.gemm/columns", p, gemm::one_thread_us(p));
}

double filter_gradient_us(const Problem& p) {
  return fitted_run_us("cpu.gemm/filter_gradient", p, gemm::one_thread_us(p));
}

constexpr Way<Problem> all_ways[] = {
    {.name = "columns",
     .takes = "forward problems and data gradients of real and complex sums",
     .serves = [](const Problem& p) { return p.pass != Pass::backward_filter; },
     .us = columns_us,
     .make = make<gemm::GemmTask>},
    {.name = "filter_gradient",
     .takes = "filter gradients of real and complex sums",
     .serves = [](const Problem& p) { return p.pass == Pass::backward_filter; },
     .us = filter_gradient_us,
     .make = make<gemm::FilterTask>},
};

class GemmEngine final : public Engine {
 public:
  std::string_view name() const override { return "cpu.gemm"; }
  DeviceKind device_kind() const override { return DeviceKind::cpu; }
  std::vector<WayText> ways() const override { return texts<Way<Problem>>(all_ways); }

 private:
  Offer answer(const Problem& problem, const Device&, std::string_view wanted) const override {
    Offer offer = answer(SimplerProblem(problem), wanted);
    // A way may take the problem as it was given alone.
    return offer || wanted.empty() ? offer : answer(SimplerProblem::as_given(problem), wanted);
  }

  static Offer answer(const SimplerProblem& simpler, std::string_view wanted) {
    std::string refusal = refusal_of(simpler.problem);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    Offer offer = offer_of<Problem>(all_ways, simpler.problem, wanted);
    if (offer) {
      offer.prepare = [simpler, make = std::move(offer.prepare)] { return simpler.task(make()); };
    }
    return offer;
  }

  static std::string refusal_of(const Problem& p) {
    if (is_integer(p.accumulator)) {
      return message("multiplies floating numbers, and acc=", faltung::name(p.accumulator));
    }
    const std::int64_t channels = p.out_channels / p.groups;
    if (channels > gemm::max_channels) {
      return message("a group of ", channels, " output channels is wider than a matrix of ",
                     gemm::max_channels, " columns");
    }
    return {};
  }
};

}  // namespace

const Engine& gemm_engine() {
  static const GemmEngine engine;
  return engine;
}

}  // namespace faltung
