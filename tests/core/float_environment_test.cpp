// Results depend neither on the floating-point environment of the caller nor on who of the threads
// computes what, and the caller finds its environment as it was.
#include "cpp/core/float_environment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <faltung/faltung.hpp>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>
#include "cpp/cpu/parallel.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/simd/cpu_target.hpp"
#endif
#include "tests/support/callers_environment.hpp"

namespace faltung {
namespace {

using test::CallersEnvironment;

test::CallersSetting flushing(int rounding) {
  return {.name = {}, .rounding = rounding, .flush_results = true, .flush_operands = true};
}

class FloatEnvironmentTest : public ::testing::Test {
 protected:
  void TearDown() override { set_threads(0); }
};

// Some of them subnormal, and all rounded when they are multiplied.
Tensor numbers(DType type, const Shape& shape, std::uint32_t seed = 1, int few = 397) {
  Tensor wide(f64, shape);
  int i = 0;
  for (double& value : wide.values<double>()) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<double>(seed >> 8) * 0x1p-24 / 3;
    if (++i % few == 0) value *= type == f64 ? 0x1p-1040 : 0x1p-130;
  }
  return compact_copy(wide, type);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

// Calls `f` with every instruction set that this processor and this build have.
void for_each_target(const std::function<void()>& f) {
#ifdef FALTUNG_HAVE_HIGHWAY
  for (const std::string& target : cpu_targets()) {
    SCOPED_TRACE(target);
    set_cpu_target(target);
    f();
  }
  set_cpu_target("");
#else
  f();
#endif
}

// `f` gives the same bits whatever the caller has set.
void expect_one_result(const std::string& what, const std::function<Tensor()>& f) {
  SCOPED_TRACE(what);
  const Tensor expected = f();
  for (const test::CallersSetting& setting : test::callers_settings()) {
    SCOPED_TRACE(setting);
    Tensor result;
    bool intact = true;
    {
      const CallersEnvironment environment(setting);
      result = f();
      intact = environment.is_intact();
    }
    EXPECT_TRUE(intact);
    EXPECT_TRUE(same_bits(result, expected));
  }
}

TEST_F(FloatEnvironmentTest, IsOfItsOwnAndGivesBack) {
  const volatile float third = 1.0F / 3, tiny = std::numeric_limits<float>::min();
  const volatile double one = 1, three = 3;
  const volatile long double wide = 1, thrice = 3;
  const double nearest = one / three;
  const long double wide_nearest = wide / thrice;
  const CallersEnvironment callers(flushing(FE_UPWARD));
  EXPECT_EQ(std::fegetround(), FE_UPWARD);
  const float flushed = tiny * third;
  {
    const FloatEnvironment environment;
    EXPECT_EQ(std::fegetround(), FE_TONEAREST);
    EXPECT_EQ(one / three, nearest);
    EXPECT_EQ(wide / thrice, wide_nearest);
    EXPECT_GT(tiny * third, 0);
    EXPECT_EQ(FloatEnvironment::current(), Subnormals::keep);
    {
      const FloatEnvironment inner(Subnormals::flush);
      EXPECT_EQ(FloatEnvironment::current(), Subnormals::flush);
      EXPECT_EQ(tiny * third, 0);
    }
    EXPECT_GT(tiny * third, 0);
  }
  EXPECT_EQ(std::fegetround(), FE_UPWARD);
  EXPECT_EQ(tiny * third, flushed);
  EXPECT_EQ(FloatEnvironment::current(), Subnormals::flush);
  EXPECT_GT(one / three, nearest);
}

TEST_F(FloatEnvironmentTest, LeavesFlagsAsTheyWere) {
  const volatile double zero = 0, one = 1;
  const volatile long double wide = 1, thrice = 3;
  std::feclearexcept(FE_ALL_EXCEPT);
  for (const int before : {0, FE_UNDERFLOW | FE_INEXACT}) {
    std::feraiseexcept(before);
    const int raised = std::fetestexcept(FE_ALL_EXCEPT);
    {
      const FloatEnvironment environment;
      const volatile double infinite = one / zero;
      const volatile long double inexact = wide / thrice;
      EXPECT_TRUE(std::isinf(infinite) && inexact > 0);
    }
    EXPECT_EQ(std::fetestexcept(FE_ALL_EXCEPT), raised);
  }
  std::feclearexcept(FE_ALL_EXCEPT);
}

TEST_F(FloatEnvironmentTest, EveryEngineKeepsItOnAllThreads) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 c=2 in=28x40 k=2 f=5x7 pad=3");
  const Tensor x = numbers(f32, problem.x_shape()), w = numbers(f32, problem.w_shape(), 7);
  for_each_target([&] {
    for (const Candidate& candidate : candidates(problem)) {
      if (!candidate.supported) continue;
      Tensor single;
      for (const int count : {1, 4}) {
        set_threads(count);
        const auto run = [&] {
          Tensor y(f32, problem.y_shape());
          Plan::make(problem, Device::cpu(), {.engine = candidate.engine}).run(x, w, y);
          return y;
        };
        expect_one_result(candidate.engine, run);
        if (count == 1) single = run();
        EXPECT_TRUE(same_bits(run(), single)) << candidate.engine;
      }
    }
  });
}

TEST_F(FloatEnvironmentTest, BoundFiltersKeepItToo) {
  const Problem problem = Problem::parse("op=fwd dtype=f64 in=600 f=301");
  const Tensor x = numbers(f64, problem.x_shape()), w = numbers(f64, problem.w_shape(), 7);
  for (const char* engine : {"direct", "fft"}) {
    expect_one_result(engine, [&] {
      Plan plan = Plan::make(problem, Device::cpu(), {.engine = engine});
      plan.bind_filter(w);
      Tensor y(f64, problem.y_shape());
      plan.run_bound(x, y);
      return y;
    });
  }
}

TEST_F(FloatEnvironmentTest, FrontEndsKeepIt) {
  const Tensor x = numbers(f32, {24, 30}), line = numbers(f64, {90}), taps = numbers(f64, {9}, 5);
  const Tensor square = numbers(f64, {3, 3}, 9);
  const Tensor pixels = Tensor::from<std::uint8_t>({1, 77, 200, 3, 9, 255}, {1, 1, 6});
  const Tensor layer = Tensor::from<std::int8_t>({5, -3, 9, 2}, {2, 1, 2});
  const std::vector<std::pair<const char*, std::function<Tensor()>>> calls = {
      {"convolve", [&] { return convolve(line, taps); }},
      {"numpy::correlate", [&] { return numpy::correlate(line, taps); }},
      {"fftconvolve", [&] { return signal::fftconvolve(line, taps); }},
      {"upfirdn", [&] { return signal::upfirdn(taps, line, {.up = 3, .down = 2}); }},
      {"upfirdn, extended",
       [&] { return signal::upfirdn(taps, line, {.up = 3, .mode = signal::Extension::smooth}); }},
      {"resample_poly", [&] { return signal::resample_poly(line, 5, 3); }},
      {"resample_poly, mean",
       [&] { return signal::resample_poly(line, 5, 3, {.padtype = signal::PadType::mean}); }},
      {"image::correlate", [&] { return image::correlate(x, square); }},
      {"gaussian", [&] { return image::gaussian(x, {.sigma = 1.3}); }},
      {"gaussian_laplace", [&] { return image::gaussian_laplace(x, {.sigma = 1.3}); }},
      {"gaussian_gradient_magnitude",
       [&] { return image::gaussian_gradient_magnitude(x, {.sigma = 1.3}); }},
      {"laplace", [&] { return image::laplace(x); }},
      {"sobel", [&] { return image::sobel(x); }},
      {"sobel_magnitude", [&] { return image::sobel_magnitude(x); }},
      {"uniform", [&] { return image::uniform(x, {.size = 5}); }},
      {"uniform, long",
       [&] {
         return image::uniform(x, {.size = {3, 35}});
       }},
      {"uniform of bytes",
       [&] {
         return image::uniform(pixels, {.size = {1, 1, 3}});
       }},
      {"qlinear_conv",
       [&] {
         return nn::qlinear_conv(pixels, layer,
                                 {.x_scale = 0.1, .w_scale = {0.3, 0.7}, .y_scale = 0.9});
       }},
      {"filters::gaussian_1d", [&] { return filters::gaussian_1d(1.7, 2); }},
      {"filters::gaussian", [&] { return filters::gaussian(1.7, 2); }},
      {"filters::box",
       [&] {
         return filters::box({3, 5});
       }},
      {"filters::sharpen", [&] { return filters::sharpen(0.1); }},
      {"filters::low_pass", [&] { return filters::low_pass(41, 0.3); }},
      {"filters::moving_average", [&] { return filters::moving_average(7); }},
      {"filters::laplacian", [&] { return filters::laplacian(8); }},
      {"filters::emboss", [&] { return filters::emboss(); }},
      {"filters::sobel", [&] { return filters::sobel(0, 3); }},
      {"filters::prewitt", [&] { return filters::prewitt(); }},
      {"filters::outer",
       [&] {
         return filters::outer({taps.view(), taps.view()});
       }},
      {"compact_copy", [&] { return compact_copy(line, f32); }},
  };
  for (const auto& [name, call] : calls) expect_one_result(name, call);
}

TEST_F(FloatEnvironmentTest, NumbersOfTheNotationAreRoundedToNearest) {
  const std::string line = "op=fwd dtype=f64 in=8 f=3 pad=1 boundary=constant(0.3)";
  const Problem expected = Problem::parse(line);
  const CallersEnvironment environment({.name = {}, .rounding = FE_UPWARD});
  EXPECT_EQ(Problem::parse(line), expected);
}

// Without the environment a signal would end the program.
TEST_F(FloatEnvironmentTest, RaisesNoSignal) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::from<float>({1, infinity, 3, -infinity, 5, 0}, {6});
  const Tensor k = Tensor::from<float>({1, 0, 1}, {3});
  for (const test::CallersSetting& setting : test::callers_settings()) {
    Tensor y;
    bool intact = true;
    {
      const CallersEnvironment environment(setting);
      y = convolve(x, k);
      intact = environment.is_intact();
    }
    EXPECT_TRUE(intact) << setting;
    EXPECT_TRUE(std::isnan(y.values<float>()[3])) << setting;
  }
}

