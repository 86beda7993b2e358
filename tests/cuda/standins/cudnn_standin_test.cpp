#include "tests/cuda/standins/cudnn_standin.hpp"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/tensor.hpp>

#include "cuda/cudnn/cudnn_choice.hpp"
#include "cuda/runtime/gpu_machine.hpp"
#include "tests/emulator/execution.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/violation.hpp"

// The library that stands in for cuDNN: what it objects to.
namespace faltung::test {
namespace {

using namespace cuda::cudnn;  // NOLINT: all of it

// One run of a plan, of which a test spoils one thing.
struct PlanRun {
  explicit PlanRun(const Descriptor& device = device_of(0),
                   std::size_t limit = std::size_t{1} << 30)
      : choice(choose(Problem::parse("op=fwd dtype=f32 c=4 k=4 in=9x9 f=3x3 pad=1 layout=nhwc"),
                      device, full_alignment, limit)),
        plan(plan_of(choice.plan, device)) {
    check(functions().create(&handle), "cudnnCreate");
    check(functions().set_stream(handle, nullptr), "cudnnSetStream");
    for (std::size_t i = 0; i < 3; ++i) pointers[i] = tensors[i].data();
    workspace = area.data();
  }
  ~PlanRun() { (void)functions().destroy(handle); }
  PlanRun(const PlanRun&) = delete;
  PlanRun& operator=(const PlanRun&) = delete;

  [[nodiscard]] Status status() const {
    Descriptor pack(Kind::variant_pack);
    pack.set(Attribute::pack_ids, ValueType::int64, std::span<const std::int64_t>(ids))
        .set(Attribute::pack_pointers, ValueType::pointer, std::span<const void* const>(pointers))
        .set(Attribute::pack_workspace, ValueType::pointer, workspace)
        .finalize();
    return functions().execute(handle, plan.get(), pack.get());
  }
  // Of the objection; empty if there is none.
  [[nodiscard]] std::string objection() const {
    try {
      (void)status();
      return {};
    } catch (const emulator::Violation& violation) {
      return violation.what();
    }
  }
  static Tensor zeros() { return Tensor::zeros(DType::f32, {4 * 81 + 8}, Device::cuda(0)); }

