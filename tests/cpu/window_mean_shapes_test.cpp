// Means of windows on views of all kinds, by every instruction set, against the definition.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <type_traits>
#include <vector>

#include <faltung/image.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/boundary_map.hpp"
#include "cpp/core/element.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/cpu/mean/window_mean.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/simd/cpu_target.hpp"
#endif

namespace faltung {
namespace {

template <typename T>
constexpr bool is_whole = is_integer(dtype_of<T>);

constexpr StoreRule all_rules[] = {{Overflow::wrap, Rounding::truncate},
                                   {Overflow::saturate, Rounding::truncate},
                                   {Overflow::wrap, Rounding::nearest_even},
                                   {Overflow::saturate, Rounding::nearest_even}};

// The ends of an integer type in a third of the places, its middle in others. Floating values lie
// over forty orders of magnitude, with an infinity or a NaN now and then.
template <typename T>
T draw(std::mt19937_64& random) {
  using Limits = std::numeric_limits<std::conditional_t<std::is_class_v<T>, float, T>>;
  const auto kind = random() % 60;
  if constexpr (is_whole<T>) {
    if (kind < 10) return Limits::min();
    if (kind < 20) return Limits::max();
    return kind < 40 ? static_cast<T>(random()) : static_cast<T>(random() % 9);
  } else {
    if (kind == 0) return static_cast<T>(Limits::infinity());
    if (kind == 1) return static_cast<T>(Limits::quiet_NaN());
    const double exponent = static_cast<double>(random() % 3600) / 100 - 18;
    return static_cast<T>(static_cast<float>((kind % 2 == 0 ? 1 : -1) * std::pow(10, exponent)));
  }
}

// One random call on views of random strides.
template <typename T, typename R = T>
struct Trial {
  explicit Trial(std::uint64_t seed) : random(seed) {
    const std::size_t axes = 1 + random() % 3;
    Shape shape;
    for (std::size_t i = 0; i < axes; ++i) shape.push_back(1 + below(axes == 1 ? 300 : 20));
    if (axes > 1 && below(2) == 0) shape[random() % axes] += 40 + below(60);
    x = strided<T>(x_memory, shape);
    y = strided<R>(y_memory, shape);
    if (below(4) == 0) x.strides[random() % axes] = 0;  // the same elements along one axis
    mean.axis = random() % axes;
    const std::int64_t extent = shape[mean.axis];
    const std::int64_t longest[] = {3, 9, extent + 2, 5 * extent + 2};
    mean.size = 1 + below(longest[below(4)]);
    mean.pad_lo = below(3) == 0 ? mean.size / 2 : below(mean.size);
    mean.store = all_rules[below(4)];
    mean.boundary = boundary();
  }

  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(bound));
  }

  // Axes in order or not, backwards, or every other element.
  template <typename E>
  TensorView strided(Tensor& memory, const Shape& shape) {
    const bool compact = below(3) == 0;
    std::vector<std::int64_t> order(shape.size()), steps(shape.size(), 1);
    for (std::size_t i = 0; i < shape.size(); ++i) order[i] = static_cast<std::int64_t>(i);
    if (!compact) std::ranges::shuffle(order, random);
    Shape stored = shape;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (!compact) steps[i] = 1 + below(2);
      stored[static_cast<std::size_t>(order[i])] = shape[i] * steps[i];
    }
    memory = Tensor(dtype_of<E>, stored);
    for (E& value : memory.values<E>()) value = draw<E>(random);
    TensorView view = memory.view().permute(Extents(std::span<const std::int64_t>(order)));
    for (std::size_t i = 0; i < shape.size(); ++i) {
      const auto axis = static_cast<std::int64_t>(i);
      view = view.slice(axis, {.start = 0, .step = steps[i]});
      if (!compact && below(3) == 0) view = view.slice(axis, {.step = -1});
    }
    return view;
  }

  Boundary boundary() {
    const Boundary rules[] = {Boundary::zero(),   Boundary::nearest(), Boundary::reflect(),
                              Boundary::mirror(), Boundary::wrap(),    Boundary::constant(7),
                              extreme_constant()};
    return rules[below(7)];
  }
  // One that double and T both hold.
  Boundary extreme_constant() {
    if constexpr (is_whole<T> && sizeof(T) == 8) return Boundary::constant(0x1p62);
    return Boundary::constant(static_cast<double>(draw<T>(random)));
  }

  std::mt19937_64 random;
  Tensor x_memory, y_memory;
  ConstTensorView x;
  TensorView y;
  WindowMean mean;
};

template <typename T>
using Exact = std::conditional_t<is_whole<T>, WideSigned, long double>;

