#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include <faltung/error.hpp>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/property_problems.hpp"

namespace faltung::test {
namespace {

constexpr int problems = 1200, for_gpus = 800, for_cudnn = 400;

// A drawn problem as those engines want it that the draw alone hardly meets: one channel to a group
// and one type, or a declared outer product without steps.
Problem made_for_a_gpu(Problem p, bool separable, std::uint64_t number) {
  constexpr DType types[] = {f16, bf16, f32, f64};
  p.groups = p.out_channels = p.in_channels;
  p.input = p.filter = p.output = types[number % 4];
  p.accumulator = p.input == f64 ? f64 : f32;
  p.epilogue.activation = {};
  p.x_strides = p.w_strides = p.y_strides = {};
  if (p.axes.size() > 3) p.axes.resize(3);
  if (separable) {
    if (p.axes.size() == 1) p.axes.push_back(p.axes[0]);
    p.separable = 1;
    p.filter = p.accumulator;
    if (p.pass == Pass::backward_filter) p.pass = Pass::forward;
  }
  for (Axis& axis : p.axes) {
    if (separable) axis.stride = axis.dilation = axis.input_dilation = 1;
    for (Boundary* side : {&axis.below, &axis.above}) {
      side->value = side->value.real();
      if (p.pass == Pass::backward_data) *side = {};
    }
  }
  return tamed(p);
}

// One type, zeros outside, and the sums as they are.
Problem made_for_cudnn(Problem p, std::uint64_t number) {
  constexpr DType types[] = {f16, bf16, f32, f64};
  p.input = p.filter = p.output = types[number % 4];
  p.accumulator = p.input == f64 ? f64 : f32;
  p.epilogue = {};
  p.x_strides = p.w_strides = p.y_strides = {};
  if (p.axes.size() > 3) p.axes.resize(3);
  for (Axis& axis : p.axes) {
    axis.below = axis.above = {};
    axis.input_dilation = 1;
    axis.pad_lo = std::max<std::int64_t>(axis.pad_lo, 0);
    axis.pad_hi = std::max<std::int64_t>(axis.pad_hi, 0);
  }
  return tamed(p);
}

// The first ones are as they are drawn.
class Draw {
 public:
  Problem operator()(int i) {
    const Problem p = tamed(draw_());
    if (i < problems) return p;
    if (i >= problems + for_gpus) return made_for_cudnn(p, static_cast<std::uint64_t>(i));
    return made_for_a_gpu(p, i % 2 == 0, static_cast<std::uint64_t>(i) / 2);
  }

 private:
  RandomProblems draw_{test_seed()};
};

// Every field at random, types and epilogues too: what no list of problems thinks of.
TEST(RandomAgreement, EveryEngineKeepsItsBoundOnRandomProblems) {
  Draw draw;
  std::map<std::string_view, int> runs;
  const bool cpu_alone = test_devices().back() == &cpu_device();
  // The emulator takes 25 ms for a problem.
  const int step = test_devices().back()->name() == "emulated" ? 5 : 1;
  for (int i = 0; i < problems + (cpu_alone ? 0 : for_gpus + for_cudnn); ++i) {
    const Problem p = draw(i);
    p.validate();
    if (i % step != 0) continue;
    const Fill fill = is_integer(p.accumulator) ? Fill::whole_range : Fill::reals;
    const Operands operands = filled_operands(p, fill, test_seed() + static_cast<std::uint64_t>(i));
    const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
    for (const TestDevice* device : test_devices()) {
      for (const Engine* engine : device->engines()) {
        if (engine == &reference_engine() || !engine->offer(p, device->stream().device)) {
          continue;
        }
        ++runs[engine->name()];
        const Array result = run_guarded(*device, *engine, p, operands);
        const ErrorBound bound = engine->offer(p, device->stream().device).prepare()->error_bound();
        EXPECT_LE(error_ratio(p, operands, expected, result, bound), 1)
            << engine->name() << " [" << p << ']';
      }
    }
  }
  for (const auto& [name, count] : runs) {
    std::cout << name << " ran " << count << " random problems\n";
    EXPECT_GE(count, 300 / step) << name;
  }
}

// What a GPU would be asked, whether there is one, and NVIDIA's libraries, or not.
TEST(RandomAgreement, AsksTheCudaEnginesOften) {
  const ScopedMachine elsewhere(reference_gpu_machine());
  Draw draw;
  std::map<std::string_view, int> taken;
  for (int i = 0; i < problems + for_gpus + for_cudnn; ++i) {
    const Problem p = draw(i);
    EXPECT_NO_THROW(p.validate()) << p;
    for (const Engine* engine : engine_list()) {
      if (!engine->name().starts_with("cuda.")) continue;
      taken[engine->name()] += engine->offer(p, Device::cuda(0)) ? 1 : 0;
    }
  }
  for (const auto& [name, count] : taken) {
    std::cout << name << " takes " << count << " random problems\n";
    EXPECT_GE(count, 300) << name;
  }
}

}  // namespace
}  // namespace faltung::test
