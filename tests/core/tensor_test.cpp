#include <gtest/gtest.h>

#include <complex>
#include <faltung/error.hpp>
#include <faltung/tensor.hpp>
#include <numeric>
#include <span>
#include <type_traits>
#include <vector>

namespace faltung {
namespace {

TEST(Tensor, OwnsAlignedRowMajorMemory) {
  Tensor t = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  EXPECT_EQ(t.dtype(), f32);
  EXPECT_EQ(t.size(), 6);
  EXPECT_EQ(t.bytes(), 24u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(t.data()) % 256, 0u);
  EXPECT_EQ(t.view().strides, (Strides{3, 1}));
  EXPECT_EQ(t.values<float>()[5], 6);
}

TEST(Tensor, RefusesWrongUse) {
  EXPECT_THROW((void)Tensor::from<float>({1, 2}, {3}), InvalidProblem);
  EXPECT_THROW(Tensor(f64, {std::int64_t{1} << 62}), InvalidProblem);
  EXPECT_THROW(Tensor(f32, {-1}), InvalidProblem);
  EXPECT_THROW(Tensor(f64, {std::int64_t{1} << 59}), DeviceError);  // 2^62 bytes
  EXPECT_THROW((void)Tensor::zeros(f32, {2}).values<double>(), InvalidProblem);
  EXPECT_THROW((void)Tensor(f32, {4}).reshaped({5}), InvalidProblem);
  EXPECT_THROW((Shape{1, 2, 3, 4, 5, 6, 7, 8, 9}), InvalidProblem);
}

TEST(Tensor, FromDeducesTheElementType) {
  EXPECT_EQ(Tensor::from({1.f, 2.f}, {2, 1}).dtype(), f32);
  EXPECT_EQ(Tensor::from({1, 2}).dtype(), i32);
  EXPECT_EQ(Tensor::from({1, 2}).shape(), (Shape{2}));
  EXPECT_EQ(Tensor::from<float>({1, 2}).dtype(), f32);
  std::vector<std::complex<double>> values = {{1, 2}, {3, 4}};
  EXPECT_EQ(Tensor::from(values, {1, 2}).dtype(), c128);
  EXPECT_EQ(Tensor::from(values).at<std::complex<double>>(1), values[1]);
  EXPECT_EQ(Tensor::from(std::span(values), {2}).dtype(), c128);
  EXPECT_EQ(Tensor::from(std::span<const std::complex<double>>(values)).size(), 2);
  const std::int8_t array[] = {1, 2, 3};
  EXPECT_EQ(Tensor::from(array, {3, 1}).dtype(), i8);
  EXPECT_THROW((void)Tensor::from(array, {2}), InvalidProblem);
}

// Whether a call on a T, with the value category of T, compiles.
template <typename T>
concept Viewable = requires(T t) {
  static_cast<T>(t).view();
};
template <typename T>
concept Sliceable = requires(T t) {
  static_cast<T>(t).slice(0, {});
  static_cast<T>(t).permute({0});
};

TEST(Tensor, TemporariesGiveOutNothingThatOutlivesThem) {
  static_assert(Viewable<Tensor&> && Viewable<const Tensor&> && !Viewable<Tensor&&>);
  static_assert(Sliceable<Tensor&> && Sliceable<const Tensor&> && !Sliceable<Tensor&&>);
  static_assert(std::is_convertible_v<Tensor&, TensorView>);
  static_assert(!std::is_convertible_v<Tensor&&, TensorView>);
  static_assert(std::is_convertible_v<Tensor&&, ConstTensorView>);  // for f(g(x))

  double sum = 0;
  for (const double value : Tensor::from({1., 2., 3.}).values<double>()) sum += value;
  EXPECT_EQ(sum, 6);
  auto kept = Tensor::from({1., 2., 3.}).values<double>();
  kept[0] = 10;
  const auto moved = std::move(kept);
  EXPECT_TRUE(kept.empty());  // NOLINT(bugprone-use-after-move): documented state
  EXPECT_EQ(std::vector<double>(moved.begin(), moved.end()), (std::vector<double>{10, 2, 3}));
  EXPECT_TRUE(std::ranges::equal(Tensor::from({1, 2}).values<int>(), std::vector{1, 2}));
  EXPECT_EQ(Tensor::from({7, 8}).at<int>(1), 8);
  EXPECT_EQ(is_compact(Tensor::from({1, 2})), true);
}

TEST(Tensor, EmptyAndScalarShapesAreLegal) {
  EXPECT_EQ(Tensor(f32, {0, 5}).size(), 0);
  EXPECT_EQ(Tensor(f32, {}).size(), 1);
  EXPECT_EQ(element_count({INT64_MAX, INT64_MAX, 0}), 0);
  EXPECT_TRUE(is_compact(Tensor(f32, {3, 0, 2})));
}

TEST(Tensor, MovesLeaveAnEmptyOne) {
  Tensor a = Tensor::zeros(i32, {3});
  const Tensor b = std::move(a);
  EXPECT_EQ(b.size(), 3);
  EXPECT_EQ(a.size(), 0);  // NOLINT(bugprone-use-after-move): documented state
}

TEST(CompactCopy, FollowsStridesOfAnySign) {
  std::vector<int> data(12);
  std::iota(data.begin(), data.end(), 0);
  const auto backwards = view(data.data() + 11, {2, 3}, {-6, -2});
  const Tensor copy = compact_copy(backwards, f64);
  const std::vector<double> expected = {11, 9, 7, 5, 3, 1};
  EXPECT_TRUE(std::ranges::equal(copy.values<double>(), expected));
  EXPECT_FALSE(is_compact(backwards));
  EXPECT_TRUE(is_compact(copy));
}

TEST(CompactCopy, ConvertsBetweenAllTypes) {
  const Tensor source = Tensor::from<std::int8_t>({0, 1, 2, 100}, {4});
  for (const DType type : all_dtypes) {
    const Tensor there = compact_copy(source, type);
    EXPECT_EQ(there.dtype(), type);
    const Tensor back = compact_copy(there, i8);
    EXPECT_TRUE(std::ranges::equal(back.values<std::int8_t>(), source.values<std::int8_t>()))
        << name(type);
  }
}

TEST(Device, ParsesItsOwnNames) {
  for (const Device device : {Device::cpu(), Device::cuda(0), Device::cuda(12)}) {
    EXPECT_EQ(Device::parse(to_string(device)), device);
  }
  EXPECT_EQ(Device::parse("cuda"), Device::cuda(0));
  for (const char* bad : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "CPU"}) {
    EXPECT_THROW((void)Device::parse(bad), InvalidProblem) << bad;
  }
  ASSERT_FALSE(devices().empty());
  EXPECT_EQ(devices().front().device, Device::cpu());
}

}  // namespace
}  // namespace faltung