template <typename T>
Exact<T> exact(T value) {
  if constexpr (std::is_class_v<T>) {
    return static_cast<long double>(static_cast<float>(value));
  } else {
    return static_cast<Exact<T>>(value);
  }
}

// The elements of the window of the result at `index`.
template <typename T>
std::vector<Exact<T>> members(const ConstTensorView& x, const WindowMean& mean, Extents index) {
  std::vector<Exact<T>> result;
  const std::int64_t first = index[mean.axis] - mean.pad_lo;
  for (std::int64_t t = first; t < first + mean.size; ++t) {
    const std::int64_t at = extend_index(mean.boundary.kind, t, x.shape[mean.axis]);
    if (at == outside) {
      result.push_back(static_cast<Exact<T>>(mean.boundary.value.real()));
      continue;
    }
    index[mean.axis] = at;
    result.push_back(exact(static_cast<const T*>(x.data)[offset_of(index, x.strides)]));
  }
  return result;
}

WideSigned quotient(WideSigned sum, WideSigned size, Rounding rounding) {
  WideSigned below = sum / size;
  if (below * size > sum) --below;
  const WideSigned rest = sum - below * size;
  if (rounding == Rounding::truncate) return sum < 0 && rest != 0 ? below + 1 : below;
  return 2 * rest > size || (2 * rest == size && below % 2 != 0) ? below + 1 : below;
}

// |error| <= (size + 1) 2^-53 (|x| * 1/size) + u |y|, and half of the smallest number; a NaN or an
// infinity is the result of exactly the windows that have it.
template <typename T, typename R>
::testing::AssertionResult is_mean(const std::vector<Exact<T>>& window, R got) {
  long double sum = 0, sizes = 0;
  for (const Exact<T> value : window) {
    sum += static_cast<long double>(value);
    sizes += std::abs(static_cast<long double>(value));
  }
  const auto size = static_cast<long double>(window.size());
  const long double want = sum / size;
  const auto result = static_cast<long double>(exact(got));
  if (std::isnan(want) || std::isinf(want)) {
    if (std::isnan(want) ? std::isnan(result) : want == result) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << result << " instead of " << want;
  }
  const auto unit = static_cast<long double>(unit_roundoff(dtype_of<R>));
  const long double limit = (size + 1) * 0x1p-53L * sizes / size + unit * std::abs(want) +
                            (sizeof(R) == 2 ? 0x1p-25L : 0x1p-150L);
  if (std::abs(result - want) <= limit) return ::testing::AssertionSuccess();
  // Halves end long before what they are the mean of may.
  if (std::isinf(result) && std::abs(want) >= 65504) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << result << " instead of " << want;
}

// All results, and that nothing else is written.
template <typename T, typename R>
void expect_means(Trial<T, R>& trial) {
  Tensor before = compact_copy(trial.y_memory, trial.y.dtype);
  window_mean(trial.x, trial.y, trial.mean);
  const auto place =
      static_cast<const R*>(trial.y.data) - trial.y_memory.template values<R>().data();
  R* const same = before.values<R>().data() + place;
  const auto size = static_cast<WideSigned>(trial.mean.size);
  for_each_index(trial.y.shape, [&](std::int64_t, const Extents& index) {
    const R got = static_cast<const R*>(trial.y.data)[offset_of(index, trial.y.strides)];
    same[offset_of(index, trial.y.strides)] = got;
    const auto window = members<T>(trial.x, trial.mean, index);
    if constexpr (is_whole<T> && is_whole<R>) {
      WideSigned sum = 0;
      for (const WideSigned value : window) sum += value;
      const WideSigned mean = quotient(sum, size, trial.mean.store.rounding);
      EXPECT_EQ(got, store_element<R>(static_cast<WideUnsigned>(mean), trial.mean.store)) << index;
    } else if constexpr (!is_whole<R>) {
      EXPECT_TRUE((is_mean<T>(window, got))) << index;
    }
  });
  EXPECT_EQ(std::memcmp(before.data(), trial.y_memory.data(), before.bytes()), 0)
      << "written beyond";
}

template <typename T, typename R>
void expect_means(std::uint64_t seed) {
  Trial<T, R> trial(seed);
  expect_means(trial);
  ASSERT_FALSE(::testing::Test::HasFailure())
      << "seed " << seed << " x " << trial.x.shape << " strides " << trial.x.strides << " axis "
      << trial.mean.axis << " size " << trial.mean.size << " pad_lo " << trial.mean.pad_lo << ' '
      << trial.mean.boundary << ' ' << name(dtype_of<T>) << " to " << name(dtype_of<R>);
}

template <typename T>
class WindowMeansOf : public ::testing::Test {};
using Reals =
    ::testing::Types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t,
                     std::uint32_t, std::int64_t, std::uint64_t, Half, BFloat16, float, double>;
