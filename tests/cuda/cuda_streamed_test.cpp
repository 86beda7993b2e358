#include <gtest/gtest.h>

#include <cuda_runtime.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/streamed_plan.hpp>

#include "cpp/cpu/reference_engine.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/memory_use.hpp"
#include "tests/emulator/toolkit/cuda_streams_api.h"
#include "tests/support/operands.hpp"

// Problems larger than the device's memory, under the executor: it has that much and no more, and
// objects where a copy or a kernel meets what another may still read or write.
namespace faltung {
namespace {

using emulator::machine;
using test::Array;

// The library counts devices once, when it first asks.
const bool several_devices = [] {
  machine.devices = 3;
  return true;
}();

class CudaStreamed : public ::testing::Test {
 protected:
  void SetUp() override {
    machine.devices = 3;
    emulator::reset_peak_memory();
    for (int i = 0; i < machine.devices; ++i) taken_[i] = emulator::memory_use(i).now;
  }
  void TearDown() override {
    emulator::set_memory_bytes(emulator::default_memory_bytes);
    emulator::fail_allocation(0);
    for (int i = 0; i < machine.devices; ++i) {
      EXPECT_EQ(emulator::memory_use(i).now, taken_[i]) << "device " << i;
    }
  }
  /// Devices get no byte beyond these and what they hold already.
  void cap(std::size_t bytes) { emulator::set_memory_bytes(taken_[0] + bytes); }
  [[nodiscard]] std::size_t peak(int device) const {
    return emulator::memory_use(device).peak - taken_[device];
  }