// Fails, and remembers what it was called in.
struct FailingHook {
  int rounding = -1;
  Subnormals subnormals = Subnormals::keep;
  static void* allocate(void* context, std::size_t, std::size_t, const Stream&) {
    auto& hook = *static_cast<FailingHook*>(context);
    hook.rounding = std::fegetround();
    hook.subnormals = FloatEnvironment::current();
    return nullptr;
  }
  static void deallocate(void*, void*, std::size_t, std::size_t, const Stream&) {}
};

TEST_F(FloatEnvironmentTest, IsTheCallersInHooksAndAfterExceptions) {
  const Problem problem = Problem::parse("op=fwd dtype=f64 in=600 f=301");
  const Tensor x = numbers(f64, problem.x_shape()), w = numbers(f64, problem.w_shape(), 7);
  Tensor y(f64, problem.y_shape());
  FailingHook hook;
  const Plan plan = Plan::make(
      problem, Device::cpu(),
      {.engine = "fft", .allocator = {&hook, FailingHook::allocate, FailingHook::deallocate}});
  const CallersEnvironment environment(flushing(FE_DOWNWARD));
  const Subnormals callers = FloatEnvironment::current();
  EXPECT_THROW(plan.run(x, w, y), DeviceError);
  EXPECT_EQ(hook.rounding, FE_DOWNWARD);
  EXPECT_EQ(hook.subnormals, callers);
  EXPECT_THROW(static_cast<void>(Plan::make(problem, Device::cpu(), {.engine = "none"})),
               InvalidProblem);
  EXPECT_THROW(parallel_for(8, 4, [](std::int64_t, int) { throw std::runtime_error("block"); }),
               std::runtime_error);
  EXPECT_EQ(std::fegetround(), FE_DOWNWARD);
  EXPECT_EQ(FloatEnvironment::current(), callers);
}