TYPED_TEST_SUITE(WindowMeansOf, Reals);

TYPED_TEST(WindowMeansOf, AreThoseOfTheDefinition) {
  for (std::uint64_t seed = 0; seed < 150; ++seed) expect_means<TypeParam, TypeParam>(seed);
}

TYPED_TEST(WindowMeansOf, BecomeOtherTypes) {
  for (std::uint64_t seed = 1000; seed < 1040; ++seed) {
    expect_means<TypeParam, float>(seed);
    expect_means<TypeParam, double>(seed);
    if constexpr (is_whole<TypeParam>) {
      expect_means<TypeParam, std::uint8_t>(seed);
      expect_means<TypeParam, std::int32_t>(seed);
      expect_means<TypeParam, std::int64_t>(seed);
    }
  }
}

#ifdef FALTUNG_HAVE_HIGHWAY
TYPED_TEST(WindowMeansOf, AreThoseOfTheDefinitionInEveryInstructionSet) {
  for (const std::string& target : cpu_targets()) {
    set_cpu_target(target);
    for (std::uint64_t seed = 2000; seed < 2040; ++seed) expect_means<TypeParam, TypeParam>(seed);
    if (this->HasFailure()) ADD_FAILURE() << target;
  }
  set_cpu_target("");
}
#endif

// Lines so long that they are cut, and short ones by the thousand; see mean_policy.hpp.
template <typename T>
void expect_means_of(const Shape& shape, std::size_t axis, std::int64_t size) {
  Trial<T> trial(static_cast<std::uint64_t>(size));
  trial.x_memory = Tensor(dtype_of<T>, shape);
  trial.y_memory = Tensor(dtype_of<T>, shape);
  for (T& value : trial.x_memory.template values<T>()) value = draw<T>(trial.random);
  trial.x = std::as_const(trial.x_memory).view();
  trial.y = trial.y_memory.view();
  trial.mean.axis = axis;
  trial.mean.size = size;
  trial.mean.pad_lo = size / 3;
  expect_means(trial);
}

template <typename T>
class LongLines : public ::testing::Test {};
using Some = ::testing::Types<std::uint8_t, std::int64_t, float, double>;
TYPED_TEST_SUITE(LongLines, Some);

TYPED_TEST(LongLines, AreCutIntoStretches) {
  constexpr auto bytes = static_cast<std::int64_t>(sizeof(TypeParam));
  expect_means_of<TypeParam>({300000 / bytes}, 0, 6);
  expect_means_of<TypeParam>({3, 280000 / bytes}, 1, 9);
  if (bytes == 8) expect_means_of<TypeParam>({9, 18000}, 1, 5);
  if (bytes == 8) expect_means_of<TypeParam>({18000, 9}, 0, 5);
  expect_means_of<TypeParam>({5000, 3}, 1, 7);
  expect_means_of<TypeParam>({130, 129}, 0, 33);
}

TEST(WindowMeansInPlace, AreThoseOfAnotherImage) {
  std::mt19937_64 random(3);
  int in_place = 0;
  for (const Shape& shape : {Shape{70, 90}, Shape{5, 3000}, Shape{30, 40, 3}, Shape{9, 40000}}) {
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      Tensor x(f64, shape), y(f64, shape);
      for (double& value : x.values<double>()) value = draw<double>(random);
      const WindowMean mean{.axis = axis, .size = 24, .pad_lo = 7, .boundary = Boundary::wrap()};
      if (!can_window_mean_in_place(x.view(), mean)) continue;
      ++in_place;
      window_mean(std::as_const(x).view(), y.view(), mean);
      window_mean(std::as_const(x).view(), x.view(), mean);
      EXPECT_EQ(std::memcmp(x.data(), y.data(), x.bytes()), 0) << shape << " axis " << axis;
    }
  }
  EXPECT_EQ(in_place, 8);  // all but the lines of 40000, which are cut
}

