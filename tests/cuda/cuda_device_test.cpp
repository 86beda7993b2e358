#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include <string>
#include <thread>
#include <vector>

#include "cuda/runtime/check.hpp"
#include "tests/support/operands.hpp"

// What only a GPU can show of the direct, separable and depthwise kernels; skipped, with the
// reason, where there is none.
namespace faltung {
namespace {

using cuda::check;

struct Case {
  const char* engine;
  const char* line;
};
// Problems for each kernel; of cuda.direct fir, walk (aligned, and general), band, slab, patch and
// tile, as they are and through the epilogue.
const Case cases[] = {
    {"cuda.direct", "op=signal dtype=f32 in=70000 f=32"},
    {"cuda.direct", "op=fwd dtype=f32 n=1 c=1 in=70001 k=1 f=31 pad=15 alpha=2 act=relu"},
    {"cuda.direct", "op=filter dtype=f32 in=300x512 f=5x5"},
    {"cuda.direct", "op=filter dtype=f64 in=300x515 f=3x3"},
    {"cuda.direct", "op=fwd dtype=f32 n=1 c=2 in=300x515 k=2 f=7x7 pad=0:6x1 g=2 alpha=2 act=relu"},
    {"cuda.direct", "op=filter dtype=u16 in=300x512 f=5x5"},
    {"cuda.direct", "op=fwd dtype=i16:i16:i32 acc=i32 n=1 c=1 in=300x515 k=1 f=3x3 pad=1"},
    {"cuda.direct", "op=filter dtype=u8 in=300x512 f=5x5"},
    {"cuda.direct", "op=filter dtype=f16 in=200x256 f=9x9"},
    {"cuda.direct", "op=fwd dtype=f16 n=1 c=2 in=200x255 k=2 f=3x3 pad=1 g=2 alpha=2 act=relu"},
    {"cuda.direct", "op=filter dtype=f32 in=40x60x300 f=3x3x3 boundary=mirror"},
    {"cuda.direct", "op=fwd dtype=f32 n=1 c=1 in=40x60x301 k=1 f=5x5x5 pad=2 alpha=2"},
    {"cuda.direct", "op=filter dtype=f32 in=1000x1030 f=15x15 boundary=wrap"},
    {"cuda.direct", "op=fwd dtype=f32 n=1 c=1 in=1000x1031 k=1 f=10x10 pad=4 alpha=2 act=relu"},
    {"cuda.direct", "op=fwd dtype=f32 n=2 c=3 in=40x41 k=4 f=3x3 stride=2 pad=1"},
    {"cuda.separable", "op=filter dtype=f32 in=300x512 f=25x25 boundary=reflect sep=1"},
    {"cuda.separable", "op=filter dtype=u8 in=300x512 f=11x11 boundary=wrap sep=1"},
    {"cuda.separable", "op=filter dtype=f64 in=200x301 f=7x9 boundary=mirror sep=1"},
    {"cuda.separable", "op=filter dtype=f32 in=30x70x130 f=9x9x9 boundary=nearest sep=1"},
    {"cuda.depthwise", "op=fwd dtype=f16 n=4 c=12 in=56x56 k=12 f=7x7 pad=3 g=12"},
    {"cuda.depthwise", "op=fwd dtype=bf16 n=2 c=12 in=4096 k=12 f=4 pad=3:0 g=12"},
    {"cuda.depthwise", "op=fwd dtype=f32 n=4 c=12 in=28x28 k=12 f=7x7 pad=3 g=12"},
    {"cuda.depthwise", "op=fwd dtype=f32 n=1 c=6 in=20x30x28 k=6 f=3x3x3 pad=1 g=6"},
    {"cuda.depthwise", "op=fwd dtype=f16 n=4 c=12 in=30x31 k=12 f=3x3 pad=1 stride=2 g=12"},
    {"cuda.depthwise", "op=fwd dtype=f16 n=4 c=72 in=30x31 k=72 f=3x3 pad=1 g=72 layout=nhwc"},
    {"cuda.depthwise", "op=dgrad dtype=f32 n=4 c=12 in=30x31 k=12 f=3x3 pad=1 stride=2 g=12"},
    {"cuda.depthwise", "op=wgrad dtype=f16 n=4 c=12 in=56x56 k=12 f=7x7 pad=3 g=12"},
    {"cuda.depthwise", "op=wgrad dtype=f32 n=4 c=12 in=28x28 k=12 f=7x7 pad=3 g=12"},
    {"cuda.depthwise", "op=wgrad dtype=f32 n=4 c=12 in=29x28 k=12 f=3x3 pad=1 stride=2 g=12"}};

void PrintTo(const Case& c, std::ostream* os) { *os << c.engine << ' ' << c.line; }

class OnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string reason = cuda_unavailable_reason();
    if (!reason.empty()) GTEST_SKIP() << reason;
  }
  const Device gpu = Device::cuda(0);
};

