#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <faltung/error.hpp>
#include <faltung/machine.hpp>
#include <faltung/measure.hpp>
#include <faltung/plan.hpp>
#include <faltung/plan_cache.hpp>
#include <faltung/signal.hpp>
#include <faltung/wisdom.hpp>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "cpp/cpu/reference_engine.hpp"
#include "cuda/engine_list.hpp"
#include "tests/cuda/standins/cublaslt_standin.hpp"
#include "tests/cuda/standins/cufft_standin.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/problem_file.hpp"
#include "tests/support/refusal.hpp"

// Plans on cuda:0 by the public interface, with the emulator in the place of the GPU.
namespace faltung {
namespace {

bool has_cuda_engines() {
  return std::ranges::count(engine_names(), std::string("cuda.direct")) != 0;
}

class CudaPlan : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_cuda_engines()) GTEST_SKIP() << "this build lists no CUDA engines";
  }
  const Device gpu = Device::cuda(0);
  const Stream stream{Device::cuda(0), nullptr};
};

TEST_F(CudaPlan, RunsAndKeepsABoundFilter) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 in=4 f=3 pad=1");
  const Tensor x = Tensor::from<float>({1, 2, 3, 4}, {1, 1, 4}).to(gpu);
  Tensor w = Tensor::from<float>({1, 10, 100}, {1, 1, 3}).to(gpu);
  Tensor y = Tensor::zeros(f32, {1, 1, 4}, gpu);
  const auto expect_result = [&] {
    const Tensor host = y.to(Device::cpu());
    EXPECT_TRUE(std::ranges::equal(host.values<float>(), std::vector<float>{210, 321, 432, 43}));
  };
  Plan plan = Plan::make(problem, gpu);
  EXPECT_TRUE(plan.engine().starts_with("cuda.")) << plan.engine();
  plan.run(stream, x, w, y);
  expect_result();
  plan.bind_filter(stream, w);
  w = Tensor();
  y = Tensor::zeros(f32, {1, 1, 4}, gpu);
  plan.run_bound(stream, x, y);
  expect_result();
}

TEST_F(CudaPlan, IsMeasuredInAStreamOfTheDevice) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 in=200 f=5 pad=2");
  const Measurement found = measure(
      problem, gpu, {}, {.stream = stream, .ways = 3, .max_seconds = 60, .run_seconds = 60});
  for (const WayMeasurement& way : found.ways) {
    EXPECT_TRUE(way.way.starts_with("cuda.")) << way.way;
    EXPECT_NE(way.outcome, MeasureOutcome::wrong) << way.way << ": " << way.reason;
    EXPECT_NE(way.outcome, MeasureOutcome::failed) << way.way << ": " << way.reason;
  }
  ASSERT_NE(found.best(), nullptr);
  const Plan plan = Plan::make(problem, gpu);
  EXPECT_EQ(plan.engine() + '/' + plan.way(), found.best()->way);
  EXPECT_TRUE(wisdom_of(problem).empty()) << "of the CPU nothing is known";
  EXPECT_NE(wisdom_machine(gpu), wisdom_machine());
  forget_wisdom();
}

// C++ aligns a complex value as its parts; a GPU loads it in one access of its size.
TEST_F(CudaPlan, RefusesComplexValuesOnHalfOfTheirSize) {
  for (const DType type : {c64, c128}) {
    Problem problem = Problem::parse("op=fwd dtype=c64 in=4 f=3 pad=1");
    problem.input = problem.filter = problem.output = problem.accumulator = type;
    const Tensor x = Tensor::zeros(type, {1, 1, 5}, gpu);
    const Tensor w = Tensor::zeros(type, {1, 1, 3}, gpu);
    Tensor y = Tensor::zeros(type, {1, 1, 4}, gpu);
    const Plan plan = Plan::make(problem, gpu);
    ConstTensorView view = w.view();
    view.shape = {1, 1, 4};
    view.strides = {4, 4, 1};
    view.data = static_cast<const std::byte*>(x.data()) + size_of(type) / 2;
    EXPECT_REFUSED(plan.run(stream, view, w, y), "misaligned");
    view.data = static_cast<const std::byte*>(x.data()) + size_of(type);
    EXPECT_NO_THROW(plan.run(stream, view, w, y));
  }
}

