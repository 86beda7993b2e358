#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>

#include <faltung/device.hpp>
#include <faltung/plan.hpp>

// cuda.separable on a GPU, at the sizes that the emulator is too slow for.
namespace faltung {
namespace {

// Small whole numbers: all sums are exact, so every engine gives the same bits.
Tensor small_numbers(const Shape& shape, std::uint64_t seed) {
  Tensor result(f32, shape);
  std::mt19937_64 random(seed);
  for (float& value : result.values<float>()) value = static_cast<float>(random() % 5) - 2;
  return result;
}

// 1 2 -1 1 2 -1 ... along the rows, its like along the other axes.
Tensor outer_product(const Shape& shape) {
  Tensor result(f32, shape);
  constexpr float line[] = {1, 2, -1};
  std::int64_t number = 0;
  for (float& tap : result.values<float>()) {
    tap = 1;
    std::int64_t rest = number++;
    for (std::size_t axis = shape.size(); axis-- > 2;) {
      tap *= line[rest % shape[axis] % 3];
      rest /= shape[axis];
    }
  }
  return result;
}

class SeparableOnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto names = engine_names();
    if (std::ranges::count(names, std::string("cuda.separable")) == 0) {
      GTEST_SKIP() << "this build lists no CUDA engines";
    }
    if (const std::string reason = cuda_unavailable_reason(); !reason.empty()) {
      GTEST_SKIP() << reason;
    }
  }
  const Device gpu = Device::cuda(0);
  const Stream stream{Device::cuda(0), nullptr};
};

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

class SeparableLineOnGpu : public SeparableOnGpu,
                           public ::testing::WithParamInterface<const char*> {};

TEST_P(SeparableLineOnGpu, AgreesWithTheCpu) {
  const Problem p = Problem::parse(GetParam());
  const Tensor x = small_numbers(p.x_shape(), 1);
  const Tensor w = outer_product(p.w_shape());
  Tensor expected(f32, p.y_shape());
  Plan::make(p, Device::cpu()).run({}, x, w, expected);
  Tensor y(f32, p.y_shape(), gpu);
  const Plan plan = Plan::make(p, gpu, {.engine = "cuda.separable"});
  plan.run(stream, x.to(gpu), w.to(gpu), y);
  EXPECT_TRUE(same_bytes(expected, y.to(Device::cpu())));
}

INSTANTIATE_TEST_SUITE_P(
    Lines, SeparableLineOnGpu,
    ::testing::Values("op=filter dtype=f32 in=2048x4096 f=25x25 boundary=reflect sep=1",
                      "op=filter dtype=f32 in=1000x3001 f=7x10 boundary=wrap sep=1",
                      "op=filter dtype=f32 b=5 in=700x900 f=3x3 boundary=constant sep=1",
                      "op=filter dtype=f32 in=130x200x333 f=9x5x7 boundary=mirror sep=1"));

TEST_F(SeparableOnGpu, ServesManyThreadsFromOnePlan) {
  const Problem p =
      Problem::parse("op=filter dtype=f32 in=900x1100 f=11x13 boundary=nearest sep=1");
  const Tensor x = small_numbers(p.x_shape(), 2).to(gpu);
  const Tensor w = outer_product(p.w_shape()).to(gpu);
  const Plan plan = Plan::make(p, gpu, {.engine = "cuda.separable"});
  std::vector<Tensor> results;
  for (int i = 0; i < 4; ++i) results.emplace_back(f32, p.y_shape(), gpu);
  std::vector<std::thread> threads;
  for (Tensor& y : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) plan.run(stream, x, w, y);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Tensor first = results[0].to(Device::cpu());
  for (const Tensor& y : results) EXPECT_TRUE(same_bytes(first, y.to(Device::cpu())));
}

}  // namespace
}  // namespace faltung