 private:
  std::size_t taken_[3] = {};
};

TensorView view_of(Array& array) {
  return {array.bytes().data() + array.origin(), array.dtype(), array.shape(), array.strides(), {}};
}

Array streamed(const StreamedPlan& plan, test::Operands operands) {
  ConstTensorView bias;
  if (plan.problem().epilogue.bias) bias = view_of(operands.bias);
  plan.run(view_of(operands.first), view_of(operands.second), view_of(operands.before), bias);
  return operands.before;
}

Tensor on_device(Array& array) {
  Tensor compact(array.dtype(), array.shape());
  std::memcpy(compact.data(), array.bytes().data(), array.bytes().size());
  return compact.to(Device::cuda(0));
}

/// By one plan, all at once.
Array uncapped(const Problem& problem, const PlanOptions& options, test::Operands operands) {
  const Plan plan = Plan::make(problem, Device::cuda(0), options);
  const Tensor first = on_device(operands.first), second = on_device(operands.second);
  Tensor result = on_device(operands.before);
  Tensor bias;
  if (problem.epilogue.bias) bias = on_device(operands.bias);
  plan.run(first, second, result, {}, bias);
  const Tensor back = result.to(Device::cpu());
  std::memcpy(operands.before.bytes().data(), back.data(), back.bytes());
  return operands.before;
}

const char* const lines[] = {
    "op=fwd dtype=f32 n=6 c=1 in=20x24 k=1 f=3x3 pad=1",
    "op=fwd dtype=f32 n=1 c=1 in=200x24 k=1 f=5x3 pad=2x1 boundary=reflect",
    "op=fwd dtype=f32 n=1 c=1 in=150x16 k=1 f=5x5 pad=2 boundary=wrap flip=1",
    "op=fwd dtype=f32 n=2 c=3 in=24x20 k=8 f=3x3 pad=1 bias=1 act=relu",
    "op=fwd dtype=f32 n=2 c=8 in=16x16 k=8 f=3x3 pad=1 g=8",
    "op=fwd dtype=f32 n=3 c=4 in=400 k=4 f=9 stride=2 layout=nhwc",
    "op=fwd dtype=f16 n=4 c=2 in=30x30 k=2 f=3x3",
    "op=dgrad dtype=f32 n=3 c=2 in=40x20 k=3 f=3x3 pad=1 stride=2",
    "op=fwd dtype=f32 n=8 in=20x20 f=3x3 beta=2",
    "op=wgrad dtype=f32 n=5 c=2 in=30x20 k=4 f=3x3 pad=1",
};

constexpr auto direct = "cuda.direct";

// Small integers: sums are exact, in whatever parts they are formed.
TEST_F(CudaStreamed, ComputesWhatDoesNotFit) {
  for (const char* line : lines) {
    const Problem problem = Problem::parse(line);
    const test::Operands operands =
        test::filled_operands(problem, test::Fill::small_integers, test::test_seed());
    const Array expected =
        test::run_guarded(test::cpu_device(), reference_engine(), problem, operands);
    const auto limit = static_cast<std::size_t>(problem.bytes() / 2);
    cap(limit);
    emulator::reset_peak_memory();
    const StreamedPlan plan =
        StreamedPlan::make(problem, {.memory_limit = limit, .plan = {.elementwise = true}});
    EXPECT_TRUE(test::equal_elements(streamed(plan, operands), expected)) << plan.explain();
    EXPECT_GT(plan.facts().pieces, 1u) << line;
    EXPECT_LE(plan.facts().device_bytes, limit) << line;
    EXPECT_EQ(peak(0), plan.facts().device_bytes) << "all that is taken is told: " << line;
    EXPECT_TRUE(test::equal_elements(streamed(plan, operands), expected)) << "again: " << line;
  }
}

// Reals: where no sum is cut, each is formed by the same kernel in the same order.
TEST_F(CudaStreamed, KeepsTheBitsOfDirectSums) {
  for (const char* line : lines) {
    const Problem problem = Problem::parse(line);
    if (problem.pass == Pass::backward_filter) continue;
    const PlanOptions options{.engine = direct};
    const test::Operands operands =
        test::filled_operands(problem, test::Fill::reals, test::test_seed());
    emulator::set_memory_bytes(emulator::default_memory_bytes);
    const Array expected = uncapped(problem, options, operands);
    const auto limit = static_cast<std::size_t>(problem.bytes() / 2);
    cap(limit);
    const StreamedPlan plan = StreamedPlan::make(problem, {.memory_limit = limit, .plan = options});
    EXPECT_TRUE(test::same_elements(streamed(plan, operands), expected)) << plan.explain();
  }
}

TEST_F(CudaStreamed, SharesPiecesAmongDevices) {
  for (const char* line : lines) {
    const Problem problem = Problem::parse(line);
    const test::Operands operands =
        test::filled_operands(problem, test::Fill::reals, test::test_seed());
    const auto limit = static_cast<std::size_t>(problem.bytes() / 3);
    cap(limit);
    StreamedOptions options{.memory_limit = limit, .plan = {.elementwise = true}};
    const StreamedPlan one = StreamedPlan::make(problem, options);
    const Array expected = streamed(one, operands);
    const StreamedFacts alone = one.facts();
    cap(2 * limit);
    emulator::reset_peak_memory();
    options.devices = {Device::cuda(2), Device::cuda(1)};
    const StreamedPlan two = StreamedPlan::make(problem, options);
    emulator::expect_device_kept("StreamedPlan::run", [&] {
      EXPECT_TRUE(test::same_elements(streamed(two, operands), expected)) << two.explain();
    });
    EXPECT_EQ(two.facts().pieces, alone.pieces) << line;
    EXPECT_LE(peak(1), limit);
    EXPECT_LE(peak(2), limit);
  }
}

/// An array in pinned memory, as long as this lives.
class Pinned {
 public:
  explicit Pinned(Array& array) : array_(array) {
    void* data = nullptr;
    (void)cudaHostAlloc(&data, array.bytes().size(), cudaHostAllocPortable);
    data_ = static_cast<std::byte*>(data);
    std::memcpy(data_, array.bytes().data(), array.bytes().size());
  }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  ~Pinned() { (void)cudaFreeHost(data_); }
  [[nodiscard]] TensorView view() const {
    return {data_ + array_.origin(), array_.dtype(), array_.shape(), array_.strides(), {}};
  }
  [[nodiscard]] const std::byte* data() const { return data_; }

