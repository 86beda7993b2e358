#include "cpp/cpu/gemm/gemm_engine.hpp"

#include <climits>

#include "cpp/core/message.hpp"
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
      return Verdict::no(message("BLAS has no integer sums, and acc=", name_of(p.accumulator)));
    }
    const std::int64_t outputs = p.out_channels / p.groups;
    const std::int64_t rows = p.in_channels / p.groups * element_count(filter_extents(p));
    if (outputs > INT_MAX || rows > INT_MAX) {
      return Verdict::no(message("a matrix of ", outputs, " x ", rows,
                                 " is beyond the 2^31 - 1 rows and columns of BLAS"));
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
        return std::make_unique<gemm::GemmTask<Acc>>(p);
      }
    });
  }

 private:
  static std::string_view name_of(DType type) { return faltung::name(type); }
};

}  // namespace

const Engine& gemm_engine() {
  static const GemmEngine engine;
  return engine;
}

}  // namespace faltung
