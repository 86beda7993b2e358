#include "cpp/cpu/fft/fft_engine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "cpp/core/machine.hpp"
#include "cpp/core/single_thread.hpp"
#include "cpp/core/way.hpp"
#include "cpp/cpu/fft/exact_task.hpp"
#include "cpp/cpu/fft/fft_task.hpp"
#include "cpp/cpu/fitted_cost.hpp"
#include "cpp/cpu/in_result/in_result_task.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/cpu/transposed.hpp"

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
  return fitted_run_us("cpu.fft/transforms", call.problem, 1e-3 * ns);
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
  return fitted_run_us("cpu.fft/integers", call.problem, 1e-3 * integers_ns(call, 1));
}

// Of all integers of the types, if there are such digits.
std::optional<fft::DigitChoice> digits_of_all(const Call& call) {
  if (!becomes_integers(call)) return {};
  return fft::ExactTask::digits_of_all(call.problem, call.sizes);
}

double digits_us(const Call& call) {
  return fitted_run_us("cpu.fft/digits", call.problem,
                       1e-3 * integers_ns(call, cost_of(*digits_of_all(call))));
}

// Ordinary data has few results to sum anew; norms and magnitudes are looked at.
double watched_us(const Call& call) {
  constexpr double looked_at = 1.2;
  return fitted_run_us("cpu.fft/watched", call.problem,
                       1e-3 * (looked_at * call.blocks.nanoseconds + strided_ns(call.problem)));
}

std::unique_ptr<Task> make_digits(const Call& call) {
  return std::make_unique<fft::ExactTask>(call.problem, call.blocks, fft::ExactTask::Beside::none);
}

std::unique_ptr<Task> make_transforms(const Call& call) {
  return visit_accumulator(call.problem.accumulator, [&](auto zero) -> std::unique_ptr<Task> {
    using Acc = decltype(zero);
    if constexpr (std::is_integral_v<Acc>) {
      return std::make_unique<fft::FftTask<double, std::uint64_t>>(call.problem, call.blocks);
    } else {
      return std::make_unique<fft::FftTask<Acc, Acc>>(call.problem, call.blocks);
    }
  });
}

// The task of one part of a problem within so much memory, with the longest blocks that fit; the
// blocks are those of one thread, however many take part.
InResultTask::Made part_within(const Problem& p, std::size_t bytes) {
  if (std::ranges::all_of(p.axes, [](const Axis& axis) { return axis.filter == 1; })) return {};
  const Problem sums = summed(p);
  // A block, its spectrum and the filter's.
  constexpr std::size_t arrays = 3;
  const std::size_t value =
      is_integer(sums.accumulator) ? sizeof(double) : size_of(sums.accumulator);
  auto points = static_cast<std::int64_t>(bytes / value / arrays);
  while (points > 0) {
    Call call{p, fft::plan_blocks(sums, planned_set(), points), {}};
    if (!std::isfinite(call.blocks.nanoseconds)) break;
    call.blocks.kept_bytes = static_cast<std::int64_t>(bytes / 16);
    call.sizes = fft::sizes(call.blocks);
    const bool digits = becomes_integers(call);
    if (digits && !digits_of_all(call)) break;
    const double ns = digits ? integers_ns(call, cost_of(*digits_of_all(call)))
                             : call.blocks.nanoseconds + strided_ns(call.problem);
    const auto make = [&](int threads) {
      const ScopedThreads some(threads);
      auto task = digits ? make_digits(call) : make_transforms(call);
      return task->workspace_bytes() <= bytes ? std::move(task) : nullptr;
    };
    auto task = make(1);
    if (task == nullptr) {
      points = element_count(call.blocks.lengths) * 3 / 4;
      continue;
    }
    const int most = bytes > InResultTask::stack_bytes ? threads() : 1;
    for (int count = most; count > 1; --count) {
      if (auto shared = make(count)) {
        task = std::move(shared);
        break;
      }
    }
    return {std::move(task),
            fitted_us(digits ? "cpu.fft/digits" : "cpu.fft/transforms", p, 1e-3 * ns)};
  }
  return {};
}

// Without any memory, by cpu.direct.
Offer offer_without(const Problem& p) {
  for (const Engine* engine : engine_list()) {
    if (engine->name() == "cpu.direct") return engine->offer(p, Device::cpu(), "pieces");
  }
  return Offer::no("this build has no cpu.direct");
}

// What is chosen is so by the time of one thread.
double us_without(const Problem& p) {
  const ScopedSingleThread alone;
  const Offer offer = offer_without(p);
  return offer ? offer.estimate_us : std::numeric_limits<double>::infinity();
}

std::unique_ptr<Task> task_without(const Problem& p) { return offer_without(p).prepare(); }

std::unique_ptr<InResultTask> make_in_result(const Call& call) {
  const Problem& p = call.problem;
  return std::make_unique<InResultTask>(
      is_forward_transposed(p) ? transposed(p) : p, part_within,
      InResultTask::Without{.us = us_without, .make = task_without});
}

bool serves_in_result(const Call& call) {
  const Problem& p = call.problem;
  if (is_integer(p.result_dtype()) && !is_integer(p.accumulator)) return false;
  if (becomes_integers(call) && !digits_of_all(call)) return false;
  return InResultTask::serves(is_forward_transposed(p) ? transposed(p) : p);
}

// A guess, for explanations quote every way, and cutting a problem takes longer than that. What is
// cut compares its parts with what needs no workspace at all, so that it is no slower.
double in_result_us(const Call& call) {
  constexpr double slower = 2.5;
  const bool digits = becomes_integers(call);
  return slower * (digits ? digits_us(call) : transforms_us(call));
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
     .make = make_digits},
    {.name = "transforms",
     .takes = "real and complex sums, and sums of integers that one transform gives exactly",
     .serves = [](const Call& call) { return !becomes_integers(call); },
     .us = transforms_us,
     .make = make_transforms},
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
    {.name = "in_result",
     .takes =
         "under a workspace limit, results without gaps in memory: the transforms of part after "
         "part of the result, with what is not yet written as workspace",
     .serves = serves_in_result,
     .us = in_result_us,
     .make = [](const Call& call) -> std::unique_ptr<Task> { return make_in_result(call); }},
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
