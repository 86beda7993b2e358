#include <algorithm>

#include "tests/surface/draw.hpp"
#include "tests/surface/front.hpp"

namespace faltung::test::surface {

std::vector<std::int64_t> some_axes(Random& random, std::size_t rank, std::size_t count) {
  std::vector<std::int64_t> axes(rank);
  for (std::size_t i = 0; i < rank; ++i) axes[i] = static_cast<std::int64_t>(i);
  for (std::size_t i = rank; i-- > 1;) {
    std::swap(axes[i],
              axes[static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(i)))]);
  }
  axes.resize(count);
  for (std::int64_t& axis : axes) {
    if (random.chance(2)) axis -= static_cast<std::int64_t>(rank);
  }
  return axes;
}

namespace {

Shape image_shape(Random& random, std::size_t rank, bool large) {
  constexpr std::int64_t small[] = {1, 40, 12, 6, 4}, big[] = {1, 600, 50, 12, 5};
  Shape shape;
  for (std::size_t i = 0; i < rank; ++i) {
    shape.push_back(random.between(1, large ? big[rank] : small[rank]));
  }
  return shape;
}

// A result type that an image of type x may have.
DType output_type(Draw& draw, Random& random, DType x, bool complex_weights) {
  if (is_complex(x) || complex_weights) return random.pick({c64, c128});
  return random.chance(12) ? c128 : draw.real_type();
}

bool fits_f32(DType type) { return size_of(type) <= 2 || type == f32 || type == c64; }

void draw_accumulator(Case& c, Random& random, DType x, DType y) {
  if (!random.chance(6)) return;
  c.set("acc", fits_f32(x) && fits_f32(y) && random.chance(3) ? "f32" : "f64");
}

}  // namespace

void draw_image(Case& c, Random& random) {
  Draw draw(random);
  const bool one = c.front().ends_with("1d");
  const auto rank = random.pick<std::size_t>({1, 2, 2, 2, 3, 4});
  const bool large = random.chance(25);
  const Shape x = image_shape(random, rank, large);
  const DType x_type = draw.any_type();
  DType w_type =
      random.pick({f64, f64, f32, f32, i8, i16, i32, i64, u8, u64, f16, bf16, c64, c128});
  if (random.chance(4)) w_type = x_type;
  const std::size_t count =
      one ? 1
      : random.chance(2)
          ? rank
          : static_cast<std::size_t>(random.between(1, static_cast<std::int64_t>(rank)));
  const auto axes = some_axes(random, rank, count);
  if (one || count < rank || random.chance(3)) c.set("axes", axes);
  Shape w;
  std::vector<std::int64_t> origins;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t max = large && rank < 3   ? (rank == 1 ? 200 : 15)
                             : random.chance(10) ? 14
                                                 : 5;
    const std::int64_t taps = random.between(1, count > 2 ? std::min<std::int64_t>(max, 4) : max);
    w.push_back(taps);
    origins.push_back(random.between(-(taps / 2), (taps - 1) / 2));
  }
  c.set("x", draw.operand(x_type, x));
  std::string fill = draw.fill();
  if (random.chance(4)) fill = "outer";
  if (random.chance(4)) fill = "whole";
  c.set("w", draw.operand(w_type, w, fill));
  if (random.chance(2)) c.set("origin", origins);
  if (random.chance(2)) c.set("boundary", draw.boundaries(count, is_integer(x_type)));
  DType y_type = is_complex(x_type) || !is_complex(w_type) ? x_type
                 : x_type == f64 || is_integer(x_type)     ? c128
                                                           : c64;
  const bool other = random.chance(3);
  if (other) y_type = output_type(draw, random, x_type, is_complex(w_type));
  if (random.chance(3)) {
    c.set("y", draw.operand(y_type, x, "special", true));
  } else if (other) {
    c.set("output", std::string(name(y_type)));
  }
  draw_accumulator(c, random, x_type, y_type);
  draw.store(c);
  draw.method(c);
}

