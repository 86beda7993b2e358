// Rank filters in every way, against the definition.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <random>
#include <type_traits>
#include <vector>

#include <faltung/rank.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/boundary_map.hpp"
#include "cpp/core/element.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/cpu/rank/rank_filter.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/simd/cpu_target.hpp"
#endif

namespace faltung {
namespace {

using image::rank_filter;
using image::RankOptions;
using rank::Way;

constexpr Way all_ways[] = {Way::automatic, Way::network, Way::histogram, Way::ordinal};

template <typename T>
bool is_nan(T value) {
  if constexpr (is_integer(dtype_of<T>)) return false;
  return !(static_cast<double>(value) == static_cast<double>(value));
}
template <typename T>
bool is_negative(T value) {
  if constexpr (is_integer(dtype_of<T>)) return value < T{0};
  return std::signbit(static_cast<double>(value));
}

// The documented order: NaN last, -0 before +0.
template <typename T>
bool stands_before(T a, T b) {
  if (is_nan(a) || is_nan(b)) return !is_nan(a);
  if (a < b || b < a) return a < b;
  return is_negative(a) && !is_negative(b);
}

template <typename T>
bool is_result(T got, T want) {
  if (is_nan(want)) return is_nan(got) && !is_negative(got);
  return std::memcmp(&got, &want, sizeof(T)) == 0;
}

// Few different values, with the ends of the type and, if it has them, zeros of both signs,
// infinities and NaN of both signs among them.
template <typename T>
T draw(std::mt19937& random) {
  using Limits = std::numeric_limits<std::conditional_t<std::is_class_v<T>, float, T>>;
  switch (random() % 12) {
    case 0:
      return static_cast<T>(Limits::max());
    case 1:
      return static_cast<T>(Limits::lowest());
    case 2:
      return static_cast<T>(Limits::has_quiet_NaN ? Limits::quiet_NaN() : Limits::max());
    case 3:
      return static_cast<T>(Limits::has_quiet_NaN ? -Limits::quiet_NaN() : Limits::lowest());
    case 4:
      return static_cast<T>(Limits::has_infinity ? -Limits::infinity() : Limits::lowest());
    case 5:
      if constexpr (!is_integer(dtype_of<T>)) return T(-0.0f);
      return T{};
    default:
      if constexpr (std::is_class_v<T>) {
        return T(static_cast<float>(static_cast<int>(random() % 9) - 4));
      } else {
        return static_cast<T>(static_cast<T>(random() % 9) - static_cast<T>(4));
      }
  }
}

// One random call on views of random strides.
template <typename T>
struct Trial {
  explicit Trial(unsigned seed) : random(seed) {}

  std::mt19937 random;
  Tensor x_memory, y_memory, footprint;
  ConstTensorView x;
  TensorView y;
  rank::Window window;
  RankOptions options;

  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
  }

  // Axes in a random order, backwards or every other element.
  TensorView strided(Tensor& memory, const Shape& shape) {
    const std::size_t axes = shape.size();
    std::vector<std::int64_t> order(axes);
    for (std::size_t i = 0; i < axes; ++i) order[i] = static_cast<std::int64_t>(i);
    std::ranges::shuffle(order, random);
    Shape stored = shape;
    std::vector<std::int64_t> steps(axes);
    for (std::size_t i = 0; i < axes; ++i) {
      steps[i] = 1 + below(2);
      stored[static_cast<std::size_t>(order[i])] = shape[i] * steps[i];
    }
    memory = Tensor(dtype_of<T>, stored);
    for (T& value : memory.values<T>()) value = draw<T>(random);
    TensorView view = memory.view().permute(Extents(std::span<const std::int64_t>(order)));
    for (std::size_t i = 0; i < axes; ++i) {
      const auto axis = static_cast<std::int64_t>(i);
      const bool backwards = below(3) == 0;
      view = view.slice(axis, {.start = 0, .step = steps[i]});
      if (backwards) view = view.slice(axis, {.step = -1});
    }
    return view;
  }

