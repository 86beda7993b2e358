#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "tests/support/property_trial.hpp"

// What the formula implies, asked of every engine on random problems under every boundary rule. All
// data are small integers, so sums are exact and both sides must be equal; engines that err by the
// norm are rounded, which their bound allows here.
namespace faltung::test {
namespace {

constexpr Pass passes[] = {Pass::forward, Pass::backward_data, Pass::backward_filter};

// Constants make the maps affine in x: L(a + b) + L(0) = L(a) + L(b).
TEST(Properties, EveryPassIsLinearInBothOperands) {
  for_each_trial(1, 850, [](Trial t) {
    int checks = 0;
    for (const Pass pass : passes) {
      Problem p = t.p;
      p.pass = pass;
      const Operands zero = zero_operands(p);
      const auto draw = [&](const Array& like) { return t.integers(like.dtype(), like.shape()); };
      const Array a = draw(zero.first), b = draw(zero.first);
      const Array c = draw(zero.second), d = draw(zero.second);
      const auto ac = run(t, p, a, c);
      const auto bc = run(t, p, b, c), sum = run(t, p, combine(a, b, 1), c);
      const auto none = run(t, p, zero.first, c);
      const auto ad = run(t, p, a, d), both = run(t, p, a, combine(c, d, -1));
      if (!ac || !bc || !sum || !none || !ad || !both) continue;
      FALTUNG_EXPECT_EQUAL(combine(*sum, *none, 1), combine(*ac, *bc, 1), t);
      FALTUNG_EXPECT_EQUAL(*both, combine(*ac, *ad, -1), t);
      checks += 2;
    }
    return checks;
  });
}

// <Ax - A0, y> = <x, A* y>, and <A(w) x, y> = <w, W(x, y)>, or with w conjugated where the problem
// says so.
TEST(Properties, BackwardPassesAreTheAdjointsUnderEveryBoundary) {
  for_each_trial(2, 290, [](Trial t) {
    const Array x = t.x(), w = t.w(), dy = t.y();
    const auto y = run(t, t.p, x, w), y0 = run(t, t.p, Array(t.p.input, t.p.x_shape()), w);
    int checks = 0;
    Problem p = t.p;
    p.pass = Pass::backward_data;
    const auto dx = run(t, p, dy, w);
    if (y && y0 && dx) {
      EXPECT_EQ(inner(combine(*y, *y0, -1), dy), inner(x, *dx))
          << t.engine.name() << " [" << p << ']';
      ++checks;
    }
    p.pass = Pass::backward_filter;
    const auto dw = run(t, p, x, dy);
    if (y && dw) {
      const Z expected = p.conjugate ? inner(*dw, w) : inner(w, *dw);
      EXPECT_EQ(inner(*y, dy), expected) << t.engine.name() << " [" << p << ']';
      ++checks;
    }
    return checks;
  });
}

TEST(Properties, GroupsAreSlices) {
  for_each_trial(3, 700, [](Trial t) {
    int checks = 0;
    for (const Pass pass : passes) {
      Problem whole = t.p;
      whole.pass = pass;
      Problem part = whole;
      part.groups = 1;
      part.in_channels /= whole.groups;
      part.out_channels /= whole.groups;
      const Operands zero = zero_operands(whole);
      const Array first = t.integers(zero.first.dtype(), zero.first.shape());
      const Array second = t.integers(zero.second.dtype(), zero.second.shape());
      const auto result = run(t, whole, first, second);
      if (!result) continue;
      // x and y are cut along their channels, w along its outputs.
      const auto cut = [&](const Array& a, bool is_filter, std::int64_t g) {
        const std::size_t axis = is_filter ? 0 : channel_axis(whole, a.shape());
        const std::int64_t count = a.shape()[axis] / whole.groups;
        return slice(a, axis, g * count, count);
      };
      for (std::int64_t g = 0; g < whole.groups; ++g) {
        const auto expected =
            run(t, part, cut(first, false, g), cut(second, pass != Pass::backward_filter, g));
        if (!expected) continue;
        FALTUNG_EXPECT_EQUAL(*expected, cut(*result, pass == Pass::backward_filter, g), t);
        ++checks;
      }
    }
    return checks;
  });
}

TEST(Properties, StrideIsSubsampling) {
  for_each_trial(4, 150, [](Trial t) {
    const Array x = t.x(), w = t.w();
    Problem dense = t.p;
    for (Axis& axis : dense.axes) axis.stride = 1;
    const auto y = run(t, t.p, x, w), every = run(t, dense, x, w);
    if (!y || !every) return 0;
    Array expected = *every;
    for (std::size_t a = 0; a < t.p.rank(); ++a) {
      const Axis& axis = t.p.axes[a];
      expected = slice(expected, first_spatial(t.p) + a, 0, axis.output(), axis.stride);
    }
    FALTUNG_EXPECT_EQUAL(*y, expected, t);
    return 1;
  });
}

TEST(Properties, DilationIsStuffingWithZeros) {
  for_each_trial(5, 300, [](Trial t) {
    const Array x = t.x(), w = t.w();
    const auto y = run(t, t.p, x, w);
    if (!y) return 0;
    Problem filter = t.p, input = t.p;
    Array stuffed_w = w, stuffed_x = x;
    for (std::size_t a = 0; a < t.p.rank(); ++a) {
      const Axis& axis = t.p.axes[a];
      const std::size_t at = first_spatial(t.p) + a;
      filter.axes[a].filter = axis.effective_filter();
      filter.axes[a].dilation = 1;
      stuffed_w = spread(stuffed_w, at, 0, axis.effective_filter(), axis.dilation);
      input.axes[a].input = axis.dilated_input();
      input.axes[a].input_dilation = 1;
      stuffed_x = spread(stuffed_x, at, 0, axis.dilated_input(), axis.input_dilation);
    }
    int checks = 0;
    if (const auto same = run(t, filter, x, stuffed_w)) {
      FALTUNG_EXPECT_EQUAL(*y, *same, t);
      ++checks;
    }
    if (const auto same = run(t, input, stuffed_x, w)) {
      FALTUNG_EXPECT_EQUAL(*y, *same, t);
      ++checks;
    }
    return checks;
  });
}

// More padding shows more outputs and changes none: all modes are crops of one result, and a shift
// of the padding is a shift of the result.
TEST(Properties, ModesAreCropsUnderEveryBoundary) {
  for_each_trial(6, 220, [](Trial t) {
    const Array x = t.x(), w = t.w();
    const auto y = run(t, t.p, x, w);
    if (!y) return 0;
    int checks = 0;
    for (const bool outward : {true, false}) {
      Problem other = t.p;
      Array cropped = *y, seen = *y;
      std::vector<std::int64_t> before;
      for (Axis& axis : other.axes) {
        before.push_back(t.between(0, 2));
        axis.pad_lo += before.back() * axis.stride;
        // Outward both sides grow; otherwise the window moves and keeps its size.
        axis.pad_hi += outward ? t.between(0, 3) : -before.back() * axis.stride;
      }
      const auto more = run(t, other, x, w);
      if (!more) continue;
      seen = *more;
      bool empty = false;
      for (std::size_t a = 0; a < t.p.rank(); ++a) {
        const std::size_t at = first_spatial(t.p) + a;
        const std::int64_t count =
            std::min(t.p.axes[a].output(), other.axes[a].output() - before[a]);
        empty |= count <= 0;
        if (empty) break;
        seen = slice(seen, at, before[a], count);
        cropped = slice(cropped, at, 0, count);
      }
      if (empty) continue;
      FALTUNG_EXPECT_EQUAL(seen, cropped, t);
      ++checks;
    }
    return checks;
  });
}

// Moving the data: zeros put before an input that is continued by zeros, and turning a ring.
TEST(Properties, ShiftedDataGiveShiftedResults) {
  for_each_trial(7, 300, [](Trial t) {
    Problem zeros = t.p, moved = t.p, ring = t.p, turned = t.p;
    const Array x = t.x(), w = t.w();
    Array longer = x, rolled = x;
    for (std::size_t a = 0; a < t.p.rank(); ++a) {
      const std::size_t at = first_spatial(t.p) + a;
      const std::int64_t shift = t.between(0, 3);
      Axis& axis = moved.axes[a];
      axis.below = zeros.axes[a].below = Boundary::zero();
      axis.above = zeros.axes[a].above =
          t.between(0, 1) == 0 ? Boundary::nearest() : Boundary::zero();
      axis.input += shift;
      axis.pad_lo -= shift * axis.input_dilation;
      longer = spread(longer, at, shift, axis.input, 1);

      Axis& wrapped = ring.axes[a];
      wrapped.below = wrapped.above = Boundary::wrap();
      wrapped.input_dilation = 1;
      const std::int64_t missing =
          wrapped.effective_filter() - wrapped.input - wrapped.pad_lo - wrapped.pad_hi;
      wrapped.pad_hi += std::max<std::int64_t>(missing, 0);
      turned.axes[a] = wrapped;
      turned.axes[a].pad_lo += shift;
      turned.axes[a].pad_hi -= shift;
      const Array source = rolled;
      rolled.fill([&](Extents index) {
        index[at] = (index[at] + 4 * wrapped.input - shift) % wrapped.input;
        return source.get(index);
      });
    }
    int checks = 0;
    const auto still = run(t, zeros, x, w), later = run(t, moved, longer, w);
    if (still && later) {
      FALTUNG_EXPECT_EQUAL(*still, *later, t);
      ++checks;
    }
    const auto here = run(t, ring, rolled, w), there = run(t, turned, x, w);
    if (here && there) {
      FALTUNG_EXPECT_EQUAL(*here, *there, t);
      ++checks;
    }
    return checks;
  });
}

/// What stands at a position of an axis, read from the picture of its rule: an index, or nothing.
std::optional<std::int64_t> pictured(BoundaryKind kind, std::int64_t position, std::int64_t n) {
  std::vector<std::int64_t> period;
  for (std::int64_t i = 0; i < n; ++i) period.push_back(i);
  if (position >= 0 && position < n) return position;
  switch (kind) {
    case BoundaryKind::zero:
    case BoundaryKind::constant:
      return std::nullopt;
    case BoundaryKind::nearest:
      return position < 0 ? 0 : n - 1;
    case BoundaryKind::wrap:
      break;
    case BoundaryKind::reflect:
      for (std::int64_t i = n - 1; i >= 0; --i) period.push_back(i);
      break;
    case BoundaryKind::mirror:
      for (std::int64_t i = n - 2; i > 0; --i) period.push_back(i);
      break;
  }
  const auto size = static_cast<std::int64_t>(period.size());
  return period[static_cast<std::size_t>(((position % size) + size) % size)];
}

/// X at these positions, where the slowest axis that is outside decides.
Z pictured_input(const Problem& p, const Array& x, std::int64_t b, std::int64_t c,
                 const std::vector<std::int64_t>& positions) {
  Extents index = Extents::filled(x.shape().size(), 0);
  index[0] = b;
  index[channel_axis(p, x.shape())] = c;
  bool between = false;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    const Axis& axis = p.axes[a];
    const Boundary& side = positions[a] < 0 ? axis.below : axis.above;
    const auto at = pictured(side.kind, positions[a], axis.dilated_input());
    if (!at) return side.value;
    between |= *at % axis.input_dilation != 0;
    index[first_spatial(p) + a] = *at / axis.input_dilation;
  }
  return between ? 0 : x.get(index);
}

// A filter of one 1 copies the extended input, which is read off the pictures of the rules here.
TEST(Properties, OneTapCopiesTheExtendedInput) {
  for_each_trial(8, 150, [](Trial t) {
    const Problem& p = t.p;
    const Array x = t.x();
    Array w(p.filter, p.w_shape());
    Extents tap = Extents::filled(w.shape().size(), 0);
    for (std::size_t i = 0; i < tap.size(); ++i) tap[i] = t.between(0, w.shape()[i] - 1);
    w.set(tap, 1);
    const auto y = run(t, p, x, w);
    if (!y) return 0;
    const std::int64_t k = tap[0];
    const std::int64_t group = k / (p.out_channels / p.groups);
    const std::int64_t c = group * (p.in_channels / p.groups) + tap[channel_axis(p, w.shape())];
    const Array expected = Array(p.output, p.y_shape()).fill([&](const Extents& o) -> Z {
      if (o[channel_axis(p, o)] != k) return 0;
      std::vector<std::int64_t> positions;
      for (std::size_t a = 0; a < p.rank(); ++a) {
        const Axis& axis = p.axes[a];
        const std::size_t at = first_spatial(p) + a;
        const std::int64_t r = p.flip ? axis.filter - 1 - tap[at] : tap[at];
        positions.push_back(o[at] * axis.stride + r * axis.dilation - axis.pad_lo);
      }
      return pictured_input(p, x, o[0], c, positions);
    });
    FALTUNG_EXPECT_EQUAL(*y, expected, t);
    return 1;
  });
}

// An input of one 1 between zeros shows the filter.
TEST(Properties, ImpulseShowsTheFilter) {
  for_each_trial(9, 150, [](Trial t) {
    Problem p = t.p;
    for (Axis& axis : p.axes) axis.below = axis.above = Boundary::zero();
    const Array w = t.w();
    Array x(p.input, p.x_shape());
    Extents impulse = Extents::filled(x.shape().size(), 0);
    for (std::size_t i = 0; i < impulse.size(); ++i) impulse[i] = t.between(0, x.shape()[i] - 1);
    x.set(impulse, 1);
    const auto y = run(t, p, x, w);
    if (!y) return 0;
    const std::int64_t inputs = p.in_channels / p.groups;
    const std::int64_t channel = impulse[channel_axis(p, impulse)];
    const Array expected = Array(p.output, p.y_shape()).fill([&](const Extents& o) -> Z {
      const std::int64_t k = o[channel_axis(p, o)];
      if (o[0] != impulse[0] || k / (p.out_channels / p.groups) != channel / inputs) return 0;
      Extents tap = w.shape();
      tap[0] = k;
      tap[channel_axis(p, tap)] = channel % inputs;
      for (std::size_t a = 0; a < p.rank(); ++a) {
        const Axis& axis = p.axes[a];
        const std::size_t at = first_spatial(p) + a;
        const std::int64_t distance =
            impulse[at] * axis.input_dilation + axis.pad_lo - o[at] * axis.stride;
        const std::int64_t r = distance / axis.dilation;
        if (distance < 0 || distance % axis.dilation != 0 || r >= axis.filter) return 0;
        tap[at] = p.flip ? axis.filter - 1 - r : r;
      }
      return p.conjugate ? std::conj(w.get(tap)) : w.get(tap);
    });
    FALTUNG_EXPECT_EQUAL(*y, expected, t);
    return 1;
  });
}

}  // namespace
}  // namespace faltung::test
