#include <gtest/gtest.h>

#include <faltung/tensor.hpp>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "cuda/runtime/gpu_machine.hpp"
#include "cuda/runtime/launch.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/kernels/filter_kernel.cuh"
#include "tests/support/operands.hpp"

// The way of a CUDA engine through the emulator: its own host code, launches captured, the result
// compared with the reference as on a GPU. cuda/runtime/backend.cpp is compiled in here too.
namespace faltung::emulator_kernels {
namespace {

/// 3x3 filters with one pixel of padding, by the demonstration's kernel.
class FilterEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.demonstration"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  std::vector<WayText> ways() const override { return {{"demonstration", "3x3 filters of f32"}}; }

 private:
  class FilterTask final : public Task {
   public:
    explicit FilterTask(const Problem& problem)
        : rows_(static_cast<unsigned>(problem.axes[0].input)),
          cols_(static_cast<unsigned>(problem.axes[1].input)) {}
    ErrorBound error_bound() const override { return {ErrorBound::Kind::elementwise, 9 * 0x1p-24}; }
    void run(const RunArguments& arguments) const override {
      FilterTaps taps{};
      cuda::check(cudaMemcpy(&taps, arguments.second, sizeof taps, cudaMemcpyDeviceToHost),
                  "read taps");
      cuda::launch(filter_kernel,
                   {.name = "demonstration",
                    .grid = {(cols_ + FilterTile::cols - 1) / FilterTile::cols,
                             (rows_ + FilterTile::rows - 1) / FilterTile::rows},
                    .block = {FilterTile::cols, 4},
                    .stream = static_cast<cudaStream_t>(arguments.stream.handle)},
                   cuda::compact_view(static_cast<const float*>(arguments.first), rows_, cols_),
                   cuda::compact_view(static_cast<float*>(arguments.result), rows_, cols_), taps);
    }

   private:
    unsigned rows_, cols_;
  };

  Offer answer(const Problem& problem, const Device&, std::string_view) const override {
    Problem wanted;
    for (const Axis& axis : problem.axes) {
      wanted.axes.push_back({.input = axis.input, .filter = 3, .pad_lo = 1, .pad_hi = 1});
    }
    if (problem.rank() != 2 || problem != wanted) {
      return Offer::no("it takes 3x3 f32 filters alone");
    }
    return {.refusal = {}, .way = "demonstration", .estimate_us = 1, .prepare = [problem] {
              return std::make_unique<FilterTask>(problem);
            }};
  }
};

TEST(EmulatedDevice, RunsAnEngineLikeAGpu) {
  const FilterEngine engine;
  const Engine* const engines[] = {&engine};
  const emulator::EmulatedDevice device(engines);
  for (const char* line : {"op=fwd dtype=f32 n=1 c=1 in=1x1 k=1 f=3x3 pad=1",
                           "op=fwd dtype=f32 n=1 c=1 in=33x70 k=1 f=3x3 pad=1"}) {
    const Problem problem = Problem::parse(line);
    ASSERT_TRUE(engine.offer(problem, device.stream().device)) << line;
    const test::Operands operands =
        test::filled_operands(problem, test::Fill::small_integers, test::test_seed());
    const emulator::Recorder recorder;
    const test::Array result = test::run_guarded(device, engine, problem, operands);
    const test::Array expected =
        test::run_guarded(test::cpu_device(), reference_engine(), problem, operands);
    EXPECT_TRUE(test::equal_elements(result, expected)) << line;
    EXPECT_EQ(recorder.reports().size(), 1u);
  }
}

TEST(EmulatedDevice, IsACudaDeviceToTheCore) {
  EXPECT_EQ(cuda_unavailable_reason(), "");
  EXPECT_EQ(devices().back().name, "emulated H200");
  const Tensor host = Tensor::from<float>({1, 2, 3, 4}, {4});
  const Tensor device = host.to(Device::cuda(0));
  const Tensor back = device.to(Device::cpu());
  EXPECT_EQ(std::memcmp(back.view().data, host.view().data, 16), 0);
}

// A GPU is known by its name; another one is as fast as the nearest in its clock, multiprocessors
// and memory.
TEST(EmulatedDevice, HasTheSpeedOfItsRecord) {
  using emulator::machine;
  const GpuMachine h200 = *find_gpu_machine("h200");
  const GpuMachine here = cuda::gpu_machine(0);
  EXPECT_EQ(here.name, "h200");
  EXPECT_EQ(here.clock_mhz, h200.clock_mhz);
  EXPECT_EQ(here.copy_bytes_per_us, h200.copy_bytes_per_us);
  EXPECT_EQ(cuda::gpu_machine(7).name, "h200") << "where no device answers";

  machine.name = "NVIDIA GH200 480GB";  // no H200, and its memory half as wide
  machine.limits.multiprocessors = 66;
  machine.bus_bits /= 2;
  machine.clock_khz = 990'000;
  const GpuMachine other = cuda::gpu_machine(0);
  machine = {};
  EXPECT_EQ(other.name, "NVIDIA GH200 480GB");
  EXPECT_EQ(other.limits.multiprocessors, 66);
  EXPECT_NEAR(other.clock_mhz, h200.clock_mhz / 2, 1e-9);
  EXPECT_NEAR(other.copy_bytes_per_us, h200.copy_bytes_per_us / 2, 1);
  EXPECT_NEAR(other.l2_bytes_per_us, h200.l2_bytes_per_us / 4, 1);
  EXPECT_NEAR(other.products_per_us(DType::f32), h200.products_per_us(DType::f32) / 4, 1);

  const GpuMachine a100 = *find_gpu_machine("a100");
  const ScopedMachine scope(a100);
  EXPECT_EQ(cuda::gpu_machine(0).name, "a100") << "planned for, though not here";
}

// Device memory holds NaN until it is written, and an address outside it is not an address.
TEST(EmulatedDevice, PoisonsMemoryAndKnowsItsBounds) {
  float* data = nullptr;
  ASSERT_EQ(cudaMalloc(&data, 16), cudaSuccess);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % 256, 0u);
  float host[5];
  ASSERT_EQ(cudaMemcpy(host, data, 16, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_TRUE(std::isnan(host[0]));
  EXPECT_THROW((void)cudaMemcpy(host, data, 20, cudaMemcpyDeviceToHost), emulator::Violation);
  EXPECT_EQ(cudaFree(data + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFree(data), cudaSuccess);
}

}  // namespace
}  // namespace faltung::emulator_kernels