// One test for each problem: one that fails hides no other.
class KernelOnGpu : public OnGpu, public ::testing::WithParamInterface<Case> {
 protected:
  const char* engine = GetParam().engine;
  const Problem problem = Problem::parse(GetParam().line);
};

INSTANTIATE_TEST_SUITE_P(Problems, KernelOnGpu, ::testing::ValuesIn(cases));

struct CudaStream {
  CudaStream() { check(cudaStreamCreate(&handle), "create a stream"); }
  CudaStream(const CudaStream&) = delete;
  ~CudaStream() { (void)cudaStreamDestroy(handle); }
  [[nodiscard]] Stream stream() const { return {Device::cuda(0), handle}; }
  void wait() const { check(cudaStreamSynchronize(handle), "wait for a stream"); }
  cudaStream_t handle = nullptr;
};

// Operands of a problem on the GPU.
struct OnDevice {
  OnDevice(const Problem& problem, std::uint64_t seed)
      : operands(test::filled_operands(problem, test::Fill::small_integers, seed)),
        x(upload(operands.first)),
        w(upload(operands.second)),
        y(Tensor::zeros(problem.result_dtype(), problem.result_shape(), Device::cuda(0))) {}
  static Tensor upload(const test::Array& array) {
    Tensor tensor = Tensor::zeros(array.dtype(), array.shape(), Device::cuda(0));
    write(tensor, array);
    return tensor;
  }
  static void write(Tensor& tensor, const test::Array& array) {
    check(cudaMemcpy(const_cast<void*>(tensor.view().data), array.bytes().data(),
                     array.bytes().size(), cudaMemcpyHostToDevice),
          "write an operand");
  }
  test::Operands operands;
  Tensor x, w, y;
};

std::vector<std::byte> bytes_of(const Tensor& tensor) {
  const std::size_t bytes =
      static_cast<std::size_t>(element_count(tensor.view().shape)) * size_of(tensor.view().dtype);
  std::vector<std::byte> result(bytes);
  check(cudaMemcpy(result.data(), tensor.view().data, bytes, cudaMemcpyDeviceToHost), "read");
  return result;
}

// A captured run gives, replayed on other data, what a plain run gives.
TEST_P(KernelOnGpu, RunsInACudaGraph) {
  const Plan plan = Plan::make(problem, gpu, {.engine = engine});
  OnDevice data(problem, 1), other(problem, 2);
  const CudaStream stream;
  plan.run(stream.stream(), other.x, other.w, other.y);
  stream.wait();

  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  check(cudaStreamBeginCapture(stream.handle, cudaStreamCaptureModeThreadLocal), "capture");
  plan.run(stream.stream(), data.x, data.w, data.y);
  check(cudaStreamEndCapture(stream.handle, &graph), "end a capture");
  check(cudaGraphInstantiate(&replay, graph, 0), "instantiate a graph");
  OnDevice::write(data.x, other.operands.first);
  OnDevice::write(data.w, other.operands.second);
  for (int i = 0; i < 3; ++i) check(cudaGraphLaunch(replay, stream.handle), "launch a graph");
  stream.wait();
  EXPECT_EQ(bytes_of(data.y), bytes_of(other.y));
  (void)cudaGraphExecDestroy(replay);
  (void)cudaGraphDestroy(graph);
}

// A filter bound to a plan serves a captured run, too: nothing of it is found again.
TEST_P(KernelOnGpu, RunsABoundFilterInACudaGraph) {
  if (problem.pass == Pass::backward_filter) GTEST_SKIP() << "has no filter";
  Plan plan = Plan::make(problem, gpu, {.engine = engine});
  OnDevice data(problem, 1), unbound(problem, 1);
  const CudaStream stream;
  plan.run(stream.stream(), unbound.x, unbound.w, unbound.y);
  plan.bind_filter(stream.stream(), data.w);
  stream.wait();
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t replay = nullptr;
  check(cudaStreamBeginCapture(stream.handle, cudaStreamCaptureModeThreadLocal), "capture");
  plan.run_bound(stream.stream(), data.x, data.y);
  check(cudaStreamEndCapture(stream.handle, &graph), "end a capture");
  check(cudaGraphInstantiate(&replay, graph, 0), "instantiate a graph");
  check(cudaGraphLaunch(replay, stream.handle), "launch a graph");
  stream.wait();
  EXPECT_EQ(bytes_of(data.y), bytes_of(unbound.y));
  (void)cudaGraphExecDestroy(replay);
  (void)cudaGraphDestroy(graph);
}

