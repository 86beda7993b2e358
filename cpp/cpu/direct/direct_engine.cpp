#include "cpp/cpu/direct/direct_engine.hpp"

#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/direct_task.hpp"
#include "cpp/cpu/direct/lowering.hpp"
#include "cpp/cpu/parallel.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/direct/channel_task.hpp"
#include "cpp/cpu/direct/panel_task.hpp"
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
    const std::int64_t window = direct::window_values(p.axes.back(), direct::choose(p).columns);
    if (window > direct::max_window) {
      return Verdict::no(message("the taps of a row reach over ", window,
                                 " values at once, a window holds ", direct::max_window));
    }
    return Verdict::yes();
  }

  double estimate_us(const Problem& problem, const Device&) const override {
    const Problem p = direct::lowered(problem);
    const double run = has_vector_kernel(p) ? shared_us(direct::vector_us(p)) : direct::plain_us(p);
    return direct::start_us + run;
  }

  std::unique_ptr<Task> prepare(const Problem& problem, const Device&) const override {
    const Problem p = direct::lowered(problem);
    return visit_accumulator(p.accumulator, [&](auto value) -> std::unique_ptr<Task> {
      using Acc = decltype(value);
#ifdef FALTUNG_HAVE_HIGHWAY
      if constexpr (std::is_floating_point_v<Acc>) {
        if (direct::PanelTask<Acc>::serves(p)) return std::make_unique<direct::PanelTask<Acc>>(p);
        if (direct::ChannelTask<Acc>::serves(p)) {
          return std::make_unique<direct::ChannelTask<Acc>>(p);
        }
      }
      if constexpr (!std::is_same_v<Acc, std::uint64_t>) {  // SSE and AVX2 cannot multiply these
        if (direct::StencilTask<Acc>::serves(p)) {
          return std::make_unique<direct::StencilTask<Acc>>(p);
        }
      }
#endif
      return std::make_unique<direct::DirectTask<Acc>>(p);
    });
  }

 private:
  static bool has_vector_kernel([[maybe_unused]] const Problem& p) {
#ifdef FALTUNG_HAVE_HIGHWAY
    return p.accumulator != DType::i64 && direct::StencilTask<float>::serves(p);
#else
    return false;
#endif
  }
};

}  // namespace

const Engine& direct_engine() {
  static const DirectEngine engine;
  return engine;
}

}  // namespace faltung
