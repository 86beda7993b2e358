#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <map>

#include "cpp/core/backend.hpp"
#include "cuda/runtime/device_guard.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/host_runtime.hpp"

// What the library makes of the machines it may meet. It looks once in a process, so each machine
// is a test of its own in CMakeLists.txt: FALTUNG_TEST_MACHINE names it.
namespace faltung {
namespace {

using emulator::machine;

std::string machine_name() {
  const char* name = std::getenv("FALTUNG_TEST_MACHINE");
  return name == nullptr ? "two_gpus" : name;
}

class CudaBackend : public ::testing::Test {
 protected:
  void SetUp() override {
    machine = {};
    if (machine_name() == "no_gpu") machine.devices = 0;
    if (machine_name() == "no_driver" || machine_name() == "old_driver") {
      machine.driver = cudaErrorInsufficientDriver;  // what the runtime answers to both
      machine.driver_version = machine_name() == "no_driver" ? 0 : 11040;
    }
    if (machine_name() == "old_gpu") machine.limits.major = 7;
    if (machine_name() == "two_gpus") machine.devices = 2;
  }
  // Whatever the library did, the user's next check of his own meets no error of ours, and his
  // device is the one that he chose.
  void TearDown() override {
    EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
    EXPECT_EQ(machine.current, chosen);
  }
  int chosen = 0;
  const Problem problem = Problem::parse("op=fwd dtype=f32 in=4 f=3 pad=1");
};

// A build without CUDA lists none, though this program holds them.
bool lists_cuda_engines() {
  return std::ranges::count(engine_names(), std::string("cuda.direct")) != 0;
}
bool usable() { return machine_name() == "two_gpus"; }

TEST_F(CudaBackend, SaysWhatIsMissing) {
  if (usable()) {
    EXPECT_EQ(cuda_unavailable_reason(), "");
    EXPECT_EQ(cuda_backend().count(), 2);
    return;
  }
  const std::map<std::string, std::string> reasons = {
      {"no_gpu", "cudaErrorNoDevice"},
      {"no_driver", "no NVIDIA driver is installed"},
      {"old_driver", "the NVIDIA driver is too old: it has CUDA 11.4, this build needs 1"},
      {"old_gpu", "compute capability 7.0, the CUDA engines need 8.0 or newer"}};
  const std::string expected = reasons.at(machine_name());
  if (machine_name() != "old_gpu") {
    EXPECT_NE(cuda_unavailable_reason().find(expected), std::string::npos);
    EXPECT_EQ(cuda_backend().count(), 0);
  }
  if (!lists_cuda_engines()) return;
  try {
    (void)Plan::make(problem, Device::cuda(0));
    FAIL() << "a plan on a machine that has " << machine_name();
  } catch (const NoEngine& error) {
    EXPECT_NE(std::string(error.what()).find(expected), std::string::npos) << error.what();
  }
}

TEST_F(CudaBackend, TheCpuEnginesRunOnAnyMachine) {
  const Tensor x = Tensor::from<float>({1, 2, 3, 4}, {1, 1, 4});
  const Tensor w = Tensor::from<float>({1, 10, 100}, {1, 1, 3});
  Tensor y = Tensor::zeros(f32, {1, 1, 4});
  const Plan plan = Plan::make(problem, Device::cpu());
  plan.run(Stream{}, x, w, y);
  EXPECT_TRUE(std::ranges::equal(y.values<float>(), std::vector<float>{210, 321, 432, 43}));
}

// Work on the second device, by a user whose device is the first, and the other way round.
TEST_F(CudaBackend, RestoresTheDevice) {
  if (!usable()) GTEST_SKIP() << "no device to work on";
  for (chosen = 0; chosen < 2; ++chosen) {
    machine.current = chosen;
    const Device other = Device::cuda(1 - chosen);
    const Stream stream{other, nullptr};
    const DeviceBackend& backend = cuda_backend();
    {
      const cuda::DeviceGuard guard(other.index);
      EXPECT_EQ(machine.current, other.index);
    }
    EXPECT_EQ(machine.current, chosen);
    const Tensor host = Tensor::from<float>({1, 2, 3, 4}, {4});
    const Tensor device = host.to(other);
    EXPECT_EQ(machine.current, chosen);
    (void)device.to(Device::cpu());
    EXPECT_EQ(machine.current, chosen);
    backend.fill(const_cast<void*>(device.view().data), other, 0, 16);
    EXPECT_EQ(machine.current, chosen);
    const Allocator allocator = backend.allocator();
    void* data = allocator.allocate(allocator.context, 64, 256, stream);
    ASSERT_NE(data, nullptr);
    allocator.deallocate(allocator.context, data, 64, 256, stream);
    EXPECT_EQ(machine.current, chosen);
    EXPECT_EQ(backend.devices().size(), 2u);
    EXPECT_EQ(machine.current, chosen);
  }
  chosen = machine.current;
}

// A copy has ended when the call returns: a stream that waits for nothing may touch both sides.
TEST_F(CudaBackend, CopiesAndFillsWait) {
  if (!usable()) GTEST_SKIP() << "no device to work on";
  const DeviceBackend& backend = cuda_backend();
  for (const Device& device : {Device::cuda(0), Device::cuda(1)}) {
    void* a = backend.allocate(device, 64);
    void* b = backend.allocate(device, 64);
    const std::vector<std::byte> host(64);
    backend.copy(a, device, host.data(), Device::cpu(), 64);
    EXPECT_FALSE(emulator::has_unfinished());
    backend.copy(b, device, a, device, 64);
    EXPECT_FALSE(emulator::has_unfinished());
    backend.fill(a, device, 7, 64);
    EXPECT_FALSE(emulator::has_unfinished());
    backend.release(device, a);
    backend.release(device, b);
  }
}

// Workspaces come from one pool for each device that keeps memory, and go back to their own device.
TEST_F(CudaBackend, WorkspacesComeFromAPoolThatKeepsThem) {
  if (!usable()) GTEST_SKIP() << "no device to work on";
  const Allocator allocator = cuda_backend().allocator();
  for (int index = 0; index < 2; ++index) {
    const Stream stream{Device::cuda(index), nullptr};
    void* first = allocator.allocate(allocator.context, 64, 256, stream);
    void* second = allocator.allocate(allocator.context, 64, 256, stream);
    EXPECT_EQ(emulator::kept_by_pool_of(first), (std::size_t{141} << 30) / 16);
    EXPECT_EQ(emulator::pool_of(first), emulator::pool_of(second));
    allocator.deallocate(allocator.context, first, 64, 256, stream);
    allocator.deallocate(allocator.context, second, 64, 256, stream);
  }
}

// Failures leave nothing behind: no memory, no such device.
TEST_F(CudaBackend, LeavesNoErrorPending) {
  if (!usable()) GTEST_SKIP() << "no device to work on";
  EXPECT_EQ(cuda_backend().allocate(Device::cuda(0), std::size_t{1} << 60), nullptr);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
  const Allocator allocator = cuda_backend().allocator();
  EXPECT_EQ(allocator.allocate(allocator.context, std::size_t{1} << 60, 256,
                               Stream{Device::cuda(1), nullptr}),
            nullptr);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
  EXPECT_THROW(const cuda::DeviceGuard guard(7), DeviceError);
  EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
  try {
    cuda::check(emulator::answer(cudaErrorInvalidValue), "fill ", 16, " bytes on ",
                Device::cuda(1));
    FAIL() << "an error passed unnoticed";
  } catch (const DeviceError& error) {
    EXPECT_EQ(std::string(error.what()),
              "CUDA cannot fill 16 bytes on cuda:1: cudaErrorInvalidValue "
              "(cudaErrorInvalidValue, 1)");
  }
}

TEST_F(CudaBackend, KnowsHowManyDevicesThereAre) {
  if (!usable() || !lists_cuda_engines()) GTEST_SKIP() << "no device to count, or no engine";
  try {
    (void)Plan::make(problem, Device::cuda(2));
    FAIL() << "a plan on a third device";
  } catch (const NoEngine& error) {
    EXPECT_NE(std::string(error.what()).find("there is no cuda:2, the last device is cuda:1"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace faltung
