// Products of matrices on every instruction set, against their definition.

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <cstdlib>
#include <limits>
#include <random>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>
#include "cpp/core/strided.hpp"
#include "cpp/cpu/flatten.hpp"
#include "cpp/cpu/gemm/gemm_policy.hpp"
#include "cpp/cpu/gemm/product.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"

namespace faltung::gemm {
namespace {

template <typename Acc>
class ProductTest : public ::testing::Test {
 protected:
  using Real = typename Product<Acc>::Real;

  void TearDown() override { set_cpu_target(""); }

  std::int64_t draw(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  // Whole, so that sums are exact in any order.
  Acc number() {
    const auto part = [&] { return static_cast<Real>(draw(-4, 4)); };
    if constexpr (is_complex_value<Acc>) {
      const Real real = part();
      return {real, part()};
    } else {
      return part();
    }
  }

  // Rows and columns at any steps, among elements that must not count.
  std::vector<Acc> matrix(std::int64_t size) {
    return std::vector<Acc>(static_cast<std::size_t>(size),
                            Acc(std::numeric_limits<Real>::quiet_NaN()));
  }

  void compare(bool conjugate, bool by_columns) {
    const std::int64_t rows = draw(1, 40), columns = draw(1, 120), depth = draw(1, 600);
    const bool transposed = draw(0, 1) == 1;
    const std::int64_t gap = draw(1, 3);
    const Left<Acc> a{nullptr, transposed ? gap : depth * gap, transposed ? rows * gap : gap};
    std::vector<Acc> left = matrix(rows * depth * gap);
    std::vector<Acc> right = matrix(depth * columns);
    for (std::int64_t i = 0; i < rows * depth; ++i)
      left[static_cast<std::size_t>(i * gap)] = number();
    for (Acc& value : right) value = number();

    const Product<Acc> product(columns, conjugate);
    std::vector<Real> b(static_cast<std::size_t>(product.right_size(depth, columns)));
    std::vector<Real> c(static_cast<std::size_t>(product.sums_size(rows, columns)));
    std::vector<Acc> scratch(static_cast<std::size_t>(product.scratch_size()));
    const auto planes = product.right(b.data(), depth, columns);
    if (by_columns) {
      std::vector<Acc> some(static_cast<std::size_t>(product.together * depth));
      for (std::int64_t k = 0; k < product.padded(columns); k += product.together) {
        for (std::int64_t i = 0; i < product.together * depth; ++i) {
          const std::int64_t column = k + i / depth;
          some[static_cast<std::size_t>(i)] =
              column < columns ? right[static_cast<std::size_t>(i % depth * columns + column)]
                               : Acc(0);
        }
        product.put_columns(planes, k, some.data(), depth, depth);
      }
    } else {
      for (std::int64_t d = 0; d < depth; ++d) {
        product.put_row(planes, d, &right[static_cast<std::size_t>(d * columns)], columns);
      }
    }
    const auto sums = product.sums(c.data(), rows, columns);
    for (const bool adds : {false, true}) {
      product.multiply(rows, columns, depth, {left.data(), a.row, a.column}, planes, sums, adds,
                       scratch.data());
    }

    std::vector<Acc> buffer(static_cast<std::size_t>(columns));
    for (std::int64_t i = 0; i < rows; ++i) {
      const Acc* row = product.row(sums, i, columns, buffer.data());
      for (std::int64_t j = 0; j < columns; ++j) {
        Acc expected = 0;
        for (std::int64_t d = 0; d < depth; ++d) {
          const Acc value = left[static_cast<std::size_t>(i * a.row + d * a.column)];
          expected += (conjugate ? conjugate_value(value) : value) *
                      right[static_cast<std::size_t>(d * columns + j)];
        }
        ASSERT_EQ(row[j], expected + expected)
            << i << ' ' << j << " of " << rows << " x " << columns << ", depth " << depth;
      }
    }
  }

 private:
  std::mt19937 random_{7};
};

using Types = ::testing::Types<float, double, std::complex<float>, std::complex<double>>;
TYPED_TEST_SUITE(ProductTest, Types);

TYPED_TEST(ProductTest, IsTheDefinition) {
  for (const std::string& target : cpu_targets()) {
    SCOPED_TRACE(target);
    set_cpu_target(target);
    for (int i = 0; i < 20; ++i) this->compare(i % 2 == 1, i % 4 >= 2);
  }
}

// Only axes that the filter leaves alone, and over which both tensors step alike.
TEST(Flattened, JoinsAxesThatMayBeJoined) {
  const auto joined = [](const char* line) { return to_string(flattened(Problem::parse(line))); };
  const auto kept = [](const char* line) { return to_string(Problem::parse(line)); };
  EXPECT_EQ(joined("op=wgrad dtype=f32 n=2 c=3 in=4x5x6 k=7 f=1x1x1"),
            kept("op=wgrad dtype=f32 n=2 c=3 in=120 k=7 f=1"));
  EXPECT_EQ(joined("op=fwd dtype=f32 n=2 c=3 in=4x5x6 k=7 f=3x1x1 layout=nhwc"),
            kept("op=fwd dtype=f32 n=2 c=3 in=4x30 k=7 f=3x1 layout=nhwc"));
  for (const char* line :
       {"op=fwd dtype=f32 in=4x5 f=1x3", "op=fwd dtype=f32 in=4x5 f=1x1 stride=1x2",
        "op=fwd dtype=f32 in=4x5 f=1x1 pad=1", "op=fwd dtype=f32 in=4x5 f=1x1 idil=2",
        "op=fwd dtype=f32 in=4x5 f=1x1 xstrides=40,40,10,1"}) {
    EXPECT_EQ(joined(line), kept(line));
  }
  const Problem views = flattened(
      Problem::parse("op=fwd dtype=f32 n=2 c=3 in=4x5 k=2 f=1x1 xstrides=90,30,5,1 layout=nchw"));
  EXPECT_EQ(views.x_strides, (Strides{90, 30, 1}));
  EXPECT_EQ(views.rank(), 1u);
}

// Zeros times NaN are NaN, but those of a frame are no factors.
TEST(GemmPolicy, NaNMeetsWhatTheDefinitionHasIt) {
  const Problem p = Problem::parse("op=fwd dtype=f32 n=2 c=3 in=9x21 k=11 f=3x3 pad=1");
  const Plan plan = Plan::make(p, Device::cpu(), {.engine = "cpu.gemm"});
  EXPECT_FALSE(plan.facts().spreads_non_finite);
  const float bad[] = {std::numeric_limits<float>::quiet_NaN(),
                       std::numeric_limits<float>::infinity()};
  for (const float value : bad) {
    Tensor x = Tensor::zeros(f32, p.x_shape()), w = Tensor::zeros(f32, p.w_shape());
    Tensor y = Tensor::zeros(f32, p.y_shape());
    x.at<float>(1, 2, 4, 7) = value;
    plan.run(x, w, y);
    for_each_index(p.y_shape(), [&](std::int64_t, const Extents& i) {
      const bool meets = i[0] == 1 && std::abs(i[2] - 4) <= 1 && std::abs(i[3] - 7) <= 1;
      EXPECT_EQ(std::isnan(y.at<float>(i[0], i[1], i[2], i[3])), meets) << i;
    });
    x.at<float>(1, 2, 4, 7) = 0;
    w.at<float>(10, 0, 0, 0) = value;
    plan.run(x, w, y);
    for_each_index(p.y_shape(), [&](std::int64_t, const Extents& i) {
      const bool meets = i[1] == 10 && i[2] > 0 && i[3] > 0;
      EXPECT_EQ(std::isnan(y.at<float>(i[0], i[1], i[2], i[3])), meets) << i;
    });
  }
}

TEST(GemmPolicy, AnInfiniteGradientMeetsNoFrame) {
  const Problem p = Problem::parse("op=wgrad dtype=f32 n=2 c=3 in=9x21 k=11 f=3x3 pad=1");
  const Plan plan = Plan::make(p, Device::cpu(), {.engine = "cpu.gemm"});
  Tensor x = Tensor::zeros(f32, p.x_shape()), dy = Tensor::zeros(f32, p.y_shape());
  for (float& value : x.values<float>()) value = 1;
  dy.at<float>(1, 7, 0, 0) = std::numeric_limits<float>::infinity();
  Tensor dw = Tensor::zeros(f32, p.w_shape());
  plan.run(x, dy, dw);
  for_each_index(p.w_shape(), [&](std::int64_t, const Extents& i) {
    const bool meets = i[0] == 7 && i[2] > 0 && i[3] > 0;
    EXPECT_EQ(dw.at<float>(i[0], i[1], i[2], i[3]),
              meets ? std::numeric_limits<float>::infinity() : 0)
        << i;
  });
}

// Tensors that no memory holds are planned like others: their workspace is more than anybody has.
TEST(GemmPolicy, SizesDoNotOverflow) {
  for (const char* line : {"op=wgrad dtype=u8:f64:u8 acc=f64 c=18014398509481984 in=7 k=9 f=3",
                           "op=wgrad dtype=f32 c=144115188075855872 in=3 k=1 f=3",
                           "op=fwd dtype=c64 c=72057594037927936 in=3 k=4 f=3",
                           "op=dgrad dtype=c64 c=72057594037927936 in=3 k=4 f=3"}) {
    Problem p = Problem::parse(line);
    EXPECT_GT(one_thread_us(p), 1e9) << line;
    EXPECT_THROW((void)Plan::make(p, Device::cpu(), {.engine = "cpu.gemm", .workspace_limit = 1}),
                 NoEngine)
        << line;
  }
  const Problem wide = Problem::parse("op=wgrad dtype=f32 c=1 in=7 k=16777217 f=3");
  EXPECT_THROW((void)Plan::make(wide, Device::cpu(), {.engine = "cpu.gemm"}), NoEngine);
}

}  // namespace
}  // namespace faltung::gemm
