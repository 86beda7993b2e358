#include "tests/cuda/standins/cudnn_standin.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include <faltung/error.hpp>
#include <faltung/tensor.hpp>

#include "cuda/cudnn/cudnn_choice.hpp"
#include "cuda/runtime/gpu_machine.hpp"
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
