// How sums become integers: image's option `store`, against sums of this file's own.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <faltung/faltung.hpp>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace faltung {
namespace {

using image::Store;

constexpr Store wrapping = {};
constexpr Store opencv = {Rounding::nearest_even, Overflow::saturate};
constexpr Store truncating = {Rounding::truncate, Overflow::saturate};
constexpr Store rounding = {Rounding::nearest_even, Overflow::wrap};
constexpr Store all_stores[] = {wrapping, opencv, truncating, rounding};

// A sum as an element of T; every sum of these tests is below 2^62.
template <typename T>
T stored(double sum, const Store& store) {
  double whole = std::trunc(sum);
  if (store.rounding == Rounding::nearest_even) {
    const double below = std::floor(sum);
    const double rest = sum - below;
    whole = below + (rest > 0.5 || (rest == 0.5 && std::fmod(below, 2) != 0) ? 1 : 0);
  }
  if (store.overflow == Overflow::saturate) {
    whole = std::clamp(whole, static_cast<double>(std::numeric_limits<T>::min()),
                       static_cast<double>(std::numeric_limits<T>::max()));
  }
  return static_cast<T>(static_cast<std::int64_t>(whole));
}

// reflect and mirror of OpenCV's and ndimage's documentation, for indices at most n beyond.
std::int64_t reflected(std::int64_t i, std::int64_t n) {
  return i < 0 ? -1 - i : i >= n ? 2 * n - 1 - i : i;
}
std::int64_t mirrored(std::int64_t i, std::int64_t n) {
  return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i;
}

template <typename T>
struct Image {
  std::int64_t height = 0, width = 0;
  std::vector<T> pixels;
  T& at(std::int64_t y, std::int64_t x) { return pixels[static_cast<std::size_t>(y * width + x)]; }
  T at(std::int64_t y, std::int64_t x) const {
    return pixels[static_cast<std::size_t>(y * width + x)];
  }
  Tensor tensor() const { return Tensor::from(std::span<const T>(pixels), {height, width}); }
};

template <typename T>
Image<T> random_image(std::int64_t height, std::int64_t width, unsigned seed) {
  std::mt19937_64 random(seed);
  Image<T> image{height, width, std::vector<T>(static_cast<std::size_t>(height * width))};
  for (T& pixel : image.pixels) pixel = static_cast<T>(random());
  return image;
}

// One pass along `axis`, reflected at the ends, then scaled and stored.
template <typename T>
Image<T> pass(const Image<T>& in, int axis, const std::vector<double>& taps, double divisor,
              const Store& store) {
  Image<T> out = in;
  const auto radius = static_cast<std::int64_t>(taps.size() / 2);
  for (std::int64_t y = 0; y < in.height; ++y) {
    for (std::int64_t x = 0; x < in.width; ++x) {
      double sum = 0;
      for (std::size_t r = 0; r < taps.size(); ++r) {
        const std::int64_t step = static_cast<std::int64_t>(r) - radius;
        sum += taps[r] * static_cast<double>(axis == 0 ? in.at(reflected(y + step, in.height), x)
                                                       : in.at(y, reflected(x + step, in.width)));
      }
      out.at(y, x) = stored<T>(sum / divisor, store);
    }
  }
  return out;
}

template <typename T>
std::vector<T> pixels_of(const Tensor& tensor) {
  const auto values = tensor.values<T>();
  return {values.begin(), values.end()};
}

std::string shown(const Store& store) {
  return std::string(store.rounding == Rounding::truncate ? "truncate" : "nearest") +
         (store.overflow == Overflow::wrap ? " wrap" : " saturate");
}

template <typename T>
class ImageStore : public ::testing::Test {};
using Types = ::testing::Types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t,
                               std::uint32_t>;
TYPED_TEST_SUITE(ImageStore, Types);

TYPED_TEST(ImageStore, UniformRoundsAfterEveryPass) {
  const auto x = random_image<TypeParam>(23, 19, 1);
  for (const Store& store : all_stores) {
    for (const std::int64_t size : {2, 3, 5, 6}) {
      const std::vector<double> ones(static_cast<std::size_t>(size), 1);
      const auto divisor = static_cast<double>(size);
      const auto expected = pass(pass(x, 0, ones, divisor, store), 1, ones, divisor, store).pixels;
      EXPECT_EQ(pixels_of<TypeParam>(image::uniform(x.tensor(), {.size = size, .store = store})),
                expected)
          << shown(store) << " size " << size;
    }
  }
}

TYPED_TEST(ImageStore, SobelSaturatesAfterEveryPass) {
  const auto x = random_image<TypeParam>(17, 21, 2);
  for (const Store& store : all_stores) {
    const auto expected = pass(pass(x, 1, {-1, 0, 1}, 1, store), 0, {1, 2, 1}, 1, store).pixels;
    EXPECT_EQ(pixels_of<TypeParam>(image::sobel(x.tensor(), {.store = store})), expected)
        << shown(store);
  }
}

TYPED_TEST(ImageStore, LaplaceSaturatesTermsAndSums) {
  const auto x = random_image<TypeParam>(13, 11, 3);
  for (const Store& store : all_stores) {
    const auto first = pass(x, 0, {1, -2, 1}, 1, store), second = pass(x, 1, {1, -2, 1}, 1, store);
    std::vector<TypeParam> expected;
    for (std::size_t i = 0; i < first.pixels.size(); ++i) {
      expected.push_back(stored<TypeParam>(
          static_cast<double>(first.pixels[i]) + static_cast<double>(second.pixels[i]), store));
    }
    EXPECT_EQ(pixels_of<TypeParam>(image::laplace(x.tensor(), {.store = store})), expected)
        << shown(store);
  }
}

TYPED_TEST(ImageStore, MagnitudeSaturatesSquaresSumsAndRoots) {
  if constexpr (sizeof(TypeParam) <= 2) {  // squares of the others exceed this file's sums
    const auto x = random_image<TypeParam>(9, 14, 4);
    for (const Store& store : all_stores) {
      const auto dy = pass(pass(x, 0, {-1, 0, 1}, 1, store), 1, {1, 1, 1}, 1, store);
      const auto dx = pass(pass(x, 1, {-1, 0, 1}, 1, store), 0, {1, 1, 1}, 1, store);
      std::vector<TypeParam> expected;
      for (std::size_t i = 0; i < dy.pixels.size(); ++i) {
        const auto square = [&](TypeParam g) {
          return static_cast<double>(
              stored<TypeParam>(static_cast<double>(g) * static_cast<double>(g), store));
        };
        const auto sum = static_cast<double>(
            stored<TypeParam>(square(dy.pixels[i]) + square(dx.pixels[i]), store));
        expected.push_back(stored<TypeParam>(std::sqrt(std::max(sum, 0.0)), store));
      }
      EXPECT_EQ(pixels_of<TypeParam>(image::prewitt_magnitude(x.tensor(), {.store = store})),
                expected)
          << shown(store);
    }
  }
}

// cv::filter2D: correlation around the middle tap, mirrored edges, one rounding half to even, then
// saturation. The sharpening filter leaves the range on both sides, the mean has halves.
TYPED_TEST(ImageStore, CorrelateIsFilter2dOfOpenCv) {
  const auto x = random_image<TypeParam>(18, 25, 5);
  const std::vector<std::vector<double>> filters = {{0, -1, 0, -1, 5, -1, 0, -1, 0},
                                                    {0, 0.5, 0, 0.25, -0.5, 0.25, 0, 1, 0}};
  for (const auto& taps : filters) {
    for (const Store& store : all_stores) {
      std::vector<TypeParam> expected;
      for (std::int64_t y = 0; y < x.height; ++y) {
        for (std::int64_t i = 0; i < x.width; ++i) {
          double sum = 0;
          for (std::int64_t r = 0; r < 9; ++r) {
            sum += taps[static_cast<std::size_t>(r)] *
                   static_cast<double>(
                       x.at(mirrored(y + r / 3 - 1, x.height), mirrored(i + r % 3 - 1, x.width)));
          }
          expected.push_back(stored<TypeParam>(sum, store));
        }
      }
      const Tensor w = Tensor::from(std::span<const double>(taps), {3, 3});
      EXPECT_EQ(pixels_of<TypeParam>(image::correlate(
                    x.tensor(), w, {.boundary = Boundary::mirror(), .store = store})),
                expected)
          << shown(store);
    }
  }
}

TEST(ImageStore, ConstantsBlurToThemselves) {
  const Image<std::uint8_t> white{40, 50, std::vector<std::uint8_t>(2000, 255)};
  const std::vector<std::uint8_t> expected(2000, 255);
  for (const double sigma : {0.3, 1.0, 2.7, 8.0}) {
    EXPECT_EQ(
        pixels_of<std::uint8_t>(image::gaussian(white.tensor(), {.sigma = sigma, .store = opencv})),
        expected)
        << sigma;
  }
  for (const std::int64_t size : {3, 7, 39}) {
    EXPECT_EQ(
        pixels_of<std::uint8_t>(image::uniform(white.tensor(), {.size = size, .store = opencv})),
        expected)
        << size;
  }
}

template <typename T>
Tensor row(const std::vector<T>& values) {
  return Tensor::from(std::span<const T>(values), {static_cast<std::int64_t>(values.size())});
}

// Conversions without a filter, where f64 on the way would round.
TEST(ImageStore, ConversionsSaturateExactly) {
  constexpr std::int64_t big = (std::int64_t{1} << 53) + 1;
  const Tensor x = row<std::int64_t>({-1, 5, big, std::numeric_limits<std::int64_t>::max(), 300});
  EXPECT_EQ(
      pixels_of<std::uint64_t>(image::gaussian(x, {.sigma = 0.0, .output = u64, .store = opencv})),
      (std::vector<std::uint64_t>{0, 5, big, std::numeric_limits<std::int64_t>::max(), 300}));
  EXPECT_EQ(pixels_of<std::uint8_t>(image::uniform(x, {.size = 1, .output = u8, .store = opencv})),
            (std::vector<std::uint8_t>{0, 5, 255, 255, 255}));
  const Tensor reals = row<double>({2.5, 3.5, -0.6, 1e30, -1e30});
  EXPECT_EQ(
      pixels_of<std::int32_t>(image::uniform(reals, {.size = 1, .output = i32, .store = opencv})),
      (std::vector<std::int32_t>{2, 4, -1, std::numeric_limits<std::int32_t>::max(),
                                 std::numeric_limits<std::int32_t>::min()}));
}

// Terms are clamped one by one, then their sum: 2 top and 2 top are top and top, and top.
TEST(ImageStore, SumsOfTermsSaturateInTheWidestType) {
  constexpr std::int64_t top = std::numeric_limits<std::int64_t>::max();
  const Tensor x = Tensor::from<std::int64_t>({0, 0, 0, 0, -top, 0, 0, 0, 0}, {3, 3});
  const Tensor y = image::laplace(x, {.boundary = Boundary::zero(), .store = opencv});
  EXPECT_EQ(y.values<std::int64_t>()[4], top);
}

// Roots of whole numbers above 2^53, which f64 does not hold.
TEST(ImageStore, RootsAreExact) {
  constexpr std::uint64_t side = 0xffffffff;  // its square is 2^64 - 2^33 + 1
  const Tensor x = row<std::uint64_t>({0, 0, side, side});
  const Tensor y = image::sobel_magnitude(x, {.boundary = Boundary::nearest()});
  EXPECT_EQ(pixels_of<std::uint64_t>(y), (std::vector<std::uint64_t>{0, side, side, 0}));
}

// What copies and saturates sums nothing: an engine is refused instead of dropped.
TEST(ImageStore, SaturatingCopiesTakeNoEngine) {
  const Tensor x = Tensor::zeros(i16, {4, 5});
  image::GaussianOptions copy{
      .sigma = 0.0, .output = i8, .store = {.overflow = Overflow::saturate}};
  EXPECT_EQ(image::gaussian(x, copy).dtype(), i8);
  copy.run.engine = "cpu.direct";
  EXPECT_THROW((void)image::gaussian(x, copy), NoEngine);
}

}  // namespace
}  // namespace faltung
