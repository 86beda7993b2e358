#include "cpp/cpu/fft/fft_engine.hpp"

#include <optional>

#include "cpp/core/machine.hpp"
#include "cpp/core/way.hpp"
#include "cpp/cpu/fft/exact_task.hpp"
#include "cpp/cpu/fft/fft_task.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung {
namespace {

// Rows of values that do not lie side by side, as with channels last, cost a cache line for every
// value: 0.9 to 2 ns more, measured on an EPYC 9004 for 4 to 32 channels of 65,536 values.
double strided_ns(const Problem& p) {
  constexpr double value_cycles = 3.7;
  double values = 0;
  if (x_strides(p).spatial.back() != 1) values += static_cast<double>(element_count(p.x_shape()));
  if (y_strides(p).spatial.back() != 1) values += static_cast<double>(element_count(p.y_shape()));
  return values * value_cycles * cpu_machine().cycle_ns();
}

// A problem and how its transforms are cut.
struct Call {
  Problem problem;
  fft::BlockPlan blocks;  // with sums in f64 where they become integers
  fft::Sizes sizes;
};

// Sums that become integers are formed in f64.
Problem summed(Problem p) {
  if (!is_integer(p.accumulator) && is_integer(p.result_dtype())) p.accumulator = DType::f64;
  return p;
}

// Of the machine planned for, which need not be here.
InstructionSet planned_set() {
  const CpuMachine* elsewhere = cpu_machine_elsewhere();
  if (elsewhere == nullptr) return current_instruction_set();
  return {elsewhere->instruction_set, elsewhere->vector_bytes};
}

Call call_of(const Problem& p) {
  Call call{p, fft::plan_blocks(summed(p), planned_set()), {}};
  call.sizes = fft::sizes(call.blocks);
  return call;
}

bool becomes_integers(const Call& call) { return fft::ExactTask::serves(call.problem, call.sizes); }

double transforms_us(const Call& call) {
  const double ns = call.blocks.nanoseconds + strided_ns(call.problem);
  return fft::start_us() + shared_us(1e-3 * ns);
}

// For integers that one transform serves, as most data is; others take a look at the operands, and
// a few times as long, or as long as the engine beside it.
double integers_ns(const Call& call, double cost) {
  constexpr double look_cycles = 1.85;  // at an element of an operand
  const Problem& p = call.problem;
  const Shape first = p.pass == Pass::backward_data ? p.y_shape() : p.x_shape();
  const Shape second = p.pass == Pass::backward_filter ? p.y_shape() : p.w_shape();
  const double looked = static_cast<double>(element_count(first) + element_count(second));
  return cost * (call.blocks.nanoseconds + strided_ns(p)) +
         look_cycles * looked * cpu_machine().cycle_ns();
}

double integers_us(const Call& call) {
  return fft::start_us() + shared_us(1e-3 * integers_ns(call, 1));
}

// Of all integers of the types, if there are such digits.
std::optional<fft::DigitChoice> digits_of_all(const Call& call) {
  if (!becomes_integers(call)) return {};
  return fft::ExactTask::digits_of_all(call.problem, call.sizes);
}

double digits_us(const Call& call) {
  return fft::start_us() + shared_us(1e-3 * integers_ns(call, cost_of(*digits_of_all(call))));
}

// Ordinary data has few results to sum anew; norms and magnitudes are looked at.
double watched_us(const Call& call) {
  constexpr double looked_at = 1.2;
  return fft::start_us() +
         shared_us(1e-3 * (looked_at * call.blocks.nanoseconds + strided_ns(call.problem)));
}

constexpr Way<Call> all_ways[] = {
    {.name = "integers",
     .takes = "integer results of floating sums, and sums of integers that can grow too large for "
              "one transform",
     .serves = becomes_integers,
     .us = integers_us,
     .make = [](const Call& call) -> std::unique_ptr<Task> {
       return std::make_unique<fft::ExactTask>(call.problem, call.blocks);
     }},
    {.name = "digits",
     .takes = "sums of integers that can grow too large for one transform, which no other engine "
              "then helps with",
     .serves = [](const Call& call) { return digits_of_all(call).has_value(); },
     .us = digits_us,
     .make = [](const Call& call) -> std::unique_ptr<Task> {
       return std::make_unique<fft::ExactTask>(call.problem, call.blocks,
                                               fft::ExactTask::Beside::none);
     }},
    {.name = "transforms",
     .takes = "real and complex sums, and sums of integers that one transform gives exactly",
     .serves = [](const Call& call) { return !becomes_integers(call); },
     .us = transforms_us,
     .make = [](const Call& call) -> std::unique_ptr<Task> {
       return visit_accumulator(call.problem.accumulator, [&](auto zero) -> std::unique_ptr<Task> {
         using Acc = decltype(zero);
         if constexpr (std::is_integral_v<Acc>) {
           return std::make_unique<fft::FftTask<double, std::uint64_t>>(call.problem, call.blocks);
         } else {
           return std::make_unique<fft::FftTask<Acc, Acc>>(call.problem, call.blocks);
         }
       });
     }},
    {.name = "watched",
     .takes = "forward, under accuracy=elementwise: real and complex sums, of which those within "
              "reach of their block's bound are taken from the definition",
     .serves =
         [](const Call& call) {
           return call.problem.pass == Pass::forward && !is_integer(call.problem.accumulator) &&
                  !becomes_integers(call);
         },
     .us = watched_us,
     .make = [](const Call& call) -> std::unique_ptr<Task> {
       return visit_accumulator(call.problem.accumulator, [&](auto zero) -> std::unique_ptr<Task> {
         using Acc = decltype(zero);
         if constexpr (std::is_integral_v<Acc>) {
           return nullptr;  // not served
         } else {
           using FftTask = fft::FftTask<Acc, Acc>;
           return std::make_unique<FftTask>(call.problem, call.blocks, fft::Digits{},
                                            FftTask::Range::watched);
         }
       });
     }},
};

class FftEngine final : public Engine {
 public:
  std::string_view name() const override { return "cpu.fft"; }
  DeviceKind device_kind() const override { return DeviceKind::cpu; }
  std::vector<WayText> ways() const override { return texts<Way<Call>>(all_ways); }

 private:
  Offer answer(const Problem& p, const Device&, std::string_view wanted) const override {
    const auto one_tap = [](const Axis& axis) { return axis.filter == 1; };
    if (std::ranges::all_of(p.axes, one_tap)) {
      return Offer::no("every axis has one tap, so there is nothing to transform");
    }
    // A block of this many points takes 8 TiB, and every axis is then far from overflow.
    constexpr double max_points = 0x1p40;
    for (const Axis& axis : p.axes) {
      const auto positions = static_cast<double>(extended_extent(axis));
      if (positions > max_points) return Offer::no(message("an axis of ", positions, " points"));
    }
    const Call call = call_of(p);
    if (call.sizes.length > max_points) {
      return Offer::no(message("a transform of ", call.sizes.length, " points"));
    }
    return offer_of<Call>(all_ways, call, wanted);
  }
};

}  // namespace

const Engine& fft_engine() {
  static const FftEngine engine;
  return engine;
}

}  // namespace faltung
