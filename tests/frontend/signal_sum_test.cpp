// The front ends against sums written down here, on random small integers: exact in every type.

#include <gtest/gtest.h>

#include <cstdint>
#include <faltung/faltung.hpp>
#include <random>
#include <vector>

#include "tests/support/direct_sum.hpp"

namespace faltung {
namespace {

using signal::Method;

struct Cut {
  Extents start;
  Shape shape;
};

// SciPy's modes as parts of the full result.
Cut cut(Mode mode, const Shape& x, const Shape& k) {
  Cut result;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::int64_t n = x[i], m = k[i];
    const std::int64_t min = std::min(n, m);
    result.start.push_back(mode == Mode::full ? 0 : mode == Mode::same ? (m - 1) / 2 : min - 1);
    result.shape.push_back(mode == Mode::full   ? n + m - 1
                           : mode == Mode::same ? n
                                                : std::max(n, m) - min + 1);
  }
  return result;
}

class SignalSum : public ::testing::Test {
 protected:
  int draw(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); }
  Mode draw_mode() { return static_cast<Mode>(draw(0, 2)); }
  DType draw_type() { return all_dtypes[draw(0, 13)]; }

  // Two types whose result is exact.
  std::pair<DType, DType> draw_types() {
    for (;;) {
      const DType a = draw_type(), b = draw_type();
      const bool rounds = is_integer(a) && is_integer(b) && !is_integer(numpy_result_type(a, b));
      if (!rounds) return {a, b};
    }
  }

  // Shapes that every mode allows if the mode is valid: one is at least as long along all axes.
  std::pair<Shape, Shape> draw_shapes(Mode mode, int rank) {
    const int longest[] = {0, 9, 5, 3};
    Shape a, b;
    for (int i = 0; i < rank; ++i) {
      const int n = draw(1, longest[rank]), m = draw(1, longest[rank]);
      a.push_back(mode == Mode::valid ? std::max(n, m) : n);
      b.push_back(mode == Mode::valid ? std::min(n, m) : m);
    }
    if (draw(0, 1)) std::swap(a, b);
    return {a, b};
  }

  std::mt19937 random{1902};
};

TEST_F(SignalSum, ConvolveAndCorrelateInEveryModeAndType) {
  for (int trial = 0; trial < 1500; ++trial) {
    const bool correlation = trial % 2;
    const Mode mode = draw_mode();
    const auto [xs, ks] = draw_shapes(mode, draw(1, 3));
    const auto [xt, kt] = draw_types();
    const Numbers x = small_integers(xs, xt, random), k = small_integers(ks, kt, random);
    const auto [start, shape] = cut(mode, xs, ks);
    // Floating sums are exact only where every output keeps its own accuracy.
    const bool exact = is_integer(numpy_result_type(xt, kt));
    const signal::ConvolveOptions options{.mode = mode,
                                          .method = exact ? Method::automatic : Method::direct};
    const Tensor y = correlation ? correlate(x.as(xt), k.as(kt), options)
                                 : convolve(x.as(xt), k.as(kt), options);
    EXPECT_EQ(Numbers(y), crop(full_sum(x, k, correlation), start, shape))
        << (correlation ? "correlate " : "convolve ") << name(mode) << ' ' << xs << ' ' << name(xt)
        << " with " << ks << ' ' << name(kt);
  }
}

TEST_F(SignalSum, NumPysSameIsCentredOnTheLongerOperand) {
  for (int trial = 0; trial < 400; ++trial) {
    const bool correlation = trial % 2;
    const Mode mode = draw_mode();
    const std::int64_t n = draw(1, 9), m = draw(1, 9);
    const auto [xt, kt] = draw_types();
    const Numbers a = small_integers({n}, xt, random), v = small_integers({m}, kt, random);
    auto [start, shape] = cut(mode, {n}, {m});
    if (mode == Mode::same) {
      const std::int64_t min = std::min(n, m);
      start[0] = correlation && m > n ? min / 2 : (min - 1) / 2;
      shape[0] = std::max(n, m);
    }
    const Tensor y = correlation ? numpy::correlate(a.as(xt), v.as(kt), {.mode = mode})
                                 : numpy::convolve(a.as(xt), v.as(kt), {.mode = mode});
    EXPECT_EQ(Numbers(y), crop(full_sum(a, v, correlation), start, shape))
        << (correlation ? "correlate " : "convolve ") << name(mode) << ' ' << n << " with " << m;
  }
}

// X(i) of an axis of n elements, or n if nothing stands there.
std::int64_t place(std::int64_t i, std::int64_t n, BoundaryKind kind) {
  while (i < 0 || i >= n) {
    if (kind == BoundaryKind::zero || kind == BoundaryKind::constant) return n;
    if (kind == BoundaryKind::nearest) return i < 0 ? 0 : n - 1;
    if (kind == BoundaryKind::wrap) i += i < 0 ? n : -n;
    if (kind == BoundaryKind::reflect) i = i < 0 ? -1 - i : 2 * n - 1 - i;
    if (kind == BoundaryKind::mirror) i = n == 1 ? 0 : i < 0 ? -i : 2 * (n - 1) - i;
  }
  return i;
}