// Extents one less than a multiple of what a block or a warp computes, just that, and one more.
std::vector<std::string> edges_of_tiles() {
  std::vector<std::string> lines;
  const auto text = [](std::int64_t n) { return std::to_string(n); };
  for (const int more : {-1, 0, 1}) {
    lines.push_back("op=signal dtype=f32 f=9 in=" + text(2 * 3584 + more));
    lines.push_back("op=signal dtype=f64 f=9 in=" + text(2 * 1792 + more));
    for (const char* type : {"f32", "f64", "u16", "u8", "f16"}) {
      for (const std::int64_t height : {16, 64, 128}) {
        for (const std::int64_t width : {128, 256}) {
          lines.push_back(std::string("op=filter dtype=") + type +
                          " f=5x5 in=" + text(height + more) + "x" + text(width + more));
        }
      }
    }
    for (const std::int64_t width : {128, 512}) {
      lines.push_back("op=filter dtype=f32 f=15x15 in=" + text(24 * 40 + more) + "x" +
                      text(width + more));
      lines.push_back("op=filter dtype=f32 f=3x3x3 in=17x" + text(32 + more) + "x" +
                      text(width + more));
    }
  }
  return lines;
}

class EdgesOnGpu : public OnGpu, public ::testing::WithParamInterface<std::string> {};
INSTANTIATE_TEST_SUITE_P(OfTiles, EdgesOnGpu, ::testing::ValuesIn(edges_of_tiles()));

TEST_P(EdgesOnGpu, AreExact) {
  const Problem problem = Problem::parse(GetParam());
  OnDevice data(problem, 3);
  const CudaStream stream;
  Plan::make(problem, gpu, {.engine = "cuda.direct"}).run(stream.stream(), data.x, data.w, data.y);
  stream.wait();
  Tensor y = Tensor::zeros(problem.result_dtype(), problem.result_shape());
  Plan::make(problem, Device::cpu(), {.engine = "cpu.reference"})
      .run(Stream{}, data.x.to(Device::cpu()), data.w.to(Device::cpu()), y);
  const auto* expected = static_cast<const std::byte*>(y.view().data);
  const std::vector<std::byte> result = bytes_of(data.y);
  EXPECT_TRUE(std::equal(result.begin(), result.end(), expected));
}

// Many threads run one plan, each with its own stream and result.
TEST_P(KernelOnGpu, ServesManyThreads) {
  const Plan plan = Plan::make(problem, gpu, {.engine = engine});
  OnDevice data(problem, 1);
  const CudaStream stream;
  plan.run(stream.stream(), data.x, data.w, data.y);
  stream.wait();
  const std::vector<std::byte> expected = bytes_of(data.y);
  constexpr int threads = 8;
  std::vector<int> wrong(threads, 0);
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&, i] {
      const CudaStream own;
      Tensor y = Tensor::zeros(problem.result_dtype(), problem.result_shape(), gpu);
      for (int run = 0; run < 20; ++run) plan.run(own.stream(), data.x, data.w, y);
      own.wait();
      wrong[static_cast<std::size_t>(i)] = bytes_of(y) != expected ? 1 : 0;
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(wrong, std::vector<int>(threads, 0));
}

// More than 2^31 elements: the input repeats a pattern of prime length, so that the value anywhere
// is known; results are sampled at the ends, on both sides of 2^31, and everywhere between.
class LargeOnGpu : public OnGpu, public ::testing::WithParamInterface<Case> {};

template <typename T>
std::vector<T> fill_with_pattern(const Tensor& tensor, std::size_t elements) {
  constexpr std::size_t period = 65521;
  std::vector<T> pattern(period);
  for (std::size_t i = 0; i < period; ++i)
    pattern[i] = static_cast<T>(static_cast<float>(i * 7 % 13));
  char* data = static_cast<char*>(const_cast<void*>(tensor.view().data));
  check(cudaMemcpy(data, pattern.data(), period * sizeof(T), cudaMemcpyHostToDevice), "write");
  for (std::size_t done = period; done < elements; done *= 2) {
    const std::size_t more = std::min(done, elements - done);
    check(cudaMemcpy(data + done * sizeof(T), data, more * sizeof(T), cudaMemcpyDeviceToDevice),
          "repeat a pattern");
  }
  return pattern;
}

