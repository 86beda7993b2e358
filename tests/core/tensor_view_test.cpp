#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <sstream>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/tensor.hpp>
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

Tensor counting(const Shape& shape) {
  Tensor result(i32, shape);
  const auto values = result.values<int>();
  std::iota(values.begin(), values.end(), 0);
  return result;
}

std::vector<int> elements(const ConstTensorView& view) {
  const Tensor copy = compact_copy(view, i32);
  const auto values = copy.values<int>();
  return {values.begin(), values.end()};
}

TEST(Slice, KeepsWhatPythonKeeps) {
  Tensor line = counting({6});
  const auto slice = [&](const Slice& s) { return elements(line.slice(0, s)); };
  using V = std::vector<int>;
  EXPECT_EQ(slice({}), (V{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(slice({.start = 2, .stop = 5}), (V{2, 3, 4}));
  EXPECT_EQ(slice({.start = -2}), (V{4, 5}));
  EXPECT_EQ(slice({.stop = -2}), (V{0, 1, 2, 3}));
  EXPECT_EQ(slice({.step = 2}), (V{0, 2, 4}));
  EXPECT_EQ(slice({.start = 1, .step = 4}), (V{1, 5}));
  EXPECT_EQ(slice({.step = -1}), (V{5, 4, 3, 2, 1, 0}));
  EXPECT_EQ(slice({.start = 4, .stop = 1, .step = -2}), (V{4, 2}));
  EXPECT_EQ(slice({.start = 3, .stop = 3}), V{});
  EXPECT_EQ(slice({.start = 5, .stop = 2}), V{});
  EXPECT_EQ(slice({.start = 6}), V{});
  EXPECT_EQ(slice({.step = std::numeric_limits<std::int64_t>::max()}), V{0});
  EXPECT_EQ(slice({.step = std::numeric_limits<std::int64_t>::min()}), V{5});
}

// Every start, stop and step on lines of 0 to 5 elements, against a walk along the line.
TEST(Slice, IsAWalkAlongTheAxis) {
  for (int n = 0; n <= 5; ++n) {
    const Tensor line = counting({n});
    for (int start = 0; start <= n; ++start) {
      for (int stop = 0; stop <= n; ++stop) {
        for (const int step : {-3, -2, -1, 1, 2, 3}) {
          if (step < 0 && start == n && n > 0) continue;  // start is an element there
          std::vector<int> expected;
          for (int i = start; step > 0 ? i < stop : i > stop; i += step) expected.push_back(i);
          const auto got = elements(line.slice(0, {.start = start, .stop = stop, .step = step}));
          EXPECT_EQ(got, expected) << n << ": " << start << ' ' << stop << ' ' << step;
        }
      }
    }
  }
}

TEST(Slice, RefusesWhatIsNotThere) {
  const Tensor t = counting({2, 6});
  EXPECT_REFUSED((void)t.slice(2, {}), "axis is 2 for a view of 2 axes");
  EXPECT_REFUSED((void)t.slice(-3, {}), "axis is -3");
  EXPECT_REFUSED((void)t.slice(1, {.start = 7}), "start of the slice is 7 on an axis of 6");
  EXPECT_REFUSED((void)t.slice(1, {.start = -7}), "start of the slice is -7");
  EXPECT_REFUSED((void)t.slice(1, {.stop = 7}), "stop of the slice is 7");
  EXPECT_REFUSED((void)t.slice(1, {.start = 6, .step = -1}), "use -6 to 5");
  EXPECT_REFUSED((void)t.slice(1, {.step = 0}), "step of the slice is 0");
  ConstTensorView odd = t.view();
  odd.strides = {1};
  EXPECT_REFUSED((void)odd.slice(0, {}), "1 strides for 2 axes");
  EXPECT_REFUSED((void)odd.permute({0, 1}), "1 strides for 2 axes");
  EXPECT_REFUSED((void)odd.at<int>(0, 0), "1 strides for 2 axes");
}

TEST(Slice, WritesThrough) {
  Tensor t = counting({2, 3});
  t.slice(-1, {.step = -1}).at<int>(0, 0) = 70;
  EXPECT_EQ(elements(t), (std::vector<int>{0, 1, 70, 3, 4, 5}));
}

TEST(Permute, MovesAxes) {
  const Tensor nhwc = counting({2, 3, 4, 5});
  const ConstTensorView nchw = nhwc.permute({0, 3, 1, 2});
  EXPECT_EQ(nchw.shape, (Shape{2, 5, 3, 4}));
  for (int n = 0; n < 2; ++n)
    for (int h = 0; h < 3; ++h)
      for (int w = 0; w < 4; ++w)
        for (int c = 0; c < 5; ++c) ASSERT_EQ(nchw.at<int>(n, c, h, w), nhwc.at<int>(n, h, w, c));
  EXPECT_EQ(elements(nchw.permute({0, 2, 3, 1})), elements(nhwc));
  EXPECT_EQ(nhwc.permute({-1, 0, 1, 2}).shape, (Shape{5, 2, 3, 4}));
  EXPECT_REFUSED((void)nhwc.permute({0, 1, 2}), "order is 0x1x2 for a view of 4 axes");
  EXPECT_REFUSED((void)nhwc.permute({0, 1, 2, 2}), "name each of them once");
  EXPECT_REFUSED((void)nhwc.permute({0, 1, 2, 4}), "4 for a view of 4 axes");
}

TEST(At, ChecksEverything) {
  Tensor t = counting({2, 3});
  EXPECT_EQ(t.at<int>(1, 2), 5);
  t.at<int>(1, 2) = -1;
  EXPECT_EQ(std::as_const(t).at<int>(1, 2), -1);
  EXPECT_REFUSED((void)t.at<float>(0, 0), "at asked for f32, the elements are i32");
  EXPECT_REFUSED((void)t.at<int>(2, 0), "index 2x0 is none of a view of shape 2x3");
  EXPECT_REFUSED((void)t.at<int>(0, -1), "index 0x-1");
  EXPECT_REFUSED((void)t.at<int>(0, ~0ull), "index 0x-1");
  EXPECT_REFUSED((void)t.at<int>(0), "one number per axis");
  EXPECT_EQ(Tensor::from({7}, {}).at<int>(), 7);
  ConstTensorView elsewhere = t.view();
  elsewhere.device = Device::cuda(0);
  EXPECT_REFUSED((void)elsewhere.at<int>(0, 0), "these are on cuda:0");
  elsewhere = t.view();
  elsewhere.data = nullptr;
  EXPECT_REFUSED((void)elsewhere.at<int>(0, 0), "null pointer");
}

TEST(Print, IsOneShortLine) {
  std::ostringstream os;
  os << Tensor::from({1.5f, -0.f, 1e20f, std::numeric_limits<float>::infinity()}, {2, 2});
  EXPECT_EQ(os.str(), "f32 2x2 on cpu: 1.5 -0 1e+20 inf");
  Tensor many = counting({3, 4});
  EXPECT_EQ(to_string(many), "i32 3x4 on cpu: 0 1 2 3 4 5 6 7 ...");
  EXPECT_EQ(to_string(many.slice(0, {.stop = 2})), "i32 2x4 on cpu: 0 1 2 3 4 5 6 7");
  EXPECT_EQ(to_string(many.permute({1, 0})), "i32 4x3 on cpu: 0 4 8 1 5 9 2 6 ...");
  EXPECT_EQ(to_string(Tensor::from<std::int8_t>({-65, 66})), "i8 2 on cpu: -65 66");
  EXPECT_EQ(to_string(Tensor::from<Half>({Half(0.1f)})), "f16 1 on cpu: 0.099975586");
  EXPECT_EQ(to_string(Tensor::from<std::complex<float>>({{1, -2}, {0, 3}})),
            "c64 2 on cpu: 1-2i 0+3i");
  EXPECT_EQ(to_string(Tensor(f32, {3, 0})), "f32 3x0 on cpu");
  EXPECT_EQ(to_string(ConstTensorView{}), "f32 scalar on cpu");
  EXPECT_EQ(to_string(ConstTensorView{many.data(), i32, {3, 4}, {4, 1}, Device::cuda(1)}),
            "i32 3x4 on cuda:1");
  EXPECT_EQ(to_string(ConstTensorView{many.data(), i32, {-3}, {1}, {}}), "i32 -3 on cpu");
}

}  // namespace
}  // namespace faltung