  Choice choice;
  Descriptor plan;
  Handle handle = nullptr;
  std::array<Tensor, 3> tensors = {zeros(), zeros(), zeros()};
  Tensor area = Tensor::zeros(DType::u8, {1 << 16}, Device::cuda(0));
  std::array<std::int64_t, 3> ids = {x_id, w_id, y_id};
  std::array<const void*, 3> pointers = {};
  const void* workspace = nullptr;
};

void expect_objection(const PlanRun& run, const char* words) {
  const std::string objection = run.objection();
  EXPECT_NE(objection.find(words), std::string::npos) << objection;
}

TEST(CudnnStandin, RunsWhatIsInOrder) {
  FALTUNG_NEEDS_CUDNN();
  const PlanRun run;
  EXPECT_EQ(run.objection(), "");
  EXPECT_EQ(run.status(), Status::success);
}

TEST(CudnnStandin, ObjectsToPacksThatAreNotThePlans) {
  FALTUNG_NEEDS_CUDNN();
  PlanRun lacking, other, misaligned, overlapping;
  lacking.pointers[1] = nullptr;
  expect_objection(lacking, "lacks tensor 2");
  other.ids[1] = 77;
  expect_objection(other, "has not: 77");
  misaligned.pointers[0] = static_cast<const float*>(misaligned.pointers[0]) + 1;
  expect_objection(misaligned, "less aligned");
  overlapping.pointers[2] = overlapping.pointers[0];
  expect_objection(overlapping, "overlaps what");
}

TEST(CudnnStandin, ObjectsToWorkspaces) {
  FALTUNG_NEEDS_CUDNN();
  // Of fallbacks, one that turns the tensors needs a workspace.
  PlanRun run;
  const Descriptor device = device_of(0);
  const Problem p = Problem::parse("op=dgrad dtype=f64 c=4 k=4 in=9x9 f=3x3 pad=1 layout=nhwc");
  for (const Descriptor& config :
       ranked_configs(graph_of(p, full_alignment), device, Heuristic::fallback)) {
    if (config.value(Attribute::config_workspace) == 0) continue;
    run.plan = plan_of(config, device);
    for (std::size_t i = 0; i < 3; ++i) {
      run.tensors[i] = Tensor::zeros(DType::f64, {4 * 81}, Device::cuda(0));
      run.pointers[i] = run.tensors[i].data();
    }
    EXPECT_EQ(run.objection(), "");
    const Tensor area = run.area.to(Device::cpu());
    float left = 0;
    std::memcpy(&left, area.data(), sizeof left);
    EXPECT_TRUE(std::isnan(left));  // what was left in it is no use to anybody
    run.workspace = nullptr;
    expect_objection(run, "lacks its workspace");
    run.workspace = run.pointers[1];
    expect_objection(run, "workspace overlaps");
    return;
  }
  FAIL() << "no fallback needs a workspace";
}

// In production cuDNN asks the driver.
TEST(CudnnStandin, DescribesTheEmulatedDevice) {
  FALTUNG_NEEDS_CUDNN();
  const std::string own = cuda::cudnn::device_text(cuda::gpu_machine(0));
  EXPECT_EQ(device_of(0).text(Attribute::device_text), device_of(own).text(Attribute::device_text));
}

TEST(CudnnStandin, ObjectsToPlansOfAnotherDevice) {
  FALTUNG_NEEDS_CUDNN();
  const PlanRun run(device_of(cuda::cudnn::device_text(*find_gpu_machine("b200"))));
  expect_objection(run, "another device");
}

TEST(CudnnStandin, ObjectsToHandles) {
  FALTUNG_NEEDS_CUDNN();
  PlanRun idle, elsewhere;
  (void)functions().destroy(idle.handle);
  check(functions().create(&idle.handle), "cudnnCreate");
  expect_objection(idle, "was given no stream");
  emulator::machine.devices = 2;
  emulator::machine.current = 1;
  expect_objection(elsewhere, "another device");
  emulator::machine = {};
  Handle handle = nullptr;
  const auto create_in_capture = [&] {
    const emulator::Capture capture;
    (void)functions().create(&handle);
  };
  EXPECT_THROW(create_in_capture(), emulator::Violation);
}

TEST(CudnnStandin, TwoThreadsInOneHandle) {
  FALTUNG_NEEDS_CUDNN();
  const PlanRun run;
  std::atomic<bool> met = false;
  std::string objection;
  std::thread other([&] {
    for (int i = 0; i < 20000 && !met; ++i) {
      if (!run.objection().empty()) met = true;
    }
    met = true;
  });
  while (!met && objection.empty()) {
    try {
      (void)functions().set_stream(run.handle, nullptr);
    } catch (const emulator::Violation& violation) {
      objection = violation.what();
    }
  }
  met = true;
  other.join();
  EXPECT_NE(objection.find("two threads use one handle"), std::string::npos) << objection;
}

// What is computed is read, and nothing else: with beta = 0 the result before is not.
TEST(CudnnStandin, ReadsWhatItIsGiven) {
  FALTUNG_NEEDS_CUDNN();
  PlanRun run;
  const Tensor unset(DType::f32, {4 * 81}, Device::cuda(0));
  run.pointers[2] = unset.data();
  EXPECT_EQ(run.objection(), "");
  const Tensor never(DType::f32, {4 * 81}, Device::cuda(0));
  run.pointers[0] = never.data();
  expect_objection(run, "unset");
}

// The real library's own answer.
TEST(CudnnStandin, AttributesOfAnotherTypeAreRefused) {
  FALTUNG_NEEDS_CUDNN();
  Descriptor tensor(Kind::tensor);
  const double id = 1;
  EXPECT_THROW(tensor.set(Attribute::tensor_id, ValueType::float64, id), DeviceError);
}

// Each that its header has: an error that names the call and the number, or memory that ran out.
TEST(CudnnStandin, EveryAnswerIsAnError) {
  FALTUNG_NEEDS_CUDNN();
  const PlanRun run;
  int answers = 0;
  for (const auto& [first, last] :
       {std::pair(1001, 1008), std::pair(2000, 2012), std::pair(3000, 3014), std::pair(4000, 4006),
        std::pair(5000, 5004)}) {
    for (int status = first; status <= last; ++status) {
      cudnn_standin().fail("cudnnBackendExecute", 1, status);
      try {
        check(run.status(), "cudnnBackendExecute");
        ADD_FAILURE() << status;
      } catch (const DeviceError& error) {
        const std::string words = error.what();
        EXPECT_NE(words.find("cudnnBackendExecute"), std::string::npos) << words;
        EXPECT_NE(words.find('(' + std::to_string(status) + ')'), std::string::npos) << words;
      } catch (const std::bad_alloc&) {
        EXPECT_TRUE(status == 4003 || status == 4004) << status;
      }
      ++answers;
    }
  }
  cudnn_standin().fail("", 0, 0);
  EXPECT_EQ(answers, 48);
}

TEST(CudnnStandinDeathTest, ReportsWhatIsNeverDestroyed) {
  FALTUNG_NEEDS_CUDNN();
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto leak = [] {
    RawDescriptor raw = nullptr;
    (void)functions().create_descriptor(Kind::tensor, &raw);
    std::exit(0);
  };
  EXPECT_EXIT(leak(), ::testing::ExitedWithCode(1), "1 descriptors of cuDNN were never destroyed");
}

TEST(CudnnStandin, FailsOnRequest) {
  FALTUNG_NEEDS_CUDNN();
  const PlanRun run;
  cudnn_standin().fail("cudnnBackendExecute", 2, 5001);
  EXPECT_EQ(run.status(), Status::success);
  EXPECT_EQ(static_cast<int>(run.status()), 5001);
  EXPECT_EQ(run.status(), Status::success);
  EXPECT_EQ(cudnn_standin().calls("cudnnBackendExecute"), 3);
  cudnn_standin().fail("", 0, 0);
}

}  // namespace
}  // namespace faltung::test