  Boundary boundary() {
    switch (below(6)) {
      case 0:
        return Boundary::zero();
      case 1: {
        if constexpr (sizeof(T) == 8 && is_integer(dtype_of<T>)) return Boundary::constant(3);
        return Boundary::constant(static_cast<double>(draw<T>(random)));
      }
      case 2:
        return Boundary::nearest();
      case 3:
        return Boundary::reflect();
      case 4:
        return Boundary::mirror();
      default:
        return Boundary::wrap();
    }
  }

  void make() {
    const std::size_t axes = 1 + random() % 3;
    Shape shape;
    for (std::size_t i = 0; i < axes; ++i) shape.push_back(1 + below(axes == 1 ? 200 : 12));
    if (axes == 2 && below(2) == 0) shape[static_cast<std::size_t>(below(2))] += 70;
    x = strided(x_memory, shape);
    y = strided(y_memory, shape);
    std::vector<std::int64_t> sizes, origins;
    std::vector<Boundary> boundaries;
    for (std::size_t i = 0; i < axes; ++i) {
      const std::int64_t size = 1 + below(axes == 3 ? 4 : 7) * below(4) / 2;
      sizes.push_back(size);
      origins.push_back(below(size) - size / 2);
      boundaries.push_back(boundary());
      window.extent.push_back(size);
      window.before.push_back(size / 2 + origins.back());
    }
    window.boundary = boundaries;
    options.boundary = boundaries;
    options.origin = origins;
    window.members = element_count(window.extent);
    if (below(3) != 0) {
      options.size = sizes;
    } else {
      make_footprint();
    }
    window.rank = below(window.members);
  }

  void make_footprint() {
    footprint = Tensor(u8, window.extent);
    window.members = 0;
    while (window.members == 0) {
      for (std::uint8_t& member : footprint.values<std::uint8_t>()) {
        member = below(3) == 0 ? 0 : 1;
        window.members += member;
      }
    }
    const auto values = footprint.values<std::uint8_t>();
    window.inside.assign(values.begin(), values.end());
    options.footprint = footprint.view();
  }

  T element(const Extents& at) const {
    Extents index;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const Boundary& rule = window.boundary[i];
      const std::int64_t inside = extend_index(rule.kind, at[i], x.shape[i]);
      if (inside == outside) {
        const double value = rule.kind == BoundaryKind::constant ? rule.value.real() : 0;
        return store_element<T>(value, StoreRule{});
      }
      index.push_back(inside);
    }
    return static_cast<const T*>(x.data)[offset_of(index, x.strides)];
  }

  T expected(const Extents& at) const {
    std::vector<T> members;
    for_each_index(window.extent, [&](std::int64_t place, const Extents& r) {
      if (!window.inside.empty() && window.inside[static_cast<std::size_t>(place)] == 0) return;
      Extents position = at;
      for (std::size_t i = 0; i < at.size(); ++i) position[i] += r[i] - window.before[i];
      members.push_back(element(position));
    });
    const auto nth = members.begin() + static_cast<std::ptrdiff_t>(window.rank);
    std::ranges::nth_element(members, nth, stands_before<T>);
    return *nth;
  }

  void expect_result(const char* what) const {
    int wrong = 0;
    for_each_index(y.shape, [&](std::int64_t, const Extents& at) {
      const T got = static_cast<const T*>(y.data)[offset_of(at, y.strides)];
      if (wrong > 3) return;
      const T want = expected(at);
      if (is_result(got, want)) return;
      ++wrong;
      ADD_FAILURE() << what << " at " << at << " of " << x.shape << ": " << static_cast<double>(got)
                    << " for " << static_cast<double>(want) << ", window " << window.extent
                    << " rank " << window.rank << " of " << window.members;
    });
  }
};

template <typename T>
class RankTypes : public ::testing::Test {};
using Types =
    ::testing::Types<Half, BFloat16, float, double, std::int8_t, std::uint8_t, std::int16_t,
                     std::uint16_t, std::int32_t, std::uint32_t, std::int64_t, std::uint64_t>;
TYPED_TEST_SUITE(RankTypes, Types);