// A window of 2^40 elements: the line over and over, or mostly what stands beside it.
TEST(WindowMeansOfFarMoreThanTheLine, AreThoseOfItsPeriodOrItsEnds) {
  const std::int64_t size = std::int64_t{1} << 40;
  const Tensor x = Tensor::from<std::int16_t>({100, -300, 500, 700}, {4});
  const auto means = [&](const Boundary& boundary, std::int64_t pad_lo) {
    Tensor y(i16, x.shape());
    window_mean(std::as_const(x).view(), y.view(),
                {.size = size, .pad_lo = pad_lo, .boundary = boundary});
    const auto values = y.values<std::int16_t>();
    return std::vector<int>(values.begin(), values.end());
  };
  EXPECT_EQ(means(Boundary::wrap(), size / 2), (std::vector<int>{250, 250, 250, 250}));
  EXPECT_EQ(means(Boundary::reflect(), size - 1), (std::vector<int>{250, 250, 250, 250}));
  // 200 a period of 6, and 4 elements beside them, that sum to 1400, 1400, 1000 and 0.
  EXPECT_EQ(means(Boundary::mirror(), 5), (std::vector<int>{200, 200, 200, 199}));
  EXPECT_EQ(means(Boundary::nearest(), 0), (std::vector<int>{699, 699, 699, 700}));
  EXPECT_EQ(means(Boundary::nearest(), size / 2), (std::vector<int>{399, 399, 399, 400}));
  EXPECT_EQ(means(Boundary::zero(), size / 2), (std::vector<int>{0, 0, 0, 0}));
  EXPECT_EQ(means(Boundary::constant(-40), size / 2), (std::vector<int>{-39, -39, -39, -39}));
}

TEST(WindowMeansOfFarMoreThanTheLine, KeepNanAndDoNotOverflow) {
  const std::int64_t size = std::int64_t{1} << 40;
  const double max = std::numeric_limits<double>::max();
  for (const Boundary& boundary : {Boundary::wrap(), Boundary::mirror(), Boundary::nearest()}) {
    const Tensor x = Tensor::from<double>({max, max, max}, {3});
    Tensor y(f64, x.shape());
    window_mean(std::as_const(x).view(), y.view(),
                {.size = size, .pad_lo = size / 2, .boundary = boundary});
    // At most 5 additions, 2 products and their sum on the way; 2^40 divides exactly.
    for (const double value : y.values<double>()) EXPECT_LE(std::abs(value / max - 1), 8 * 0x1p-53);
    const Tensor z = Tensor::from<double>({1, std::nan(""), 1}, {3});
    window_mean(std::as_const(z).view(), y.view(),
                {.size = size, .pad_lo = size / 2, .boundary = boundary});
    for (const double value : y.values<double>()) EXPECT_TRUE(std::isnan(value));
  }
}

TEST(WindowMeansOfComplexData, AreThoseOfTheirParts) {
  std::mt19937_64 random(5);
  for (const Shape& shape : {Shape{200}, Shape{17, 40}, Shape{6, 7, 30}}) {
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      Tensor x(c128, shape), y(c128, shape), parts[2] = {Tensor(f64, shape), Tensor(f64, shape)};
      for (std::size_t i = 0; i < static_cast<std::size_t>(x.size()); ++i) {
        const double re = draw<double>(random), im = draw<double>(random);
        x.values<std::complex<double>>()[i] = {re, im};
        parts[0].values<double>()[i] = re;
        parts[1].values<double>()[i] = im;
      }
      WindowMean mean{
          .axis = axis, .size = 12, .pad_lo = 4, .boundary = Boundary::constant({3, -5})};
      window_mean(std::as_const(x).view(), y.view(), mean);
      for (int part = 0; part < 2; ++part) {
        mean.boundary = Boundary::constant(part == 0 ? 3 : -5);
        Tensor means(f64, shape);
        window_mean(std::as_const(parts[part]).view(), means.view(), mean);
        for (std::size_t i = 0; i < static_cast<std::size_t>(x.size()); ++i) {
          const auto& value = y.values<std::complex<double>>()[i];
          const double got = part == 0 ? value.real() : value.imag();
          const double want = means.values<double>()[i];
          EXPECT_TRUE(got == want || (std::isnan(got) && std::isnan(want))) << shape << ' ' << i;
        }
      }
    }
  }
}

// Along all axes: one after the other, each stored in the result's type.
TEST(WindowMeansAlongAllAxes, AreThoseAlongEachInTurn) {
  std::mt19937_64 random(6);
  for (const Shape& shape : {Shape{50, 60}, Shape{20, 30, 3}, Shape{9, 40000}, Shape{2, 90000}}) {
    Tensor x(i16, shape);
    for (std::int16_t& value : x.values<std::int16_t>()) value = draw<std::int16_t>(random);
    const Boundary boundary = Boundary::constant(-9);
    const Tensor all = image::uniform(x, {.size = 18, .boundary = boundary, .output = f32});
    Tensor turn = compact_copy(x, i16);
    for (std::int64_t axis = 0; axis < static_cast<std::int64_t>(shape.size()); ++axis) {
      turn =
          image::uniform(turn, {.size = 18, .boundary = boundary, .axes = {axis}, .output = f32});
    }
    EXPECT_EQ(std::memcmp(all.data(), turn.data(), all.bytes()), 0) << shape;
  }
}

}  // namespace
}  // namespace faltung
