#include "cpp/cpu/gemm/gemm_engine.hpp"

#include <type_traits>

#include "cpp/core/message.hpp"
#include "cpp/cpu/gemm/filter_task.hpp"
#include "cpp/cpu/gemm/gemm_task.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung {
namespace {

class GemmEngine final : public Engine {
 public:
  std::string_view name() const override { return "cpu.gemm"; }

  Verdict supports(const Problem& p, const Device& device) const override {
    if (device.kind != DeviceKind::cpu) return Verdict::no("runs on the CPU only");
    if (is_integer(p.accumulator)) {
      return Verdict::no(
          message("multiplies floating numbers, and acc=", faltung::name(p.accumulator)));
    }
    if (p.out_channels / p.groups > gemm::most_channels) {
      return Verdict::no(message("a group of ", p.out_channels / p.groups,
                                 " output channels is wider than a matrix of ", gemm::most_channels,
                                 " columns"));
    }
    return Verdict::yes();
  }

  double estimate_us(const Problem& p, const Device&) const override {
    return gemm::start_us + shared_us(gemm::one_thread_us(p));
  }

  std::unique_ptr<Task> prepare(const Problem& p, const Device&) const override {
    return visit_accumulator(p.accumulator, [&](auto value) -> std::unique_ptr<Task> {
      using Acc = decltype(value);
      if constexpr (std::is_integral_v<Acc>) {
        return nullptr;  // refused by supports
      } else {
        if (p.pass == Pass::backward_filter) return std::make_unique<gemm::FilterTask<Acc>>(p);
        return std::make_unique<gemm::GemmTask<Acc>>(p);
      }
    });
  }
};

}  // namespace

const Engine& gemm_engine() {
  static const GemmEngine engine;
  return engine;
}

}  // namespace faltung
