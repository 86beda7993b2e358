#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <faltung/faltung.hpp>
#include <limits>
#include <random>
#include <vector>

#include "cpp/core/backend.hpp"
#include "cpp/core/strided.hpp"
#include "tests/emulator/device_records.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/kernel_resources.hpp"

// Gradient magnitudes on a device. Their derivatives are sums, exact on both sides where data are
// small integers; squares, sums of squares and roots are rounded alike.
namespace faltung {
namespace {

class CudaMagnitude : public ::testing::Test {
 protected:
  void TearDown() override { emulator::machine = {}; }
  static void TearDownTestSuite() { clear_plan_cache(); }
};

Tensor integers_of(DType type, const Shape& shape, int most, std::mt19937& random) {
  Tensor values(f64, shape);
  for (double& value : values.values<double>()) {
    const auto number = static_cast<int>(random() % static_cast<unsigned>(2 * most + 1));
    value = type == u8 || type == u16 || type == u32 || type == u64 ? number : number - most;
  }
  return compact_copy(values, type);
}

void expect_same(const Tensor& host, const Tensor& there) {
  ASSERT_EQ(there.device(), Device::cuda(0));
  ASSERT_EQ(host.dtype(), there.dtype());
  ASSERT_EQ(host.shape(), there.shape());
  const Tensor back = there.to(Device::cpu());
  const std::size_t bytes =
      static_cast<std::size_t>(element_count(host.shape())) * size_of(host.dtype());
  if (bytes == 0) return;
  ASSERT_EQ(std::memcmp(host.data(), back.data(), bytes), 0);
}

TEST_F(CudaMagnitude, SobelAndPrewittAreThoseOfTheCpu) {
  std::mt19937 random(1);
  int cases = 0;
  for (const DType type : {i8, u8, i16, u16, i32, u32, i64, u64, f16, bf16, f32, f64}) {
    for (const Shape& shape : {Shape{40}, Shape{9, 14}, Shape{4, 5, 6}}) {
      const Tensor x = integers_of(type, shape, is_integer(type) ? 40 : 4, random);
      const Tensor there = x.to(Device::cuda(0));
      image::SumOptions o;
      if (cases++ % 2 == 0) o.store.overflow = Overflow::saturate;
      if (cases % 3 == 0) o.store.rounding = Rounding::nearest_even;
      if (cases % 4 == 0) o.boundary = Boundary::wrap();
      SCOPED_TRACE(testing::Message() << name(type) << ' ' << shape << ' ' << cases);
      expect_same(image::sobel_magnitude(x, o), image::sobel_magnitude(there, o));
      expect_same(image::prewitt_magnitude(x, o), image::prewitt_magnitude(there, o));
      if (shape.size() < 2) continue;
      o.axes = {1};
      expect_same(image::sobel_magnitude(x, o), image::sobel_magnitude(there, o));
    }
  }
}

// Squares and sums that wrap or saturate, and roots of numbers beyond 2^53, of all bits.
TEST_F(CudaMagnitude, IntegersAtTheirEndsAreThoseOfTheCpu) {
  std::mt19937_64 random(2);
  for (const DType type : {i8, u8, i16, u16, i32, u32, i64, u64}) {
    Tensor x(type, {3, 64});
    auto* bytes = static_cast<unsigned char*>(x.data());
    for (std::size_t i = 0; i < 3 * 64 * size_of(type); ++i) {
      bytes[i] = static_cast<unsigned char>(random() % 3 == 0 ? 0xff * (random() % 2) : random());
    }
    for (const Overflow overflow : {Overflow::wrap, Overflow::saturate}) {
      for (const Rounding rounding : {Rounding::truncate, Rounding::nearest_even}) {
        SCOPED_TRACE(testing::Message() << name(type) << ' ' << static_cast<int>(overflow));
        const image::SumOptions o{.store = {.rounding = rounding, .overflow = overflow}};
        expect_same(image::prewitt_magnitude(x, o),
                    image::prewitt_magnitude(x.to(Device::cuda(0)), o));
      }
    }
  }
}

TEST_F(CudaMagnitude, GaussiansAreCloseToThoseOfTheCpu) {
  std::mt19937 random(3);
  for (const DType type : {f32, f64}) {
    const Tensor x = integers_of(type, {20, 30}, 100, random), there = x.to(Device::cuda(0));
    const image::GaussianOptions o{.sigma = 1.5};
    const Tensor a = compact_copy(image::gaussian_gradient_magnitude(x, o), f64);
    const Tensor b =
        compact_copy(image::gaussian_gradient_magnitude(there, o).to(Device::cpu()), f64);
    // Derivatives are of two sums of at most 13 products with weights of sum 1, and below 1 in
    // magnitude for the derivative, of numbers up to 100: each errs by at most 2 (13 + 2) u 100 on
    // either side. The root of a sum of two squares errs by no more than the root of the sum of
    // their squared errors, and by three roundings of its own.
    const double u = (type == f32 ? 0x1p-24 : 0x1p-53);
    const double bound = 2 * std::sqrt(2.0) * (2 * (13 + 2) * u * 100) + 2 * 3 * u * 150;
    for (std::size_t i = 0; i < a.values<double>().size(); ++i) {
      ASSERT_NEAR(a.values<double>()[i], b.values<double>()[i], bound);
    }
  }
}

TEST_F(CudaMagnitude, PlansRunInAGraphOnEveryGpu) {
  std::mt19937 random(4);
  const Tensor x = integers_of(f32, {17, 23}, 9, random), there = x.to(Device::cuda(0));
  const Tensor expected = image::sobel_magnitude(x);
  for (const int architecture : {80, 90, 120}) {
    emulator::machine.limits = emulator::device_record(architecture).limits;
    const FilterPlan plan = image::plan_sobel_magnitude(there.view());
    Tensor y(f32, x.shape(), Device::cuda(0));
    Tensor memory(u8, {static_cast<std::int64_t>(plan.workspace_bytes()) + 1}, Device::cuda(0));
    {
      const emulator::Capture capture;
      emulator::expect_device_kept("FilterPlan::run", [&] {
        plan.run(there, y, {Device::cuda(0)}, {memory.data(), plan.workspace_bytes()});
      });
    }
    expect_same(expected, y);
    clear_plan_cache();
  }
  for (const std::string& kernel : emulator::unknown_kernels()) {
    ADD_FAILURE() << kernel << " is not in tests/emulator/kernel_resources.txt";
  }
}

TEST_F(CudaMagnitude, EmptyImagesAndViewsWithGaps) {
  std::mt19937 random(5);
  const Tensor empty(f32, {0, 4});
  expect_same(image::sobel_magnitude(empty), image::sobel_magnitude(empty.to(Device::cuda(0))));
  const Tensor x = integers_of(f32, {6, 7}, 9, random), there = x.to(Device::cuda(0));
  Tensor wide(f32, {6, 14}, Device::cuda(0));
  const TensorView y{wide.data(), f32, {6, 7}, {14, 2}, Device::cuda(0)};
  image::sobel_magnitude(there.view(), y, {});
  const Tensor got = wide.to(Device::cpu()), want = image::sobel_magnitude(x);
  for (std::int64_t i = 0; i < 42; ++i) {
    EXPECT_EQ(got.at<float>(i / 7, i % 7 * 2), want.at<float>(i / 7, i % 7));
  }
}

}  // namespace
}  // namespace faltung
