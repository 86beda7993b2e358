#include <algorithm>

#include "tests/surface/draw.hpp"
#include "tests/surface/front.hpp"

namespace faltung::test::surface {
namespace {

// How far the extents of images and windows go, by the image's rank.
struct Reach {
  std::int64_t image[9];
  std::int64_t window[9];
};
constexpr Reach small = {{1, 60, 14, 7, 4, 3, 2, 2, 2}, {1, 9, 5, 3, 3, 2, 2, 2, 2}};
constexpr Reach large = {{1, 700, 60, 14, 5, 3, 2, 2, 2}, {1, 200, 26, 6, 3, 2, 2, 2, 2}};

Shape drawn_shape(Random& random, const std::int64_t (&max)[9], std::size_t rank) {
  Shape shape;
  for (std::size_t i = 0; i < rank; ++i) shape.push_back(random.between(1, max[rank]));
  // Rows of many vectors.
  if (rank == 2 && random.chance(8)) shape[1] += 150;
  return shape;
}

// Few different numbers, so that many are equal, in one of three; else those that all draw.
std::string fill_of(Draw& draw, Random& random) { return random.chance(3) ? "ties" : draw.fill(); }

std::int64_t members_of(const Case& c, const char* key) {
  const Operand operand(c, key);
  return std::ranges::count_if(operand.grid().values, [](const Value& v) { return v.re != 0; });
}

// A footprint with members of any sign and type; how many.
std::int64_t draw_members(Case& c, const char* key, Draw& draw, Random& random,
                          const Shape& shape) {
  while (true) {
    Case trial = c;
    trial.set(key, draw.operand(draw.real_type(), shape,
                                random.pick<const char*>({"sparse", "whole", "ties", "special"})));
    const std::int64_t members = members_of(trial, key);
    if (members == 0) continue;
    c = trial;
    return members;
  }
}

// The least, the greatest, the middle, or any.
std::int64_t drawn_rank(Random& random, std::int64_t members, bool negative_too) {
  const std::int64_t rank = random.chance(2)
                                ? random.between(0, members - 1)
                                : random.pick<std::int64_t>({0, members - 1, members / 2});
  return negative_too && random.chance(2) ? rank - members : rank;
}

std::vector<std::int64_t> drawn_sizes(Random& random, const Reach& reach, std::size_t rank,
                                      std::size_t axes) {
  std::vector<std::int64_t> sizes;
  for (std::size_t i = 0; i < axes; ++i) sizes.push_back(random.between(1, reach.window[rank]));
  return sizes;
}

void draw_signal_rank(Case& c, Draw& draw, Random& random, const Reach& reach, const Shape& x) {
  auto sizes = drawn_sizes(random, reach, x.size(), x.size());
  for (std::int64_t& size : sizes) size -= 1 - size % 2;
  if (c.front() == "signal.order_filter") {
    Shape shape;
    for (const std::int64_t size : sizes) shape.push_back(size);
    c.set("rank", drawn_rank(random, draw_members(c, "domain", draw, random, shape), false));
  } else if (!random.chance(8) && !sizes.empty()) {
    if (random.chance(4)) sizes.resize(1);
    c.set("kernel_size", sizes);
  }
}

// @param axes  how many are filtered
void draw_window(Case& c, Draw& draw, Random& random, const Reach& reach, std::size_t rank,
                 std::size_t axes) {
  const auto sizes = drawn_sizes(random, reach, rank, axes);
  std::int64_t members = 1;
  std::vector<std::int64_t> origins;
  Shape shape;
  for (const std::int64_t size : sizes) {
    origins.push_back(random.between(-(size / 2), (size - 1) / 2));
    shape.push_back(size);
    members *= size;
  }
  if (random.chance(2)) {
    members = draw_members(c, "footprint", draw, random, shape);
  } else {
    c.set("size", sizes.empty() ? std::vector<std::int64_t>{1} : sizes);
  }
  if (!sizes.empty() && random.chance(2)) c.set("origin", origins);
  if (c.front() == "image.rank_filter") c.set("rank", drawn_rank(random, members, true));
  if (c.front() == "image.percentile_filter") {
    c.set("percentile", random.pick<const char*>({"0", "100", "-100", "50", "25", "-25", "12.5",
                                                  "-0.25", "99.75", "62.5", "-87.5"}));
  }
}

}  // namespace

void draw_rank(Case& c, Random& random) {
  Draw draw(random);
  const bool of_signal = c.front().starts_with("signal.");
  const bool flat = c.front() == "signal.medfilt2d";
  const std::size_t rank = flat                ? 2
                           : random.chance(60) ? 0
                           : random.chance(40) ? random.pick<std::size_t>({5, 6, 7, 8})
                                               : random.pick<std::size_t>({1, 2, 2, 2, 3, 4});
  const Reach& reach = random.chance(12) ? large : small;
  const Shape x = drawn_shape(random, reach.image, rank);
  const DType type = draw.real_type();
  c.set("x", draw.operand(type, x, fill_of(draw, random)));
  if (of_signal) return draw_signal_rank(c, draw, random, reach, x);
  const std::size_t count =
      rank == 0 || random.chance(2)
          ? rank
          : static_cast<std::size_t>(random.between(1, static_cast<std::int64_t>(rank)));
  if (rank > 0 && (count < rank || random.chance(3))) {
    c.set("axes", some_axes(random, rank, count));
  }
  draw_window(c, draw, random, reach, rank, count);
  if (count > 0 && random.chance(2)) {
    c.set("boundary", draw.boundaries(count, is_integer(type)));
  }
  const DType y_type = random.chance(3) ? draw.real_type() : type;
  if (random.chance(3)) {
    c.set("y", draw.operand(y_type, x, "special", true));
  } else if (y_type != type) {
    c.set("output", std::string(name(y_type)));
  }
  draw.store(c);
}

}  // namespace faltung::test::surface