// x with `more` elements on all sides.
Numbers extended(const Numbers& x, const Extents& more, const Boundary& boundary) {
  Numbers result({x.shape[0] + 2 * more[0], x.shape[1] + 2 * more[1]});
  for (std::size_t p = 0; p < result.values.size(); ++p) {
    Extents from = result.index(p);
    bool inside = true;
    for (std::size_t i = 0; i < 2; ++i) {
      from[i] = place(from[i] - more[i], x.shape[i], boundary.kind);
      inside &= from[i] < x.shape[i];
    }
    result.values[p] = inside ? x.values[x.at(from)] : boundary.value;
  }
  return result;
}

TEST_F(SignalSum, Convolve2dUnderEveryBoundary) {
  const Boundary boundaries[] = {Boundary::zero(),    Boundary::constant(2), Boundary::wrap(),
                                 Boundary::reflect(), Boundary::nearest(),   Boundary::mirror()};
  for (int trial = 0; trial < 600; ++trial) {
    const bool correlation = trial % 2;
    const Mode mode = draw_mode();
    const auto [xs, ks] = draw_shapes(mode, 2);
    const auto [xt, kt] = draw_types();
    const Boundary boundary = boundaries[draw(0, 5)];
    const Numbers x = small_integers(xs, xt, random), k = small_integers(ks, kt, random);
    auto [start, shape] = cut(mode, xs, ks);
    for (std::size_t i = 0; i < 2; ++i) {
      if (mode == Mode::same && correlation) start[i] = ks[i] / 2;
      start[i] += ks[i] - 1;  // of what the extension puts before
    }
    const Extents more{ks[0] - 1, ks[1] - 1};
    const bool exchanged = mode == Mode::valid && (ks[0] > xs[0] || ks[1] > xs[1]);
    if (exchanged) start = {xs[0] - 1 + more[0], xs[1] - 1 + more[1]};
    const Numbers wide = extended(x, more, mode == Mode::valid ? Boundary::zero() : boundary);
    const signal::Convolve2dOptions options{.mode = mode, .boundary = boundary};
    const Tensor y = correlation ? signal::correlate2d(x.as(xt), k.as(kt), options)
                                 : signal::convolve2d(x.as(xt), k.as(kt), options);
    EXPECT_EQ(Numbers(y), crop(full_sum(wide, k, correlation), start, shape))
        << (correlation ? "correlate2d " : "convolve2d ") << name(mode) << ' ' << boundary << ' '
        << xs << ' ' << name(xt) << " with " << ks << ' ' << name(kt);
  }
}

// Numbers with the axes in another order in memory and some of them backwards, and their view.
struct Scattered {
  Tensor memory;
  ConstTensorView view;
};

Scattered scattered(const Numbers& numbers, DType dtype, std::mt19937& random) {
  std::vector<std::size_t> order(numbers.shape.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::shuffle(order, random);
  Strides strides = Strides::filled(order.size(), 0);
  std::int64_t step = 1, first = 0;
  for (const std::size_t axis : order) {
    const bool backwards = random() % 3 == 0;
    strides[axis] = backwards ? -step : step;
    if (backwards) first += (numbers.shape[axis] - 1) * step;
    step *= numbers.shape[axis];
  }
  Numbers memory(Shape{step});
  for (std::size_t p = 0; p < numbers.values.size(); ++p) {
    const Extents at = numbers.index(p);
    std::int64_t offset = first;
    for (std::size_t i = 0; i < at.size(); ++i) offset += at[i] * strides[i];
    memory.values[static_cast<std::size_t>(offset)] = numbers.values[p];
  }
  Tensor tensor = memory.as(dtype);
  const auto* data = static_cast<const std::byte*>(tensor.data()) +
                     first * static_cast<std::int64_t>(size_of(dtype));
  ConstTensorView view{data, dtype, numbers.shape, strides, Device::cpu()};
  return {std::move(tensor), view};
}

// Copies of one operand along the axes where it has one element and the other more.
Numbers broadcast(const Numbers& numbers, const Shape& other, const std::vector<bool>& convolved) {
  Shape shape = numbers.shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!convolved[i] && shape[i] == 1) shape[i] = other[i];
  }
  Numbers result(shape);
  for (std::size_t p = 0; p < result.values.size(); ++p) {
    Extents from = result.index(p);
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = std::min(from[i], numbers.shape[i] - 1);
    result.values[p] = numbers.values[numbers.at(from)];
  }
  return result;
}