// With a longer second operand the CPU's lowering conjugates the result itself.
TEST_F(CudaPlan, CorrelatesComplexOperandsAsTheCpuDoes) {
  using Complex = std::complex<float>;
  const Tensor x = Tensor::from<Complex>({{1, 2}, {3, -1}}, {2});
  const Tensor k = Tensor::from<Complex>({{1, 1}, {0, 2}, {4, -3}, {1, 0}, {2, 5}}, {5});
  const Tensor result = signal::correlate(x.to(gpu), k.to(gpu)).to(Device::cpu());
  const Tensor expected = signal::correlate(x, k);
  EXPECT_TRUE(std::ranges::equal(result.values<Complex>(), expected.values<Complex>()));

  const signal::Lowering call = signal::lower_correlate(x, k);
  const Plan plan = Plan::make(call.problem, gpu, call.plan);
  Tensor y = Tensor::zeros(c64, call.result_shape, gpu);
  EXPECT_REFUSED(call.run(plan, stream, x.to(gpu), k.to(gpu), y), "lower operands that lie there");
}

// Empty operands still give a result: the epilogue of nothing, or nothing at all.
TEST_F(CudaPlan, TakesEmptyTensors) {
  int taken = 0;
  for (const std::string& line : test::problem_lines("tests/problems/empty.txt")) {
    const Problem p = Problem::parse(line);
    const std::string choice = [&]() -> std::string {
      try {
        return Plan::make(p, gpu).engine();
      } catch (const NoEngine&) {
        return {};
      }
    }();
    if (choice.empty()) continue;
    EXPECT_EQ(choice, "cuda.direct");
    ++taken;
    if (element_count(p.result_shape()) == 0) continue;
    const test::Operands operands = test::filled_operands(p, test::Fill::small_integers, 3);
    const test::Array expected =
        test::run_guarded(test::cpu_device(), reference_engine(), p, operands);
    const test::Array result =
        test::run_guarded(*test::test_devices()[0], *cuda::engine_list()[0], p, operands);
    EXPECT_TRUE(test::equal_elements(expected, result)) << p;
  }
  EXPECT_GE(taken, 3);
}

// What asks for transforms gets them on the GPU, too.
TEST_F(CudaPlan, TransformsWhereAskedTo) {
  const Tensor x = Tensor::from<double>({1, 2, 3, 4, -5, 6, 7}, {7});
  const Tensor k = Tensor::from<double>({2, -1, 0.5}, {3});
  const Tensor result = signal::fftconvolve(x.to(gpu), k.to(gpu)).to(Device::cpu());
  const Tensor expected = signal::convolve(x, k, {.method = Method::direct});
  ASSERT_EQ(result.shape(), expected.shape());
  // 4 u log2(16) of the norms: docs/bounds.md.
  const double allowed = 16 * 0x1p-53 * std::sqrt(140.0) * std::sqrt(5.25);
  for (std::size_t i = 0; i < expected.values<double>().size(); ++i) {
    EXPECT_NEAR(result.values<double>()[i], expected.values<double>()[i], allowed);
  }
  clear_plan_cache();  // with its plans of cuFFT
}

// The limit of the workspace reaches the engine, which does with less, or refuses with the least.
TEST_F(CudaPlan, KeepsToItsWorkspaceLimit) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=8 c=2 k=2 in=500 f=99 pad=49");
  for (const char* engine : {"cuda.fft", "cuda.im2col"}) {
    PlanOptions options{.engine = engine};
    const std::size_t wish = Plan::make(p, gpu, options).workspace_bytes();
    options.workspace_limit = wish / 2;
    EXPECT_LE(Plan::make(p, gpu, options).workspace_bytes(), wish / 2) << engine;
    options.workspace_limit = 1;
    EXPECT_THROW((void)Plan::make(p, gpu, options), NoEngine) << engine;
  }
}

