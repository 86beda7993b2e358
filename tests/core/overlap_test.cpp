// Whether two strided views share a byte: against all their bytes, on random small ones.

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include "cpp/core/overlap.hpp"
#include "cpp/core/strided.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

class Boxes {
 public:
  explicit Boxes(unsigned seed) : random_(seed) {}

  std::int64_t draw(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }

  // Somewhere in the buffer, which is never read.
  ConstTensorView view(std::int64_t max_stride) {
    constexpr DType types[] = {u8, i16, f32, c64, c128};
    ConstTensorView v{buffer_ + draw(-64, 64), types[draw(0, 4)], {}, {}, Device::cpu()};
    for (std::int64_t rank = draw(0, 4); rank > 0; --rank) {
      v.shape.push_back(draw(0, 20) == 0 ? 0 : draw(1, 5));
      v.strides.push_back(draw(-max_stride, max_stride));
    }
    return v;
  }

 private:
  std::mt19937 random_;
  const std::byte* buffer_ = reinterpret_cast<const std::byte*>(std::uintptr_t{1} << 20);
};

std::vector<std::int64_t> addresses(const Shape& shape, const Strides& strides) {
  std::vector<std::int64_t> result;
  for_each_index(shape, [&](std::int64_t, const Extents& index) {
    result.push_back(offset_of(index, strides));
  });
  std::ranges::sort(result);
  return result;
}

std::vector<std::int64_t> bytes(const ConstTensorView& view) {
  const auto size = static_cast<std::int64_t>(size_of(view.dtype));
  std::vector<std::int64_t> result;
  for (const std::int64_t offset : addresses(view.shape, view.strides)) {
    for (std::int64_t i = 0; i < size; ++i) {
      result.push_back(static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(view.data)) +
                       offset * size + i);
    }
  }
  std::ranges::sort(result);
  return result;
}

bool meet(const std::vector<std::int64_t>& a, const std::vector<std::int64_t>& b) {
  std::vector<std::int64_t> both;
  std::ranges::set_intersection(a, b, std::back_inserter(both));
  return !both.empty();
}

TEST(Overlap, IsThatOfAllBytes) {
  Boxes boxes(1);
  int found[2] = {};
  for (int i = 0; i < 20'000; ++i) {
    const std::int64_t max = i % 2 == 0 ? 4 : 40;
    const ConstTensorView a = boxes.view(max), b = boxes.view(max);
    const bool expected = meet(bytes(a), bytes(b));
    ++found[expected ? 1 : 0];
    ASSERT_EQ(overlap(a, b), expected ? Overlap::yes : Overlap::no)
        << a.data << ' ' << name(a.dtype) << ' ' << a.shape << " strides " << a.strides << " and "
        << b.data << ' ' << name(b.dtype) << ' ' << b.shape << " strides " << b.strides;
    ASSERT_EQ(overlap(b, a), overlap(a, b));
  }
  EXPECT_GT(std::min(found[0], found[1]), 3000);
}

TEST(Overlap, OfOneViewWithItself) {
  Boxes boxes(2);
  int found[2] = {};
  for (int i = 0; i < 20'000; ++i) {
    const ConstTensorView v = boxes.view(i % 2 == 0 ? 8 : 60);
    const std::vector<std::int64_t> all = addresses(v.shape, v.strides);
    const bool expected = std::ranges::adjacent_find(all) != all.end();
    ++found[expected ? 1 : 0];
    ASSERT_EQ(self_overlap(v.shape, v.strides), expected ? Overlap::yes : Overlap::no)
        << v.shape << " strides " << v.strides;
  }
  EXPECT_GT(std::min(found[0], found[1]), 3000);
}

// Slices of one array are two unknowns at most, however large it is.
TEST(Overlap, SlicesOfALargeArray) {
  const auto* data = reinterpret_cast<const float*>(std::uintptr_t{1} << 40);
  for (const Shape& shape : {Shape{64, 96, 500, 700}, Shape{64, 500, 700, 96}}) {
    const ConstTensorView whole = view(data, shape);
    const std::int64_t channels = shape[1] == 96 ? 1 : 3;
    const ConstTensorView low = whole.slice(channels, {.stop = 40});
    const ConstTensorView high = whole.slice(channels, {.start = 40});
    EXPECT_EQ(overlap(low, high), Overlap::no);
    EXPECT_EQ(overlap(low, whole.slice(channels, {.start = 39})), Overlap::yes);
    const ConstTensorView even = whole.slice(3, {.step = 2}).slice(2, {.step = -1});
    EXPECT_EQ(overlap(even, whole.slice(3, {.start = 1, .step = 2})), Overlap::no);
    EXPECT_EQ(overlap(even, whole.slice(2, {.start = 7, .step = 99})), Overlap::yes);
  }
}

// Strides without any order, of which the sums lie far apart.
TEST(Overlap, IsLeftOpenWhereASearchWouldTakeTooLong) {
  std::mt19937_64 random(3);
  ConstTensorView a{reinterpret_cast<const void*>(std::uintptr_t{1} << 62), u8, {}, {}, {}};
  ConstTensorView b = a;
  for (ConstTensorView* v : {&a, &b}) {
    for (int axis = 0; axis < 8; ++axis) {
      v->shape.push_back(30);
      v->strides.push_back(static_cast<std::int64_t>(random() >> 12) | 1);
    }
  }
  b.data = static_cast<const std::byte*>(a.data) + 12345;
  EXPECT_EQ(overlap(a, b), Overlap::undecided);
  EXPECT_EQ(overlap(a, a), Overlap::yes);
  b.strides[0] = std::numeric_limits<std::int64_t>::max();  // beyond any memory
  EXPECT_EQ(overlap(a, b), Overlap::undecided);
}

// Results whose axes interleave without meeting are results like others.
TEST(Overlap, InterleavedResults) {
  Problem p = Problem::parse("op=fwd dtype=f32 n=2 c=3 in=4x4 k=2 f=3x3");  // y is 2x2x2x2
  p.y_strides = {100, 50, 3, 2};                                            // 0 2 3 5
  const Tensor x = Tensor::zeros(f32, p.x_shape()), w = Tensor::zeros(f32, p.w_shape());
  int engines = 0;
  for (const Candidate& candidate : candidates(p)) {
    if (!candidate.supported) continue;
    ++engines;
    std::vector<float> memory(200, 7);
    Plan::make(p, Device::cpu(), {.engine = candidate.engine})
        .run(x, w, view(memory.data(), p.y_shape(), p.y_strides));
    for (std::size_t i = 0; i < memory.size(); ++i) {
      const bool result = i % 50 == 0 || i % 50 == 2 || i % 50 == 3 || i % 50 == 5;
      EXPECT_EQ(memory[i], result ? 0 : 7) << candidate.engine << ' ' << i;
    }
  }
  EXPECT_GE(engines, 2);
  p.y_strides = {100, 50, 2, 2};
  EXPECT_REFUSED(p.validate(), "stride 2 makes elements of the result share an address");
  p.y_strides = {100, 50, 0, 1};
  EXPECT_REFUSED(p.validate(), "stride 0 makes elements of the result share an address");
}

}  // namespace
}  // namespace faltung
