#include "cpp/cpu/direct/direct_engine.hpp"

#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/direct_task.hpp"
#include "cpp/cpu/direct/lowering.hpp"
#include "cpp/cpu/parallel.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/direct/forward_task.hpp"
#include "cpp/cpu/direct/gradient_policy.hpp"
#include "cpp/cpu/direct/gradient_task.hpp"
#include "cpp/cpu/direct/phase_task.hpp"
#include "cpp/cpu/direct/polyphase_task.hpp"
#include "cpp/cpu/direct/separable_task.hpp"
#include "cpp/cpu/direct/stencil_task.hpp"
#endif

namespace faltung {
namespace {

class DirectEngine final : public Engine {
 public:
  std::string_view name() const override { return "cpu.direct"; }

  Verdict supports(const Problem& problem, const Device& device) const override {
    if (device.kind != DeviceKind::cpu) return Verdict::no("runs on the CPU only");
    const Problem p = direct::lowered(problem);
#ifdef FALTUNG_HAVE_HIGHWAY
    if (is_faster_polyphase(p)) return Verdict::yes();
#endif
    const std::int64_t window = direct::window_values(p.axes.back(), direct::choose(p).columns);
    if (window > direct::max_window) {
      return Verdict::no(message("the taps of a row reach over ", window,
                                 " values at once, a window holds ", direct::max_window));
    }
    return Verdict::yes();
  }

  double estimate_us(const Problem& problem, const Device&) const override {
    return direct::start_us + run_us(direct::lowered(problem));
  }

  std::unique_ptr<Task> prepare(const Problem& problem, const Device&) const override {
    const Problem p = direct::lowered(problem);
    return visit_accumulator(p.accumulator, [&](auto value) -> std::unique_ptr<Task> {
      using Acc = decltype(value);
#ifdef FALTUNG_HAVE_HIGHWAY
      if constexpr (direct::has_separable_sums<Acc>) {
        if (is_faster_separable(p)) return std::make_unique<direct::SeparableTask<Acc>>(p);
      }
      if (auto task = direct::forward_task<Acc>(p)) return task;
      if constexpr (!std::is_integral_v<Acc>) {
        if (is_faster_polyphase(p)) {
          return std::make_unique<direct::PolyphaseTask<Acc>>(p, *direct::choose_polyphase(p));
        }
      }
      if constexpr (std::is_floating_point_v<Acc>) {
        if (direct::GradientTask<Acc>::serves(p)) {
          return std::make_unique<direct::GradientTask<Acc>>(p);
        }
      }
      if constexpr (!std::is_same_v<Acc, std::uint64_t>) {
        if (direct::PhaseTask<Acc>::serves(p)) return std::make_unique<direct::PhaseTask<Acc>>(p);
      }
#endif
      return std::make_unique<direct::DirectTask<Acc>>(p);
    });
  }

 private:
  static double run_us(const Problem& p) {
#ifdef FALTUNG_HAVE_HIGHWAY
    if (is_faster_separable(p)) return shared_us(direct::separable_us(p));
    if (const auto us = direct::forward_us(p)) return shared_us(*us);
    if (is_faster_polyphase(p)) {
      return shared_us(direct::polyphase_us(p, *direct::choose_polyphase(p)));
    }
    const bool floating = p.accumulator == DType::f32 || p.accumulator == DType::f64;
    if (floating && direct::GradientTask<float>::serves(p)) {
      return shared_us(direct::gradient_us(p));
    }
    if (p.accumulator != DType::i64 && direct::PhaseTask<float>::serves(p)) {
      return shared_us(direct::phases_us(p));
    }
#endif
    return direct::plain_us(p);
  }
#ifdef FALTUNG_HAVE_HIGHWAY
  static bool is_faster_polyphase(const Problem& p) {
    const auto policy = direct::choose_polyphase(p);
    if (!policy) return false;
    return !direct::PhaseTask<float>::serves(p) ||
           direct::polyphase_us(p, *policy) <= direct::phases_us(p);
  }
  // On one thread: what is chosen, and so every bit, depends on the problem alone.
  static bool is_faster_separable(const Problem& p) {
    return visit_accumulator(p.accumulator, [&](auto value) {
      using Acc = decltype(value);
      if constexpr (direct::has_separable_sums<Acc>) {
        if (!direct::SeparableTask<Acc>::serves(p)) return false;
        const auto us = direct::forward_us(p);
        return !us || direct::separable_us(p) < *us;
      }
      return false;
    });
  }
#endif
};

}  // namespace

const Engine& direct_engine() {
  static const DirectEngine engine;
  return engine;
}

}  // namespace faltung
