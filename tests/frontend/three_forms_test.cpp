// For every function of every front end: its three forms give the same bits, and all of them obey
// `run` in the options.

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cfenv>
#include <cstdint>
#include <cstring>
#include <faltung/faltung.hpp>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "tests/frontend/three_forms_table.hpp"
#include "tests/support/callers_environment.hpp"
#include "tests/support/refusal.hpp"

namespace faltung::test {

Tensor numbers_of(DType dtype, const Shape& shape) {
  const std::int64_t count = element_count(shape);
  Tensor all(i32, shape);
  for (std::int64_t i = 0; i < count; ++i) {
    all.values<std::int32_t>()[static_cast<std::size_t>(i)] =
        static_cast<std::int32_t>(i * 29 % 53 - (dtype == u8 ? 0 : 17));
  }
  if (is_integer(dtype)) return compact_copy(all, dtype);
  // Thirds, whose products and sums are rounded.
  Tensor thirds(f64, shape);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    thirds.values<double>()[i] = all.values<std::int32_t>()[i] / 3.0;
  }
  return compact_copy(thirds, dtype);
}

void run_planned(const Lowering& call, const ConstTensorView& x, const ConstTensorView& k,
                 const TensorView& y, const ConstTensorView& bias) {
  const Plan plan = Plan::make(call.problem, x.device, call.plan);
  for (int i = 0; i < 2; ++i) {
    if (call.filter != nullptr) {
      call.run(plan, {}, x, y);
    } else {
      call.run(plan, {}, x, k, y, {}, bias);
    }
  }
}

void run_planned(const FilterPlan& plan, const ConstTensorView& x, const TensorView& y) {
  for (int i = 0; i < 2; ++i) plan.run(x, y);
}

void run_planned(const GradientPlan& plan, const ConstTensorView& dy, const ConstTensorView& x,
                 const TensorView& gradient) {
  for (int i = 0; i < 2; ++i) plan.run(dy, x, gradient);
}

std::ostream& operator<<(std::ostream& os, const Function& f) { return os << f.name; }

namespace {

// Hands out memory of the standard allocator, and counts.
class CountingAllocator {
 public:
  [[nodiscard]] Allocator hook() { return {this, allocate, deallocate}; }
  [[nodiscard]] bool has(const void* data) const { return sizes_.contains(data); }
  [[nodiscard]] std::size_t held() const { return sizes_.size(); }

  int asked = 0;
  bool empty = false;            // has nothing more to give
  bool callers_rounding = true;  // was always asked in the environment of the caller

 private:
  static void* allocate(void* self, std::size_t bytes, std::size_t alignment,
                        const Stream& stream) {
    auto& own = *static_cast<CountingAllocator*>(self);
    ++own.asked;
    own.callers_rounding &= std::fegetround() == FE_UPWARD;
    if (own.empty) return nullptr;
    const Allocator standard = Allocator::standard(Device::cpu());
    void* data = standard.allocate(standard.context, bytes, alignment, stream);
    own.sizes_[data] = bytes;
    return data;
  }
  static void deallocate(void* self, void* data, std::size_t bytes, std::size_t alignment,
                         const Stream& stream) {
    auto& own = *static_cast<CountingAllocator*>(self);
    EXPECT_EQ(own.sizes_.at(data), bytes);
    own.sizes_.erase(data);
    const Allocator standard = Allocator::standard(Device::cpu());
    standard.deallocate(standard.context, data, bytes, alignment, stream);
  }
  std::map<const void*, std::size_t> sizes_;
};

// Rounds up until it ends.
class RoundingUp {
 public:
  RoundingUp() { std::fesetround(FE_UPWARD); }
  RoundingUp(const RoundingUp&) = delete;
  RoundingUp& operator=(const RoundingUp&) = delete;
  ~RoundingUp() { std::fesetround(FE_TONEAREST); }
};

void expect_same_bits(const ConstTensorView& a, const ConstTensorView& b) {
  ASSERT_EQ(a.shape, b.shape);
  ASSERT_EQ(a.dtype, b.dtype);
  const Tensor x = compact_copy(a, a.dtype), y = compact_copy(b, b.dtype);
  EXPECT_EQ(std::memcmp(x.data(), y.data(), x.bytes()), 0) << to_string(a) << '\n' << to_string(b);
}

bool is_all_zero(const Tensor& y) {
  const auto* bytes = static_cast<const unsigned char*>(y.data());
  return std::all_of(bytes, bytes + y.bytes(), [](unsigned char byte) { return byte == 0; });
}

bool has_fft() { return std::ranges::count(engine_names(), "cpu.fft") != 0; }

class ThreeForms : public ::testing::TestWithParam<Function> {
 protected:
  const Function& f = GetParam();
  const Tensor fresh = f.fresh({});

