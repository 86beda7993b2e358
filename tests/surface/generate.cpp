// Draws cases of the signal and numpy front ends, and what all generators share.

#include <algorithm>
#include <numeric>

#include <faltung/promotion.hpp>
#include "tests/surface/draw.hpp"
#include "tests/surface/front.hpp"

namespace faltung::test::surface {

std::string Draw::fill() {
  if (extreme_) return random_.pick<const char*>({"limits", "tiny", "huge", "special", "special"});
  return random_.pick<const char*>({"reals", "reals", "whole", "sparse", "range"});
}

DType Draw::any_type() {
  return random_.pick(
      {f32, f32, f64, f64, f16, bf16, c64, c128, i8, u8, i16, u16, i32, u32, i64, u64, u8, i32});
}
DType Draw::real_float() { return random_.pick({f16, bf16, f32, f32, f64}); }
DType Draw::real_type() {
  const DType type = any_type();
  return is_complex(type) ? f32 : type;
}

std::pair<DType, DType> Draw::pair() {
  const DType a = any_type();
  if (random_.chance(2)) return {a, a};
  const DType b = any_type();
  const bool integers = is_integer(a) && is_integer(b);
  return integers && !is_integer(numpy_result_type(a, b)) ? std::pair{a, a} : std::pair{a, b};
}

std::string shape_text(const Shape& shape) {
  std::string text;
  for (const std::int64_t extent : shape)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text.empty() ? "scalar" : text;
}

std::string Draw::compact(DType type, const Shape& shape, const std::string& fill) {
  return std::string(name(type)) + ':' + shape_text(shape) + ':' + fill;
}

std::string Draw::operand(DType type, const Shape& shape, const std::string& fill, bool written) {
  std::string text = compact(type, shape, fill);
  if (shape.empty() || !random_.chance(3)) return text;
  std::vector<std::size_t> order(shape.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  for (std::size_t i = order.size(); i-- > 1;) {
    std::swap(order[i],
              order[static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(i)))]);
  }
  std::string steps, axes;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    std::int64_t step = random_.pick<std::int64_t>({1, 1, -1, 2, -2, 3});
    if (!written && random_.chance(12)) step = 0;
    steps += (i == 0 ? "" : ",") + std::to_string(step);
    axes += (i == 0 ? "" : ",") + std::to_string(order[i]);
  }
  return text + ':' + steps + '/' + axes;
}

std::string Draw::boundary(bool whole) {
  const std::string rule =
      random_.pick<const char*>({"zero", "nearest", "reflect", "mirror", "wrap", "constant"});
  if (rule != "constant") return rule;
  return whole ? "constant:" + std::to_string(random_.between(0, 100))
               : random_.pick<const char*>({"constant:1.5", "constant:-2.25", "constant:0"});
}

std::string Draw::boundaries(std::size_t count, bool whole) {
  std::string text = boundary(whole);
  if (random_.chance(2)) return text;
  for (std::size_t i = 1; i < count; ++i) text += '|' + boundary(whole);
  return text;
}

void Draw::method(Case& c, bool fft_too) {
  if (random_.chance(5)) c.set("method", "direct");
  if (fft_too && random_.chance(6)) c.set("method", "fft");
}

void Draw::store(Case& c) {
  if (random_.chance(2)) c.set("round", "nearest_even");
  if (random_.chance(2)) c.set("overflow", "saturate");
}

namespace {

std::int64_t extent(Random& random, std::size_t rank, bool large) {
  constexpr std::int64_t small[] = {1, 40, 12, 6, 4}, big[] = {1, 1500, 50, 14, 6};
  return random.between(1, large ? big[rank] : small[rank]);
}

// Names a result type that these operands may have, and how sums become integers.
DType other_result(Case& c, Draw& draw, Random& random, DType a, DType b) {
  DType result = random.pick({f32, f64, f16, i32, u8, i64});
  if (is_complex(a) || is_complex(b)) result = random.pick({c64, c128});
  const auto is_long = [](DType type) { return is_integer(type) && size_of(type) == 8; };
  if (is_integer(a) && is_integer(b) && (is_long(a) || is_long(b))) {
    result = random.pick({i32, u8, i64, u64});
  }
  c.set("output", std::string(name(result)));
  // Integers that are summed as integers may only wrap, unless their types show that they fit.
  if (!is_integer(a) || !is_integer(b)) draw.store(c);
  if (random.chance(3)) {
    const bool complex = is_complex(result);
    if (complex) c.set("acc", "c128");
    if (!complex && !(is_integer(a) && is_integer(b))) c.set("acc", "f64");
  }
  return result;
}

}  // namespace

