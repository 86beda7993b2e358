#include "cpp/cpu/fft/fft_engine.hpp"

#include "cpp/core/message.hpp"
#include "cpp/cpu/fft/exact_task.hpp"
#include "cpp/cpu/fft/fft_task.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung {
namespace {

// Rows of values that do not lie side by side, as with channels last, cost a cache line for every
// value: 0.9 to 2 ns more, measured on an EPYC 9004 for 4 to 32 channels of 65,536 values.
double strided_ns(const Problem& p) {
  constexpr double value_ns = 1;
  double values = 0;
  if (x_strides(p).spatial.back() != 1) values += static_cast<double>(element_count(p.x_shape()));
  if (y_strides(p).spatial.back() != 1) values += static_cast<double>(element_count(p.y_shape()));
  return values * value_ns;
}

class FftEngine final : public Engine {
 public:
  std::string_view name() const override { return "cpu.fft"; }

  Verdict supports(const Problem& p, const Device& device) const override {
    if (device.kind != DeviceKind::cpu) return Verdict::no("runs on the CPU only");
    const auto one_tap = [](const Axis& axis) { return axis.filter == 1; };
    if (std::ranges::all_of(p.axes, one_tap)) {
      return Verdict::no("every axis has one tap, so there is nothing to transform");
    }
    // A block of this many points takes 8 TiB, and every axis is then far from overflow.
    constexpr double most_points = 0x1p40;
    for (const Axis& axis : p.axes) {
      const auto positions = static_cast<double>(extended_extent(axis));
      if (positions > most_points) return Verdict::no(message("an axis of ", positions, " points"));
    }
    const fft::Sizes n = fft::sizes(fft::plan_blocks(p, fft::current_instruction_set()));
    if (n.length > most_points) return Verdict::no(message("a transform of ", n.length, " points"));
    if (!is_integer(p.accumulator) && is_integer(p.result_dtype())) return stores_integers(p);
    return Verdict::yes();
  }

  // For integers that one transform serves, as most data is; others take a look at the operands,
  // and a few times as long, or as long as the engine beside it.
  double estimate_us(const Problem& problem, const Device&) const override {
    constexpr double look_ns = 0.5;  // at an element of an operand
    const Problem p = summed(problem);
    const fft::BlockPlan plan = fft::plan_blocks(p, fft::current_instruction_set());
    double ns = plan.nanoseconds + strided_ns(p);
    if (fft::ExactTask::serves(p, fft::sizes(plan))) {
      const bool data = p.pass == Pass::backward_data, filter = p.pass == Pass::backward_filter;
      ns += look_ns * static_cast<double>(element_count(data ? p.y_shape() : p.x_shape()) +
                                          element_count(filter ? p.y_shape() : p.w_shape()));
    }
    return fft::start_us + shared_us(1e-3 * ns);
  }

  std::unique_ptr<Task> prepare(const Problem& p, const Device&) const override {
    const fft::Sizes n = fft::sizes(fft::plan_blocks(p, fft::current_instruction_set()));
    if (fft::ExactTask::serves(p, n)) return std::make_unique<fft::ExactTask>(p);
    return visit_accumulator(p.accumulator, [&](auto value) -> std::unique_ptr<Task> {
      using Acc = decltype(value);
      if constexpr (std::is_integral_v<Acc>) {
        return std::make_unique<fft::FftTask<double, std::uint64_t>>(p);
      } else {
        return std::make_unique<fft::FftTask<Acc, Acc>>(p);
      }
    });
  }

 private:
  // Sums that become integers are formed in f64.
  static Problem summed(Problem p) {
    if (!is_integer(p.accumulator) && is_integer(p.result_dtype())) p.accumulator = DType::f64;
    return p;
  }

  static Verdict stores_integers(const Problem& p) {
    if (p.pass != Pass::forward) {
      return Verdict::no(
          "integer gradients of floating sums are not watched for steps of the store");
    }
    if (p.epilogue.beta != 0) {
      return Verdict::no(message("beta is ", p.epilogue.beta,
                                 ", and integer results of floating sums may be computed twice"));
    }
    if (p.epilogue.bias && p.accumulator != DType::f64) {
      return Verdict::no(message("sums that become integers are formed in f64, the bias is ",
                                 faltung::name(p.bias_dtype())));
    }
    return Verdict::yes();
  }
};

}  // namespace

const Engine& fft_engine() {
  static const FftEngine engine;
  return engine;
}

}  // namespace faltung