TYPED_TEST(RankTypes, EveryWayIsTheDefinition) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Trial<TypeParam> trial(seed);
    trial.make();
    for (const Way way : all_ways) {
      if (!rank::can_filter(trial.x.dtype, trial.window, way)) continue;
      rank::filter(trial.x, trial.y, trial.window, way);
      trial.expect_result(name(way).data());
    }
    rank_filter(trial.x, trial.window.rank - trial.window.members, trial.y, trial.options);
    trial.expect_result("rank_filter");
  }
}

// Values that differ, so that a way that reads a wrong element shows.
Tensor noise(DType type, const Shape& shape) {
  Tensor bits(u8, {static_cast<std::int64_t>(size_of(type)) * element_count(shape)});
  std::mt19937 random(5);
  for (std::uint8_t& value : bits.values<std::uint8_t>()) {
    value = static_cast<std::uint8_t>(random());
  }
  Tensor result(type, shape);
  std::memcpy(result.data(), bits.data(), bits.bytes());
  return result;
}

bool equal(const Tensor& a, const Tensor& b) {
  return std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

rank::Window box_window(const Extents& extent, std::int64_t rank) {
  rank::Window window{.extent = extent, .before = extent, .boundary = {}, .inside = {}};
  for (std::int64_t& before : window.before) before /= 2;
  window.boundary.assign(extent.size(), Boundary::mirror());
  window.members = element_count(extent);
  window.rank = rank;
  return window;
}

// Images of many tiles, where the ways share nothing but the tiles' sizes.
TEST(RankWays, AgreeOnLargeImages) {
  struct Large {
    DType type;
    Shape shape;
    Extents window;
  };
  for (const Large& c : {Large{u8, {500, 700}, {5, 6}}, Large{u8, {3, 120, 900}, {1, 16, 9}},
                         Large{u16, {190, 800}, {7, 4}}, Large{f32, {130, 600}, {11, 3}},
                         Large{f64, {20, 30, 90}, {3, 3, 4}}, Large{i64, {70000}, {25}},
                         Large{i8, {41, 3000}, {21, 20}}, Large{f16, {64, 9, 3}, {20, 3, 2}}}) {
    SCOPED_TRACE(testing::Message() << name(c.type) << ' ' << c.shape);
    const Tensor x = noise(c.type, c.shape);
    for (const std::int64_t part : {2, 7}) {
      const rank::Window window = box_window(c.window, element_count(c.window) / part);
      std::optional<Tensor> first;
      for (const Way way : all_ways) {
        if (!rank::can_filter(c.type, window, way)) continue;
        Tensor y(c.type, c.shape);
        rank::filter(x, y, window, way);
        if (first) {
          EXPECT_TRUE(equal(*first, y)) << name(way);
        } else {
          first = std::move(y);
        }
      }
    }
  }
}

TEST(RankWays, DoNotDependOnThreads) {
  const Tensor x = noise(f32, {500, 400});
  for (const Way way : {Way::network, Way::ordinal}) {
    std::optional<Tensor> first;
    for (const int count : {1, 4}) {
      set_threads(count);
      Tensor y(f32, x.shape());
      rank::filter(x, y, box_window({5, 5}, 12), way);
      if (first) {
        EXPECT_TRUE(equal(*first, y)) << name(way);
      } else {
        first = std::move(y);
      }
    }
  }
  set_threads(0);
}

#ifdef FALTUNG_HAVE_HIGHWAY
TEST(RankWays, DoNotDependOnTheInstructionSet) {
  for (const DType type : {u8, u16, f32, f64}) {
    const Tensor x = noise(type, {40, 333});
    const rank::Window window = box_window({5, 7}, 15);
    Tensor expected(type, x.shape());
    rank::filter(x, expected, window, Way::ordinal);
    for (const std::string& target : cpu_targets()) {
      set_cpu_target(target);
      Tensor y(type, x.shape());
      rank::filter(x, y, window, Way::network);
      EXPECT_TRUE(equal(expected, y)) << target << ' ' << name(type);
    }
  }
  set_cpu_target("");
}
#endif

}  // namespace
}  // namespace faltung