TEST_F(FloatEnvironmentTest, OtherThreadsTakeTheOneOfTheCaller) {
  for (const Subnormals subnormals : {Subnormals::keep, Subnormals::flush}) {
    const FloatEnvironment environment(subnormals);
    const Subnormals expected = FloatEnvironment::current();
    std::atomic<int> others{0};
    parallel_for(64, 4, [&](std::int64_t, int) {
      if (FloatEnvironment::current() != expected || std::fegetround() != FE_TONEAREST) ++others;
    });
    EXPECT_EQ(others, 0);
  }
}

// Products of normal numbers that are subnormal: exact ones, so that every engine that sums
// directly keeps or loses the same.
TEST_F(FloatEnvironmentTest, FlushesSubnormalsOnAllThreadsIfAsked) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 c=4 in=32x48 k=4 f=5x5 pad=2");
  Tensor x(f32, problem.x_shape()), w(f32, problem.w_shape());
  for (float& value : x.values<float>()) value = 0x1p-100F;
  for (float& value : w.values<float>()) value = 0x1p-40F;
  const bool able = [] {
    const FloatEnvironment environment(Subnormals::flush);
    return FloatEnvironment::current() == Subnormals::flush;
  }();
  for (const char* engine : {"reference", "direct", "gemm"}) {
    if (std::ranges::count(engine_names(), std::string("cpu.") + engine) == 0) continue;
    for (const bool flush : {false, true}) {
      for (const int count : {1, 4}) {
        set_threads(count);
        const Plan plan =
            Plan::make(problem, Device::cpu(), {.engine = engine, .flush_subnormals = flush});
        Tensor y(f32, problem.y_shape());
        plan.run(x, w, y);
        // The reference sums in double, where only the results are subnormal.
        const float middle = y.values<float>()[16 * 48 + 24];
        EXPECT_EQ(middle, flush && able ? 0.0F : 100 * 0x1p-140F) << engine << ' ' << count;
        EXPECT_EQ(plan.explain().find("subnormal") != std::string::npos, flush);
      }
    }
  }
}

}  // namespace
}  // namespace faltung