  [[nodiscard]] Tensor result() const { return Tensor::zeros(fresh.dtype(), fresh.shape()); }
};

TEST_P(ThreeForms, GiveTheSameBits) {
  ASSERT_FALSE(is_all_zero(fresh));
  Tensor y = result();
  f.into(y, {});
  expect_same_bits(y, fresh);
  if (f.planned) {
    Tensor again = result();
    f.planned(again, {});
    expect_same_bits(again, fresh);
  }
}

// Rounding modes, flushed subnormals and signals of the caller change nothing, and are the caller's
// again afterwards.
TEST_P(ThreeForms, TheCallersEnvironmentIsNeitherUsedNorChanged) {
  for (const CallersSetting& setting : callers_settings()) {
    SCOPED_TRACE(setting);
    Tensor made, y = result(), again = result();
    bool intact = true;
    {
      const CallersEnvironment callers(setting);
      made = f.fresh({});
      intact &= callers.is_intact();
      f.into(y, {});
      intact &= callers.is_intact();
      if (f.planned) f.planned(again, {});
      intact &= callers.is_intact();
    }
    EXPECT_TRUE(intact);
    expect_same_bits(made, fresh);
    expect_same_bits(y, fresh);
    if (f.planned) expect_same_bits(again, fresh);
  }
}

TEST_P(ThreeForms, AViewMayHaveAnyStrides) {
  Shape wide = fresh.shape();
  wide[wide.size() - 1] *= 2;
  Tensor memory = Tensor::zeros(fresh.dtype(), wide);
  const TensorView odd = memory.slice(-1, {.start = 1, .step = 2});
  f.into(odd, {});
  expect_same_bits(odd, fresh);
  expect_same_bits(memory.slice(-1, {.step = 2}), result());  // nothing stands in between
}

TEST_P(ThreeForms, AViewOfAnotherShapeIsRefused) {
  Shape shape = fresh.shape();
  shape[shape.size() - 1] += 2;
  Tensor other = Tensor::zeros(fresh.dtype(), shape);
  const std::string named = f.result.empty() ? "has shape" : f.result + " has shape";
  EXPECT_REFUSED(f.into(other, {}), named);
  if (f.planned) {
    EXPECT_REFUSED(f.planned(other, {}), "has shape");
  }
}

TEST_P(ThreeForms, AViewOfAnotherTypeIsRefused) {
  Tensor y = result();
  if (f.names_f16) {
    EXPECT_REFUSED(f.names_f16(y), "output");
  }
  Tensor other = Tensor::zeros(fresh.dtype() == f64 ? f32 : f64, fresh.shape());
  if (f.one_type) {
    EXPECT_REFUSED(f.into(other, {}), "y has type");
  }
  if (f.planned) {
    EXPECT_REFUSED(f.planned(other, {}), "has type");
  }
}

TEST_P(ThreeForms, AllMemoryComesFromTheAllocator) {
  CountingAllocator memory;
  const Execution run{.allocator = memory.hook()};
  {
    Tensor y = result();
    const RoundingUp callers;
    const Tensor made = f.fresh(run);
    EXPECT_TRUE(memory.has(made.data()));
    EXPECT_EQ(memory.held(), 1U);  // all but the result is given back
    const int before = memory.asked;
    f.into(y, run);
    if (f.intermediate && before > 1) {
      EXPECT_GT(memory.asked, before);
    }
    EXPECT_EQ(memory.held(), 1U);
    expect_same_bits(made, fresh);
    expect_same_bits(y, fresh);
  }
  EXPECT_EQ(memory.held(), 0U);
  EXPECT_TRUE(memory.callers_rounding);
  memory.empty = true;
  EXPECT_THROW((void)f.fresh(run), DeviceError);
}

TEST_P(ThreeForms, HalfAnAllocatorIsRefused) {
  Allocator half = Allocator::standard(Device::cpu());
  half.deallocate = nullptr;
  Tensor y = result();
  EXPECT_REFUSED(f.fresh({.allocator = half}), "no deallocate function");
  EXPECT_REFUSED(f.into(y, {.allocator = half}), "no deallocate function");
}

TEST_P(ThreeForms, AnUnknownEngineIsRefused) {
  Tensor y = result();
  const Execution run{.engine = "cpu.magic"};
  EXPECT_REFUSED(f.fresh(run), "engine 'cpu.magic' is not known");
  EXPECT_REFUSED(f.into(y, run), "engine 'cpu.magic' is not known");
  if (f.planned) {
    EXPECT_REFUSED(f.planned(y, run), "engine 'cpu.magic' is not known");
  }
}

TEST_P(ThreeForms, AnEngineIsTakenOrRefused) {
  // It computes nothing on the CPU, so that nobody who ignored it would refuse.
  const Execution elsewhere{.engine = "cuda.direct"};
  Tensor y = result();
  const auto refuses = [&](const auto& call) {
    try {
      call();
    } catch (const Error& error) {
      return std::string(error.what()).find("cuda.direct") != std::string::npos;
    }
    return false;
  };
  EXPECT_TRUE(refuses([&] { (void)f.fresh(elsewhere); }));
  EXPECT_TRUE(refuses([&] { f.into(y, elsewhere); }));
  const Execution reference{.engine = "cpu.reference"};
  if (f.engines) {
    EXPECT_EQ(f.fresh(reference).shape(), fresh.shape());
  } else {
    EXPECT_THROW((void)f.fresh(reference), NoEngine);
  }
}

TEST_P(ThreeForms, TheWorkspaceLimitIsObeyed) {
  if (!f.by_fft || !has_fft()) GTEST_SKIP() << "nothing here is sure to need a workspace";
  EXPECT_EQ(f.by_fft({}).shape(), fresh.shape());
  try {
    // Another way would do without, in the result.
    (void)f.fresh({.engine = "cpu.fft/transforms", .workspace_limit = 1});
    FAIL() << "ran without its workspace";
  } catch (const NoEngine& error) {
    EXPECT_NE(std::string(error.what()).find("the limit is 1"), std::string::npos) << error.what();
  }
}

TEST_P(ThreeForms, ALentWorkspaceIsUsed) {
  Tensor lent(u8, {1 << 20}), y = result();
  CountingAllocator memory;
  const Execution run{.allocator = memory.hook(), .workspace = {lent.data(), lent.bytes()}};
  f.into(y, run);
  expect_same_bits(y, fresh);
  if (!f.intermediate) {
    EXPECT_EQ(memory.asked, 0);
  }
  EXPECT_REFUSED(f.into(y, {.workspace = {nullptr, 4096}}), "at a null pointer");
  if (f.planned) {
    EXPECT_REFUSED(f.planned(y, run), "takes them when it runs");
  }
}

TEST_P(ThreeForms, ANullStreamIsTheDefaultOfTheCpu) {
  Tensor y = result();
  f.into(y, {.stream = {Device::cpu(), nullptr}});
  expect_same_bits(y, fresh);
  int there = 0;
  EXPECT_REFUSED(f.fresh({.stream = {Device::cpu(), &there}}), "which has none");
  EXPECT_REFUSED(f.into(y, {.stream = {Device::cuda(0), nullptr}}), "stream is on cuda:0");
}

std::vector<Function> all_functions() {
  std::vector<Function> all = signal_functions();
  for (auto& f : image_functions()) all.push_back(f);
  for (auto& f : nn_functions()) all.push_back(f);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Of, ThreeForms, ::testing::ValuesIn(all_functions()), [](const auto& row) {
  std::string name = row.param.name;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
});

}  // namespace
}  // namespace faltung::test