template <typename T>
void expect_samples(const Problem& problem, const char* engine) {
  const Device gpu = Device::cuda(0);
  const auto elements = static_cast<std::size_t>(element_count(problem.x_shape()));
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "read the free memory");
  if (free < elements * sizeof(T) * 9 / 4) GTEST_SKIP() << "needs " << elements * 2 * sizeof(T);
  const Tensor x = Tensor::zeros(problem.input, problem.x_shape(), gpu);
  Tensor y = Tensor::zeros(problem.output, problem.y_shape(), gpu);
  const std::vector<T> pattern = fill_with_pattern<T>(x, elements);
  const std::string filter = "op=fwd dtype=" + std::string(name(problem.filter));
  const test::Operands operands = test::filled_operands(
      Problem::parse(filter + (problem.rank() == 1 ? " n=1 c=1 in=8 k=1 f=3"
                                                   : " n=1 c=1 in=8x8 k=1 f=3x3 sep=1")),
      test::Fill::small_integers, 5);
  const Tensor w = OnDevice::upload(operands.second);
  const Plan plan = Plan::make(problem, gpu, {.engine = engine});
  const CudaStream stream;
  plan.run(stream.stream(), x, w, y);
  stream.wait();

  const std::int64_t width = problem.axes.back().input;
  const std::int64_t height = problem.rank() == 1 ? 1 : problem.axes[0].input;
  const auto expected = [&](std::int64_t at) {
    double sum = 0;
    for (std::int64_t r = 0; r < (height == 1 ? 1 : 3); ++r) {
      for (std::int64_t s = 0; s < 3; ++s) {
        const std::int64_t row = height == 1 ? 0 : at / width + r - 1;
        const std::int64_t column = at % width + s - 1;
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const auto i = static_cast<std::size_t>(row * width + column);
        const double tap = height == 1 ? operands.second.get({0, 0, s}).real()
                                       : operands.second.get({0, 0, r, s}).real();
        sum += tap * static_cast<double>(pattern[i % pattern.size()]);
      }
    }
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<std::int64_t>(sum));  // u8 and u16 wrap
    } else {
      return static_cast<T>(static_cast<float>(sum));  // exact
    }
  };
  constexpr std::int64_t border = std::int64_t{1} << 31;
  const std::int64_t last = width * height - 1;
  std::vector<std::int64_t> samples = {0, 1, border - 1, border, border + 1, last - 1, last};
  for (std::int64_t i = 0; i < 2000; ++i) samples.push_back(i * (last / 2003) + i * i % 101);
  for (const std::int64_t at : samples) {
    T value{};
    check(cudaMemcpy(&value, static_cast<const T*>(y.view().data) + at, sizeof value,
                     cudaMemcpyDeviceToHost),
          "read a sample");
    ASSERT_EQ(+value, +expected(at)) << "at " << at;
  }
}

TEST_P(LargeOnGpu, IsRightBeyond32BitIndices) {
  const Problem problem = Problem::parse(GetParam().line);
  if (problem.input == u16) {
    expect_samples<std::uint16_t>(problem, GetParam().engine);
  } else if (problem.input == u8) {
    expect_samples<std::uint8_t>(problem, GetParam().engine);
  } else if (problem.input == f16) {
    expect_samples<Half>(problem, GetParam().engine);
  } else {
    expect_samples<float>(problem, GetParam().engine);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kernels, LargeOnGpu,
    ::testing::Values(
        Case{"cuda.direct", "op=fwd dtype=f32 n=1 c=1 in=2147487744 k=1 f=3 pad=1"},
        Case{"cuda.direct", "op=fwd dtype=u8:f32:u8 n=1 c=1 in=2147487747 k=1 f=3 pad=1"},
        Case{"cuda.direct", "op=fwd dtype=u8:f32:u8 n=1 c=1 in=46352x46352 k=1 f=3x3 pad=1"},
        Case{"cuda.direct", "op=fwd dtype=u16:f32:u16 n=1 c=1 in=46351x46351 k=1 f=3x3 pad=1"},
        Case{"cuda.direct", "op=fwd dtype=f32 n=1 c=1 in=46352x46352 k=1 f=3x3 pad=1"},
        Case{"cuda.direct", "op=fwd dtype=f32 n=1 c=1 in=46349x46349 k=1 f=3x3 pad=1"},
        Case{"cuda.separable",
             "op=fwd dtype=u8:f32:u8 n=1 c=1 in=46352x46352 k=1 f=3x3 pad=1 sep=1"},
        Case{"cuda.separable", "op=fwd dtype=f32 n=1 c=1 in=46349x46349 k=1 f=3x3 pad=1 sep=1"},
        Case{"cuda.depthwise", "op=fwd dtype=f16 n=1 c=1 in=46352x46352 k=1 f=3x3 pad=1"},
        Case{"cuda.depthwise", "op=fwd dtype=f16 n=1 c=1 in=46349x46349 k=1 f=3x3 pad=1"},
        Case{"cuda.depthwise", "op=fwd dtype=f32 n=1 c=1 in=46352x46352 k=1 f=3x3 pad=1"},
        Case{"cuda.depthwise", "op=fwd dtype=f32 n=1 c=1 in=2147487744 k=1 f=3 pad=1"}));

}  // namespace
}  // namespace faltung