void draw_convolve(Case& c, Random& random) {
  Draw draw(random);
  const std::string front = c.front();
  const bool by_fft = front == "signal.fftconvolve" || front == "signal.oaconvolve";
  const bool two = front.ends_with("2d");
  const std::size_t rank = two                          ? 2
                           : front.starts_with("numpy") ? 1
                           : random.chance(60)          ? 0
                                               : random.pick<std::size_t>({1, 1, 2, 2, 3, 4});
  auto [a, b] = draw.pair();
  const auto long_integer = [](DType type) { return is_integer(type) && size_of(type) == 8; };
  if (by_fft && is_integer(a) && is_integer(b) && (long_integer(a) || long_integer(b))) a = b = i32;
  const std::string mode = random.pick<const char*>({"full", "same", "valid"});
  c.set("mode", mode);
  const bool large = random.chance(rank == 1 ? 20 : 50);
  const bool k_longer = random.chance(5);
  Shape x, k;
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < rank; ++i) {
    std::int64_t n = extent(random, rank, large);
    std::int64_t m = random.between(1, std::max<std::int64_t>(1, large ? n / 3 : n));
    if (k_longer) std::swap(n, m);
    if (mode != "valid" && random.chance(6)) m = extent(random, rank, false);
    if (by_fft && rank > 1 && random.chance(4)) {  // not convolved
      m = random.chance(3) ? n : 1;
      if (random.chance(4)) std::swap(n, m);
    } else {
      axes.push_back(random.chance(3)
                         ? static_cast<std::int64_t>(i) - static_cast<std::int64_t>(rank)
                         : static_cast<std::int64_t>(i));
    }
    x.push_back(n);
    k.push_back(m);
  }
  if (by_fft && axes.size() < rank && !axes.empty()) {
    c.set("axes", axes);
  } else if (by_fft && mode == "valid") {  // of all axes, one operand must be the longer
    for (std::size_t i = 0; i < rank; ++i) {
      if ((x[i] < k[i]) != k_longer) std::swap(x[i], k[i]);
    }
  }
  if (c.has("axes") && mode == "valid") {
    for (const std::int64_t axis : axes) {
      const auto i =
          static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(rank) : axis);
      if ((x[i] < k[i]) != k_longer) std::swap(x[i], k[i]);
    }
  }
  c.set("x", draw.operand(a, x)).set("k", draw.operand(b, k));
  DType result = by_fft ? fft_result_type(a, b) : numpy_result_type(a, b);
  if (random.chance(4)) result = other_result(c, draw, random, a, b);
  if (two) c.set("boundary", draw.boundary(is_integer(result)));
  if (!by_fft) draw.method(c);
}

void draw_upfirdn(Case& c, Random& random) {
  Draw draw(random);
  const std::size_t rank = random.pick<std::size_t>({1, 1, 2, 3});
  auto [a, b] = draw.pair();
  const auto long_integer = [](DType type) { return is_integer(type) && size_of(type) == 8; };
  const bool named = c.front() == "signal.upfirdn" && random.chance(3);
  if (!named && is_integer(a) && is_integer(b) && (long_integer(a) || long_integer(b))) a = b = i16;
  const auto axis =
      static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(rank) - 1));
  const bool large = random.chance(30);
  Shape x = Shape::filled(rank, 1);
  for (std::size_t i = 0; i < rank; ++i) x[i] = random.between(1, 4);
  x[axis] = random.between(1, large ? 800 : 40);
  c.set("axis",
        static_cast<std::int64_t>(axis) - (random.chance(2) ? static_cast<std::int64_t>(rank) : 0));
  c.set("x", draw.operand(a, x));
  const std::int64_t up = random.between(1, 5), down = random.between(1, 5);
  c.set("up", up).set("down", down);
  const std::int64_t taps = random.between(1, large ? 200 : 30);
  std::string rule = random.pick<const char*>({"constant", "symmetric", "reflect", "edge", "wrap",
                                               "smooth", "antisymmetric", "antireflect", "line"});
  if (c.front() == "signal.upfirdn") {
    c.set("h", draw.operand(b, {taps})).set("mode", rule);
  } else {
    if (random.chance(2)) c.set("taps", draw.operand(b, {taps}));
    if (random.chance(3)) rule = random.pick<const char*>({"mean", "median", "maximum", "minimum"});
    c.set("padtype", rule);
  }
  bool whole = false;
  if (named) {
    const DType result = other_result(c, draw, random, b, a);
    whole = is_integer(a) && is_integer(result);
    // The other rules compute numbers that 64 bits are too many for.
    if (whole && is_integer(b) && (long_integer(a) || long_integer(b))) {
      rule = random.pick<const char*>({"constant", "symmetric", "reflect", "edge", "wrap"});
      c.set("mode", rule);
    }
  }
  if (rule == "constant" && random.chance(2)) {
    c.set("cval", whole ? "2" : "1.5");
  }
  draw.method(c);
}