// A vendor's library that fails while a plan is made costs its engine, not the plan.
TEST_F(CudaPlan, FallsBackWhereALibraryFails) {
  const Problem p = Problem::parse("op=fwd dtype=f32 in=1048576 f=4097 pad=2048");
  ASSERT_EQ(Plan::make(p, gpu).engine(), "cuda.fft");
  for (const auto& [status, words] :
       {std::pair(5, "cufftCreate of cuFFT 12.0.0 failed: CUFFT_INTERNAL_ERROR (5)"),
        std::pair(2, "no memory")}) {
    test::cufft_standin().fail("cufftCreate", 1, status);
    const Plan plan = Plan::make(p, gpu);
    test::cufft_standin().fail("", 0, 0);
    EXPECT_NE(plan.engine(), "cuda.fft");
    EXPECT_NE(plan.explain().find(words), std::string::npos) << plan.explain();
  }
}

TEST_F(CudaPlan, FallsBackWhereCublasltFails) {
  const Problem p = Problem::parse(
      "op=fwd dtype=f16 n=8 c=64 k=64 in=28x28 f=3x3 pad=1 boundary=nearest layout=nhwc");
  ASSERT_EQ(Plan::make(p, gpu).engine(), "cuda.im2col");
  for (const auto& [status, words] :
       {std::pair(14,
                  "cublasLtMatmulAlgoGetHeuristic of cuBLASLt 13.2.0 failed: "
                  "CUBLAS_STATUS_INTERNAL_ERROR (14)"),
        std::pair(15, "cuBLASLt has no algorithm"), std::pair(3, "no memory")}) {
    test::cublaslt_standin().fail("cublasLtMatmulAlgoGetHeuristic", 1, status);
    const Plan plan = Plan::make(p, gpu);
    test::cublaslt_standin().fail("", 0, 0);
    EXPECT_NE(plan.engine(), "cuda.im2col");
    EXPECT_NE(plan.explain().find(words), std::string::npos) << plan.explain();
  }
}

// What bench/results/engines-cuda.md says of a problem of bench/problems/standard.txt.
struct Expectation {
  std::string problem, way;
  double us = 0;
};

// Rows "| `signal dtype=f32 ...` | direct/fir | 39 | ..." below the heading.
std::vector<Expectation> expectations() {
  std::ifstream file(test::source_path("bench/results/engines-cuda.md"));
  std::vector<Expectation> rows;
  bool below = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("## ")) below = line == "## The sixty problems";
    if (!below || !line.starts_with("| `")) continue;
    Expectation row;
    std::string bar;
    std::istringstream words(line.substr(3));
    std::getline(words, row.problem, '`');
    words >> bar >> row.way >> bar >> row.us;
    row.problem = "op=" + row.problem;
    row.way = "cuda." + row.way;
    rows.push_back(row);
  }
  return rows;
}

// The page is what the planner says; nothing is left to what serves everything.
TEST_F(CudaPlan, ExpectationsForTheSixtyProblemsAreWrittenDown) {
  const std::vector<std::string> lines = test::problem_lines("bench/problems/standard.txt");
  const std::vector<Expectation> rows = expectations();
  ASSERT_EQ(rows.size(), lines.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Problem p = Problem::parse(lines[i]);
    SCOPED_TRACE(p);
    EXPECT_EQ(Problem::parse(rows[i].problem), p);
    const std::vector<Candidate> all = candidates_for(p, "h200");
    const Candidate* best = nullptr;
    for (const Candidate& one : all) {
      if (one.supported && (best == nullptr || one.estimate_us < best->estimate_us)) best = &one;
    }
    ASSERT_NE(best, nullptr);
    const std::string way = best->engine + '/' + best->way;
    constexpr const char* anew = "python3 -m bench.expectations writes the page anew";
    EXPECT_EQ(rows[i].way, way) << anew;
    EXPECT_NEAR(rows[i].us, best->estimate_us, std::max(1.0, 0.05 * best->estimate_us)) << anew;
    EXPECT_TRUE(way.starts_with("cuda.") && way != "cuda.direct/tile" &&
                way != "cuda.depthwise/gather")
        << way;
  }
}

}  // namespace
}  // namespace faltung
