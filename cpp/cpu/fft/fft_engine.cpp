#include "cpp/cpu/fft/fft_engine.hpp"

#include "cpp/core/message.hpp"
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
    if (is_integer(p.accumulator) && fft::integer_error(p, n) >= 0.5) {
      return Verdict::no(message("rounding could miss an integer: sums in f64 may err by ",
                                 fft::integer_error(p, n), ", which must be below 0.5"));
    }
    return Verdict::yes();
  }

  double estimate_us(const Problem& p, const Device&) const override {
    constexpr double start_us = 42;  // with cold caches
    return start_us +
           shared_us(1e-3 * (fft::plan_blocks(p, fft::current_instruction_set()).nanoseconds +
                             strided_ns(p)));
  }

  std::unique_ptr<Task> prepare(const Problem& p, const Device&) const override {
    return visit_accumulator(p.accumulator, [&](auto value) -> std::unique_ptr<Task> {
      using Acc = decltype(value);
      if constexpr (std::is_integral_v<Acc>) {
        return std::make_unique<fft::FftTask<double, std::uint64_t>>(p);
      } else {
        return std::make_unique<fft::FftTask<Acc, Acc>>(p);
      }
    });
  }
};

}  // namespace

const Engine& fft_engine() {
  static const FftEngine engine;
  return engine;
}

}  // namespace faltung
