#include <gtest/gtest.h>

#include <faltung/error.hpp>
#include <faltung/tensor.hpp>
#include <numeric>
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