void draw_masked(Case& c, Random& random) {
  Draw draw(random);
  const auto rank = random.pick<std::size_t>({1, 2, 2, 3});
  const Shape x = image_shape(random, rank, random.chance(25));
  const std::size_t count =
      random.chance(2)
          ? rank
          : static_cast<std::size_t>(random.between(1, static_cast<std::int64_t>(rank)));
  if (count < rank || random.chance(3)) c.set("axes", some_axes(random, rank, count));
  Shape w;
  std::vector<std::int64_t> origins;
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t taps = random.between(1, random.chance(10) ? 14 : 4);
    w.push_back(taps);
    origins.push_back(random.between(-(taps / 2), (taps - 1) / 2));
  }
  const std::string fill = random.chance(2) ? "special" : draw.fill();
  const DType x_type = draw.real_float();
  c.set("x", draw.operand(x_type, x, fill));
  c.set("w",
        draw.operand(random.pick({u8, u8, u16}), w, random.pick<const char*>({"whole", "sparse"})));
  if (random.chance(2)) c.set("origin", origins);
  if (random.chance(2)) c.set("boundary", draw.boundaries(count, false));
  const bool weighted = random.chance(2);
  if (weighted)
    c.set("weights", draw.operand(u8, x, random.pick<const char*>({"whole", "sparse"})));
  if (random.chance(4)) c.set("nan", random.pick<const char*>({"value", "spread"}));
  const bool may_miss = weighted || !c.has("nan");
  if (may_miss && random.chance(3)) c.set("count", random.between(0, element_count(w)));
  if (random.chance(3)) c.set("gain", 1);
  if (random.chance(4)) c.set("preserve", 1);
  if (random.chance(3)) c.set(random.pick<const char*>({"keep", "fill"}), 1);
  if (random.chance(3)) c.set("output", std::string(name(draw.real_float())));
  draw.method(c, false);
}

void draw_passes(Case& c, Random& random) {
  Draw draw(random);
  const std::string kind = c.front().substr(6);
  const bool real = kind.ends_with("magnitude");
  const auto rank = random.pick<std::size_t>({1, 2, 2, 2, 3});
  const Shape x = image_shape(random, rank, random.chance(40));
  const DType x_type = real ? draw.real_type() : draw.any_type();
  DType y_type = random.chance(3) ? output_type(draw, random, x_type, false) : x_type;
  if (real && is_complex(y_type)) y_type = f64;
  c.set("x", draw.operand(x_type, x)).set("y", draw.operand(y_type, x, "special", true));
  std::size_t count = rank;
  const bool all = kind == "sobel" || kind == "prewitt";
  if (!all && random.chance(3)) {
    count = static_cast<std::size_t>(random.between(1, static_cast<std::int64_t>(rank)));
    c.set("axes", some_axes(random, rank, count));
  }
  if (all) {
    const auto last = static_cast<std::int64_t>(rank) - 1;
    c.set("axis", random.between(-last - 1, last));
  }
  const bool whole = is_integer(x_type) || is_integer(y_type);
  const bool of_all = all || kind == "sobel_magnitude" || kind == "prewitt_magnitude";
  if (random.chance(2)) c.set("boundary", draw.boundaries(of_all ? rank : count, whole));
  if (kind == "uniform") {
    std::vector<std::int64_t> sizes, origins;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t size = random.between(1, random.chance(8) ? 45 : 7);
      sizes.push_back(size);
      origins.push_back(random.between(-(size / 2), (size - 1) / 2));
    }
    c.set("size", sizes);
    if (random.chance(2)) c.set("origin", origins);
  } else if (kind.starts_with("gaussian")) {
    std::string sigma, truncate = random.pick<const char*>({"2", "3", "4"});
    std::vector<std::int64_t> order;
    for (std::size_t i = 0; i < count; ++i) {
      sigma +=
          (i == 0 ? "" : ",") + std::string(random.pick<const char*>({"0.5", "1", "1.3", "2.1"}));
      order.push_back(random.pick<std::int64_t>({0, 0, 1, 2, 3}));
    }
    c.set("sigma", sigma).set("truncate", truncate);
    if (kind == "gaussian" && random.chance(2)) c.set("order", order);
  }
  draw_accumulator(c, random, x_type, y_type);
  draw.store(c);
  draw.method(c, false);
}

}  // namespace faltung::test::surface
