#include <gtest/gtest.h>

#include <cstdint>
#include <faltung/faltung.hpp>
#include <random>
#include <string>
#include <vector>

#include "tests/support/direct_sum.hpp"
#include "tests/support/refusal.hpp"

namespace faltung::signal {
namespace {

std::vector<double> line(const Tensor& y) {
  const auto values = y.values<double>();
  return {values.begin(), values.end()};
}

Tensor vector(std::initializer_list<double> values) {
  return Tensor::from<double>(values, {static_cast<std::int64_t>(values.size())});
}

constexpr Extension all_extensions[] = {
    Extension::constant,      Extension::symmetric,   Extension::reflect,
    Extension::edge,          Extension::wrap,        Extension::smooth,
    Extension::antisymmetric, Extension::antireflect, Extension::line};

TEST(Upfirdn, ContinuesInNineWays) {
  const std::pair<const char*, std::vector<double>> expected[] = {
      {"constant", {1, 3, 7, 13, 11, 7}},       {"symmetric", {4, 4, 7, 13, 18, 18}},
      {"reflect", {7, 5, 7, 13, 15, 13}},       {"edge", {3, 4, 7, 13, 18, 21}},
      {"wrap", {12, 10, 7, 13, 12, 10}},        {"smooth", {0, 3, 7, 13, 21, 30}},
      {"antisymmetric", {-2, 2, 7, 13, 4, -4}}, {"antireflect", {-1, 3, 7, 13, 21, 29}},
      {"line", {-3, 2, 7, 13, 20, 27}}};
  const Tensor h = vector({1, 1, 1}), x = vector({1, 2, 4, 7});
  for (const auto& [mode, y] : expected) {
    EXPECT_EQ(line(upfirdn(h, x, {.mode = parse_extension(mode)})), y) << mode;
  }
}

TEST(Upfirdn, ChangesTheRate) {
  const Tensor y = upfirdn(vector({1, 2, 3}), vector({1, 2, 3, 4, 5}), {.up = 2, .down = 3});
  EXPECT_EQ(line(y), (std::vector<double>{1, 4, 13, 10}));
}

// Element i of the infinite signal, each rule by stepping towards the data.
Numbers::Value continued(const std::vector<Numbers::Value>& x, std::int64_t i, Extension mode,
                         Numbers::Value cval) {
  const auto n = static_cast<std::int64_t>(x.size());
  if (i >= 0 && i < n) return x[static_cast<std::size_t>(i)];
  const Numbers::Value first = x.front(), last = x.back();
  const auto again = [&](std::int64_t j) { return continued(x, j, mode, cval); };
  const std::int64_t half_sample = i < 0 ? -1 - i : 2 * n - 1 - i;  // mirrored about the end's edge
  const std::int64_t whole_sample = i < 0 ? -i : 2 * (n - 1) - i;   // about the end's element
  const bool alone = n == 1 && mode != Extension::antisymmetric;
  if (mode == Extension::constant) return cval;
  if (alone) return first;
  switch (mode) {
    case Extension::symmetric:
      return again(half_sample);
    case Extension::antisymmetric:
      return -again(half_sample);
    case Extension::reflect:
      return again(whole_sample);
    case Extension::antireflect:
      return 2.0 * (i < 0 ? first : last) - again(whole_sample);
    case Extension::wrap:
      return again(i < 0 ? i + n : i - n);
    case Extension::edge:
      return i < 0 ? first : last;
    case Extension::smooth:
      return i < 0 ? again(i + 1) - (x[1] - x[0])
                   : again(i - 1) + (last - x[static_cast<std::size_t>(n - 2)]);
    default: {
      const Numbers::Value slope = (last - first) / static_cast<double>(n - 1);
      return i < 0 ? first + static_cast<double>(i) * slope
                   : last + static_cast<double>(i - n + 1) * slope;
    }
  }
}

Numbers upfirdn_by_sum(const Numbers& h, const Numbers& x, const UpfirdnOptions& o,
                       std::size_t axis) {
  const std::int64_t n = x.shape[axis], taps = h.shape[0];
  Shape shape = x.shape;
  shape[axis] = ((n - 1) * o.up + taps + o.down - 1) / o.down;
  Numbers y(shape);
  for (std::size_t p = 0; p < y.values.size(); ++p) {
    Extents at = y.index(p);
    const std::int64_t time = at[axis] * o.down;
    std::vector<Numbers::Value> samples;
    for (at[axis] = 0; at[axis] < n; ++at[axis]) samples.push_back(x.values[x.at(at)]);
    for (std::int64_t r = 0; r < taps; ++r) {
      const std::int64_t from = time - r;
      if (from % o.up != 0) continue;
      y.values[p] +=
          h.values[static_cast<std::size_t>(r)] * continued(samples, from / o.up, o.mode, o.cval);
    }
  }
  return y;
}

TEST(Upfirdn, EqualsTheSumWithEveryExtensionAxisAndRate) {
  std::mt19937 random(20);
  const auto draw = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  for (int trial = 0; trial < 600; ++trial) {
    Shape shape;
    for (int rank = draw(1, 3); rank > 0; --rank) shape.push_back(draw(1, 5));
    const int axis = draw(0, static_cast<int>(shape.size()) - 1);
    UpfirdnOptions options;
    options.run.engine = "direct";  // FFT engines would round sums of small integers
    options.up = draw(1, 4);
    options.down = draw(1, 4);
    options.axis = draw(0, 1) ? axis : axis - static_cast<int>(shape.size());
    options.mode = all_extensions[trial % 9];
    if (options.mode == Extension::constant) options.cval = draw(-1, 1);
    // `line` divides by n - 1: powers of two keep it exact.
    if (options.mode == Extension::line) shape[static_cast<std::size_t>(axis)] = draw(2, 3);
    const DType types[] = {f32, f64, i16, u8, c64, c128, f16, i32};
    const DType h_type = types[draw(0, 7)], x_type = types[draw(0, 7)];
    const Numbers h = small_integers({draw(1, 11)}, h_type, random);
    const Numbers x = small_integers(shape, x_type, random);
    const Tensor y = upfirdn(h.as(h_type), x.as(x_type), options);
    EXPECT_EQ(Numbers(y), upfirdn_by_sum(h, x, options, static_cast<std::size_t>(axis)))
        << "trial " << trial << ": " << name(options.mode) << " x " << shape << " axis " << axis
        << " taps " << h.shape << " up " << options.up << " down " << options.down;
  }
}

TEST(Upfirdn, ContinuesASingleSample) {
  const Tensor h = vector({1, 10, 100}), x = vector({3});
  for (const Extension mode : all_extensions) {
    const std::vector<double> expected =
        mode == Extension::constant        ? std::vector<double>{3, 30, 300}
        : mode == Extension::antisymmetric ? std::vector<double>{273, -273, 273}
                                           : std::vector<double>{333, 333, 333};
    EXPECT_EQ(line(upfirdn(h, x, {.mode = mode})), expected) << name(mode);
  }
}

TEST(Upfirdn, KeepsAConstantThatTheInputCannotHold) {
  const Tensor x = Tensor::from<std::int16_t>({1, 2}, {2});
  const Tensor h = Tensor::from<std::int16_t>({1, 1}, {2});
  const Tensor y = upfirdn(h, x, {.cval = 0.5});
  ASSERT_EQ(y.dtype(), f32);
  EXPECT_EQ(Numbers(y).values, (std::vector<Numbers::Value>{1.5, 3, 2.5}));
}

// The extended copy that up > 1 takes was of f32 or f64.
TEST(Upfirdn, KeepsIntegersExactWhereTheyAreRepeated) {
  constexpr std::int64_t a = (std::int64_t{1} << 53) + 1, b = 5;
  const Tensor x = Tensor::from<std::int64_t>({a, b}, {2});
  const Tensor h = Tensor::from<std::int64_t>({1, 1, 1}, {3});
  const std::pair<Extension, std::vector<std::int64_t>> expected[] = {
      {Extension::symmetric, {2 * a, a, a + b, b, 2 * b}},
      {Extension::edge, {2 * a, a, a + b, b, 2 * b}},
      {Extension::wrap, {a + b, a, a + b, b, a + b}},
      {Extension::constant, {a + 3, a, a + b, b, b + 3}}};
  for (const auto& [mode, y] : expected) {
    const double cval = mode == Extension::constant ? 3 : 0;
    const Tensor result = upfirdn(h, x, {.up = 2, .mode = mode, .cval = cval, .output = i64});
    const auto values = result.values<std::int64_t>();
    EXPECT_EQ(std::vector<std::int64_t>(values.begin(), values.end()), y) << name(mode);
  }
  // A product of 30 bits, of which f32 would lose those that are kept.
  const Tensor y =
      upfirdn(Tensor::from<std::int16_t>({30001}, {1}), Tensor::from<std::int16_t>({29999}, {1}),
              {.up = 2, .mode = Extension::edge, .output = u8});
  EXPECT_EQ(y.values<std::uint8_t>()[0], 30001 * 29999 % 256);
}

TEST(Upfirdn, RefusesToRoundIntegers) {
  const Tensor x = Tensor::from<std::int64_t>({1, 2}, {2});
  for (const Extension mode :
       {Extension::smooth, Extension::antisymmetric, Extension::antireflect, Extension::line}) {
    EXPECT_REFUSED(upfirdn(x, x, {.mode = mode, .output = i64}),
                   "mode " + std::string(name(mode)) + " continues x in f64");
  }
  for (const std::int64_t up : {1, 2}) {
    EXPECT_REFUSED(upfirdn(x, x, {.up = up, .cval = 1.5, .output = i64}), "i64 cannot hold");
  }
}

TEST(Upfirdn, OfEmptyInputHasTheShapeOfSciPys) {
  const Tensor h = vector({1, 2});
  EXPECT_EQ(line(upfirdn(h, Tensor::zeros(f64, {0}))), std::vector<double>{0});
  EXPECT_EQ(upfirdn(h, Tensor::zeros(f64, {0, 3})).shape(), (Shape{0, 4}));
  EXPECT_EQ(upfirdn(h, Tensor::zeros(f64, {0}), {.up = 5}).shape(), (Shape{0}));
}

TEST(Upfirdn, RefusesWhatHasNoMeaning) {
  const Tensor h = vector({1, 2}), x = vector({1, 2, 3});
  EXPECT_REFUSED(upfirdn(Tensor::zeros(f64, {0}), x), "h has shape 0");
  EXPECT_REFUSED(upfirdn(Tensor::zeros(f64, {1, 2}), x), "h has shape 1x2");
  EXPECT_REFUSED(upfirdn(h, x, {.up = 0}), "up is 0");
  EXPECT_REFUSED(upfirdn(h, x, {.down = -1}), "down -1");
  EXPECT_REFUSED(upfirdn(h, x, {.axis = 1}), "axis 1 does not exist");
  EXPECT_REFUSED(upfirdn(h, x, {.axis = -2}), "allows -1 to 0");
  EXPECT_REFUSED(upfirdn(h, Tensor::zeros(f64, {})), "rank 0");
  EXPECT_REFUSED(upfirdn(h, x, {.cval = {0, 1}}), "must be real");
  EXPECT_REFUSED(upfirdn(h, x, {.up = std::int64_t{1} << 62}), "split x");
  EXPECT_REFUSED(parse_extension("odd"), "'odd'");
}

TEST(Upfirdn, PlansOnceWhereNoCopyIsNeeded) {
  const Tensor h = vector({1, 2, 3});
  const Tensor x = Tensor::from<double>({1, 2, 3, 4, 5, 6}, {2, 3});
  for (const UpfirdnOptions& options :
       {UpfirdnOptions{.up = 2, .down = 3}, UpfirdnOptions{.up = 3, .mode = Extension::reflect},
        UpfirdnOptions{.axis = 0, .mode = Extension::wrap}}) {
    const Lowering call = lower_upfirdn(h, x, options);
    const Plan plan = Plan::make(call.problem, Device::cpu(), call.plan);
    Tensor y(call.problem.output, call.result_shape);
    call.run(plan, {}, x, h, y);
    EXPECT_EQ(line(y), line(upfirdn(h, x, options)));
  }
  EXPECT_REFUSED(lower_upfirdn(h, x, {.mode = Extension::line}), "line");
  EXPECT_REFUSED(lower_upfirdn(h, x, {.up = 2, .mode = Extension::edge}), "edge with up 2");
}

}  // namespace
}  // namespace faltung::signal