// Convolution along some axes: the full sum, of which only equal indices count along the others.
Numbers sum_along(const Numbers& x, const Numbers& k, const std::vector<bool>& convolved) {
  Shape shape;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    shape.push_back(convolved[i] ? x.shape[i] + k.shape[i] - 1 : x.shape[i]);
  }
  Numbers y(shape);
  for (std::size_t a = 0; a < x.values.size(); ++a) {
    for (std::size_t b = 0; b < k.values.size(); ++b) {
      Extents where = x.index(a);
      const Extents tap = k.index(b);
      bool counts = true;
      for (std::size_t i = 0; i < where.size(); ++i) {
        counts &= convolved[i] || where[i] == tap[i];
        if (convolved[i]) where[i] += tap[i];
      }
      if (counts) y.values[y.at(where)] += x.values[a] * k.values[b];
    }
  }
  return y;
}

TEST_F(SignalSum, FftconvolveBroadcastsAlongTheOtherAxes) {
  for (int trial = 0; trial < 800; ++trial) {
    const int rank = draw(1, 5);
    const Mode mode = draw_mode();
    const bool exchanged = draw(0, 1);
    std::vector<bool> convolved;
    std::vector<std::int64_t> axes;
    Shape xs, ks;
    for (int i = 0; i < rank; ++i) {
      convolved.push_back(draw(0, 2) == 0 || (i + 1 == rank && axes.empty()));
      std::int64_t n = draw(1, 3), m = draw(1, 3);
      if (convolved.back()) {
        axes.push_back(draw(0, 1) ? i : i - rank);
        if (mode == Mode::valid && (n < m) != exchanged) std::swap(n, m);
      } else {
        m = n;
        if (const int one = draw(0, 2); one != 0) (one == 1 ? n : m) = 1;
      }
      xs.push_back(n);
      ks.push_back(m);
    }
    const DType xt = draw(0, 1) ? f64 : c128, kt = draw(0, 1) ? f32 : u8;
    const Numbers x = small_integers(xs, xt, random), k = small_integers(ks, kt, random);
    const Scattered xv = scattered(x, xt, random), kv = scattered(k, kt, random);
    const Numbers full =
        sum_along(broadcast(x, ks, convolved), broadcast(k, xs, convolved), convolved);
    auto [start, shape] = cut(mode, xs, ks);
    for (std::size_t i = 0; i < convolved.size(); ++i) {
      if (convolved[i]) continue;
      start[i] = 0;
      shape[i] = full.shape[i];
    }
    const Tensor y = signal::fftconvolve(
        xv.view, kv.view, {.mode = mode, .axes = axes, .run = {.engine = "reference"}});
    EXPECT_EQ(Numbers(y), crop(full, start, shape))
        << name(mode) << ' ' << xs << " with " << ks << " axes " << ::testing::PrintToString(axes);
  }
}

TEST_F(SignalSum, ConvolutionMatrixTimesAVectorIsNumPysConvolve) {
  for (int trial = 0; trial < 200; ++trial) {
    const Mode mode = draw_mode();
    const DType type = all_dtypes[trial % 14];
    const std::int64_t m = draw(1, 6), n = draw(1, 6);
    const Numbers a = small_integers({m}, type, random), v = small_integers({n}, type, random);
    const Tensor matrix = signal::convolution_matrix(a.as(type), n, mode);
    ASSERT_EQ(matrix.dtype(), type);
    const Numbers entries(matrix);
    Numbers product(Shape{matrix.shape()[0]});
    for (std::int64_t i = 0; i < product.shape[0]; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        product.values[static_cast<std::size_t>(i)] +=
            entries.values[entries.at({i, j})] * v.values[static_cast<std::size_t>(j)];
      }
    }
    EXPECT_EQ(product, Numbers(numpy::convolve(a.as(type), v.as(type), {.mode = mode})))
        << name(mode) << ' ' << m << " with " << n;
  }
}

TEST_F(SignalSum, LagsAreWhereTheProductsMeet) {
  for (std::int64_t n = 1; n <= 7; ++n) {
    for (std::int64_t m = 1; m <= 7; ++m) {
      const Numbers x = small_integers({n}, f64, random), k = small_integers({m}, f64, random);
      for (const Mode mode : {Mode::full, Mode::same, Mode::valid}) {
        const auto lags = signal::correlation_lags(n, m, mode);
        Numbers expected(Shape{static_cast<std::int64_t>(lags.size())});
        for (std::size_t i = 0; i < lags.size(); ++i) {
          for (std::int64_t j = 0; j < m; ++j) {
            const std::int64_t at = j + lags[i];
            if (at < 0 || at >= n) continue;
            expected.values[i] +=
                x.values[static_cast<std::size_t>(at)] * k.values[static_cast<std::size_t>(j)];
          }
        }
        EXPECT_EQ(Numbers(correlate(x.as(f64), k.as(f64), {.mode = mode})), expected)
            << name(mode) << ' ' << n << " with " << m;
      }
    }
  }
}

}  // namespace
}  // namespace faltung