void draw_sepfir2d(Case& c, Random& random) {
  Draw draw(random);
  const bool large = random.chance(25);
  const DType type = draw.any_type();
  c.set("x", draw.operand(type, {extent(random, 2, large), extent(random, 2, large)}));
  for (const char* const key : {"hrow", "hcol"}) {
    DType taps = draw.any_type();
    if (is_complex(taps) && !is_complex(type)) taps = f64;
    const std::int64_t half = random.between(0, large ? 40 : random.chance(8) ? 12 : 3);
    c.set(key, draw.operand(taps, {2 * half + 1}));
  }
  draw.method(c);
}

const std::vector<Front>& fronts() {
  static const std::vector<Front> all = {
      {"signal.convolve", 4, draw_convolve, judge_convolve},
      {"signal.correlate", 4, draw_convolve, judge_convolve},
      {"signal.fftconvolve", 3, draw_convolve, judge_convolve},
      {"signal.oaconvolve", 2, draw_convolve, judge_convolve},
      {"signal.convolve2d", 3, draw_convolve, judge_convolve},
      {"signal.correlate2d", 3, draw_convolve, judge_convolve},
      {"numpy.convolve", 3, draw_convolve, judge_convolve},
      {"numpy.correlate", 3, draw_convolve, judge_convolve},
      {"signal.upfirdn", 5, draw_upfirdn, judge_upfirdn},
      {"signal.resample_poly", 4, draw_upfirdn, judge_upfirdn},
      {"signal.sepfir2d", 3, draw_sepfir2d, judge_sepfir2d},
      {"image.convolve", 6, draw_image, judge_image},
      {"image.correlate", 6, draw_image, judge_image},
      {"image.convolve1d", 3, draw_image, judge_image},
      {"image.correlate1d", 3, draw_image, judge_image},
      {"image.masked_convolve", 4, draw_masked, judge_masked},
      {"image.masked_correlate", 4, draw_masked, judge_masked},
      {"image.gaussian", 3, draw_passes, judge_passes},
      {"image.gaussian_laplace", 2, draw_passes, judge_passes},
      {"image.gaussian_gradient_magnitude", 2, draw_passes, judge_passes},
      {"image.uniform", 5, draw_passes, judge_passes},
      {"image.sobel", 2, draw_passes, judge_passes},
      {"image.prewitt", 2, draw_passes, judge_passes},
      {"image.laplace", 2, draw_passes, judge_passes},
      {"image.sobel_magnitude", 2, draw_passes, judge_passes},
      {"image.prewitt_magnitude", 2, draw_passes, judge_passes},
      {"image.rank_filter", 4, draw_rank, judge_rank},
      {"image.median_filter", 3, draw_rank, judge_rank},
      {"image.percentile_filter", 3, draw_rank, judge_rank},
      {"signal.medfilt", 2, draw_rank, judge_rank},
      {"signal.medfilt2d", 2, draw_rank, judge_rank},
      {"signal.order_filter", 2, draw_rank, judge_rank},
      {"nn.conv", 8, draw_nn, judge_nn},
      {"nn.conv_data_gradient", 5, draw_nn, judge_nn},
      {"nn.conv_filter_gradient", 5, draw_nn, judge_nn},
      {"nn.bias_gradient", 2, draw_bias_gradient, judge_bias_gradient},
      {"nn.conv_transpose", 5, draw_transpose, judge_transpose},
      {"nn.conv_transpose_data_gradient", 3, draw_transpose, judge_transpose},
      {"nn.conv_transpose_filter_gradient", 3, draw_transpose, judge_transpose},
      {"nn.conv_integer", 3, draw_quantised, judge_quantised},
      {"nn.qlinear_conv", 3, draw_quantised, judge_quantised},
      {"plan", 12, draw_plan, judge_plan}};
  return all;
}

Case generate(std::uint64_t seed) {
  Random random(seed * 0x2545f4914f6cdd1du + 1);
  std::int64_t total = 0;
  for (const Front& front : fronts()) total += front.weight;
  std::int64_t at = random.between(0, total - 1);
  for (const Front& front : fronts()) {
    at -= front.weight;
    if (at >= 0) continue;
    Case c{std::string(front.name)};
    c.set("seed", static_cast<std::int64_t>(random.bits() >> 40));
    front.draw(c, random);
    return c;
  }
  return Case("plan");
}

std::string judge(const Case& c) {
  for (const Front& front : fronts()) {
    if (front.name == c.front()) return front.judge(c);
  }
  throw std::invalid_argument("no front end has the name " + c.front());
}

}  // namespace faltung::test::surface