 private:
  Array& array_;
  std::byte* data_ = nullptr;
};

// One run of bytes for a piece is copied from where it is, whatever its length.
TEST_F(CudaStreamed, CopiesPinnedMemoryDirectly) {
  const Problem problem = Problem::parse(lines[0]);
  test::Operands operands =
      test::filled_operands(problem, test::Fill::small_integers, test::test_seed());
  const Array expected =
      test::run_guarded(test::cpu_device(), reference_engine(), problem, operands);
  const auto limit = static_cast<std::size_t>(problem.bytes() / 2);
  const StreamedPlan plan =
      StreamedPlan::make(problem, {.memory_limit = limit, .plan = {.engine = direct}});
  const Pinned x(operands.first), w(operands.second), y(operands.before);
  plan.run(x.view(), w.view(), y.view());
  std::memcpy(operands.before.bytes().data(), y.data(), operands.before.bytes().size());
  EXPECT_TRUE(test::equal_elements(operands.before, expected));
}

// Memory that is gone meanwhile: smaller pieces, or a refusal with what they need; nothing is kept.
TEST_F(CudaStreamed, TakesSmallerPiecesWhereMemoryIsShort) {
  const Problem problem = Problem::parse(lines[1]);
  const test::Operands operands =
      test::filled_operands(problem, test::Fill::small_integers, test::test_seed());
  const Array expected =
      test::run_guarded(test::cpu_device(), reference_engine(), problem, operands);
  const auto all = static_cast<std::size_t>(problem.bytes());
  const StreamedOptions options{.memory_limit = all / 2, .plan = {.engine = direct}};
  const std::size_t wanted = StreamedPlan::make(problem, options).facts().device_bytes;
  {
    cap(wanted - 1);
    const StreamedPlan plan = StreamedPlan::make(problem, options);
    EXPECT_LT(plan.facts().device_bytes, wanted);
    EXPECT_TRUE(test::equal_elements(streamed(plan, operands), expected));
  }
  {
    emulator::fail_allocation(1);
    const StreamedPlan plan = StreamedPlan::make(problem, options);
    EXPECT_LT(plan.facts().device_bytes, wanted);
    EXPECT_TRUE(test::equal_elements(streamed(plan, operands), expected));
  }
  cap(100);
  try {
    (void)StreamedPlan::make(problem, options);
    FAIL() << "100 bytes hold no piece";
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find("the least that does is"), std::string::npos)
        << error.what();
  }
}

TEST_F(CudaStreamed, TakesWhatIsFreeWithoutALimit) {
  const Problem problem = Problem::parse(lines[0]);
  const auto all = static_cast<std::size_t>(problem.bytes());
  cap(all / 2);
  const StreamedPlan plan = StreamedPlan::make(problem, {.plan = {.engine = direct}});
  EXPECT_LE(plan.facts().device_bytes, all / 2 / 10 * 9);
  EXPECT_GT(plan.facts().pieces, 1u);
}

// By the record of an H200: copies of large problems hide behind each other and the kernels.
TEST_F(CudaStreamed, IsEstimatedAtHardlyMoreThanItsLongestLane) {
  for (const char* line : {"op=fwd dtype=f32 n=64 c=3 in=1024x1024 k=3 f=5x5 pad=2",
                           "op=fwd dtype=f32 in=40000x20000 f=3x3 pad=1 boundary=reflect",
                           "op=fwd dtype=f32 n=32 c=32 in=256x256 k=32 f=3x3 pad=1",
                           "op=dgrad dtype=f32 n=64 c=3 in=512x512 k=3 f=5x5 pad=2"}) {
    const Problem problem = Problem::parse(line);
    const StreamedFacts facts = StreamedPlan::make(problem, {.memory_limit = std::size_t{64} << 20,
                                                             .plan = {.engine = direct}})
                                    .facts();
    EXPECT_GE(facts.pieces, 14u) << line;
    EXPECT_LE(facts.estimate_us, 1.15 * std::max({facts.in_us, facts.compute_us, facts.out_us}))
        << line << ": in " << facts.in_us << ", kernels " << facts.compute_us << ", out "
        << facts.out_us << ", all " << facts.estimate_us << ", pieces " << facts.pieces;
  }
}

}  // namespace
}  // namespace faltung
