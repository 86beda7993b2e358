// The rank filters and sepfir2d as they are called: against the numbers of SciPy in
// golden/rank.txt, written by golden/make_rank.py; and what they take and refuse.

#include <gtest/gtest.h>

#include <algorithm>
#include <complex>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include <faltung/rank.hpp>
#include <faltung/signal.hpp>
#include "tests/golden/golden.hpp"
#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

using golden::sequence;
using image::median_filter;
using image::percentile_filter;
using image::rank_filter;
using image::RankOptions;

struct Case {
  std::string name;
  std::function<Tensor()> run;
};

const Tensor disc = Tensor::from<int>({0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1}, {3, 4});

Tensor image() { return sequence<double>({5, 7}); }
Tensor byte() { return sequence<std::uint8_t>({5, 7}); }
Tensor volume() { return sequence<double>({3, 4, 5}); }

// image + i image with its rows reversed.
Tensor complex_image() {
  Tensor result(c128, {5, 7});
  const Tensor parts = image();
  const auto values = parts.values<double>();
  const auto out = result.values<std::complex<double>>();
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = {values[i], values[(4 - i / 7) * 7 + i % 7]};
  }
  return result;
}

template <typename T>
Case typed(const std::string& type) {
  return {"median " + type, [] { return median_filter(sequence<T>({5, 7}), {.size = {3, 5}}); }};
}

std::vector<Case> rank_cases() {
  std::vector<Case> cases = {typed<std::uint8_t>("u1"),  typed<std::int8_t>("i1"),
                             typed<std::uint16_t>("u2"), typed<std::int16_t>("i2"),
                             typed<std::uint32_t>("u4"), typed<std::int32_t>("i4"),
                             typed<std::uint64_t>("u8"), typed<std::int64_t>("i8"),
                             typed<float>("f4"),         typed<double>("f8")};
  const auto add = [&](std::string name, std::function<Tensor()> run) {
    cases.push_back({std::move(name), std::move(run)});
  };
  for (const auto& [name, boundary] : std::initializer_list<std::pair<std::string, Boundary>>{
           {"reflect", Boundary::reflect()},
           {"mirror", Boundary::mirror()},
           {"nearest", Boundary::nearest()},
           {"wrap", Boundary::wrap()},
           {"constant", Boundary::constant(9)}}) {
    const std::string& mode = name;
    const Boundary& b = boundary;
    add("median " + mode, [=] { return median_filter(image(), {.size = 3, .boundary = b}); });
    add("median even " + mode, [=] {
      return median_filter(image(), {.size = {2, 4}, .boundary = b});
    });
    add("median long " + mode, [=] {
      return median_filter(image(), {.size = {12, 15}, .boundary = b});
    });
    add("median line " + mode,
        [=] { return median_filter(sequence<double>({11}), {.size = 6, .boundary = b}); });
    add("rank " + mode, [=] { return rank_filter(image(), 2, {.size = {3, 4}, .boundary = b}); });
    add("footprint " + mode,
        [=] { return rank_filter(image(), -2, {.footprint = disc, .boundary = b}); });
  }
  add("median volume", [] { return median_filter(volume(), {.size = {2, 3, 3}}); });
  add("median axes", [] {
    return median_filter(volume(), {.size = {3, 2}, .origin = {1, 0}, .axes = {0, 2}});
  });
  add("footprint axes", [] {
    return median_filter(volume(), {.footprint = disc, .origin = {1, -2}, .axes = {0, 2}});
  });
  add("origin", [] { return rank_filter(image(), 4, {.size = {4, 3}, .origin = {1, -1}}); });
  add("origin least", [] { return rank_filter(image(), 0, {.size = {4, 3}, .origin = {-2, 1}}); });
  add("greatest", [] { return rank_filter(image(), -1, {.size = {3, 2}}); });
  for (const auto& [text, percentile] :
       std::initializer_list<std::pair<std::string, double>>{{"0", 0},
                                                             {"10", 10},
                                                             {"25", 25},
                                                             {"33.4", 33.4},
                                                             {"50", 50},
                                                             {"99.9", 99.9},
                                                             {"100", 100},
                                                             {"-10", -10},
                                                             {"-100", -100}}) {
    add("percentile " + text, [=, p = percentile] {
      return percentile_filter(byte(), p, {.size = {3, 4}});
    });
  }
  add("output", [] {
    Tensor x = image();
    for (double& value : x.values<double>()) value *= 10.3;
    return median_filter(x, {.size = 3, .output = i16});
  });
  return cases;
}

std::vector<Case> signal_cases() {
  const auto row = [] { return Tensor::from<double>({3, -1, 2, 0.5, 7}); };
  const auto column = [] { return Tensor::from<double>({1, 4, -2}); };
  return {{"medfilt",
           [] {
             return signal::medfilt(image(), {3, 5});
           }},
          {"medfilt long", [] { return signal::medfilt(image(), 9); }},
          {"medfilt volume", [] { return signal::medfilt(volume()); }},
          {"medfilt2d", [] { return signal::medfilt2d(byte(), 5); }},
          {"order_filter",
           [] { return signal::order_filter(image(), disc.slice(1, {.start = 0, .stop = 3}), 1); }},
          {"sepfir2d", [=] { return signal::sepfir2d(image(), row(), column()); }},
          {"sepfir2d u8", [=] { return signal::sepfir2d(byte(), row(), column()); }},
          {"sepfir2d c128", [=] {
             Tensor turned(c128, {5});
             const Tensor real = row();
             for (std::int64_t i = 0; i < 5; ++i) {
               turned.at<std::complex<double>>(i) = real.at<double>(i) * std::complex(1.0, -2.0);
             }
             return signal::sepfir2d(complex_image(), turned, column());
           }}};
}

std::vector<Case> all_cases() {
  std::vector<Case> cases = rank_cases();
  for (Case& c : signal_cases()) cases.push_back(std::move(c));
  return cases;
}

TEST(RankGolden, EveryCaseOfTheFileIsTested) {
  const auto expected = golden::read("rank.txt");
  const auto cases = all_cases();
  EXPECT_EQ(cases.size(), expected.size());
  for (const auto& line : expected) {
    EXPECT_TRUE(std::ranges::any_of(cases, [&](const Case& c) { return c.name == line.first; }))
        << line.first;
  }
}

// Chosen elements, and sums of few binary fractions: nothing is rounded.
TEST(RankGolden, IsWhatScipyAnswers) {
  const auto expected = golden::read("rank.txt");
  for (const Case& c : all_cases()) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(golden::numbers(c.run()), expected.at(c.name));
  }
}

TEST(Sepfir2d, HasScipysTypes) {
  const Tensor taps = Tensor::from<double>({1, 2, 1});
  const std::pair<DType, DType> types[] = {{u8, f32},  {i16, f32}, {i32, f64}, {i64, f64},
                                           {f16, f32}, {f32, f32}, {f64, f64}, {c64, c64}};
  for (const auto& [input, result] : types) {
    EXPECT_EQ(signal::sepfir2d(Tensor::zeros(input, {3, 3}), taps, taps).dtype(), result)
        << name(input);
  }
}

TEST(Sepfir2d, TakesFiltersLongerThanTheImage) {
  const Tensor x = Tensor::from<double>({1, 2, 4}, {1, 3});
  const Tensor ones = Tensor::from<double>({1, 1, 1, 1, 1, 1, 1});
  // 4 2 1 | 1 2 4 | 4 2 1
  EXPECT_EQ(golden::numbers(signal::sepfir2d(x, ones, Tensor::from<double>({1}))),
            (std::vector<double>{18, 16, 15}));
}

TEST(RankFilters, TakeWindowsLargerThanTheImage) {
  const Tensor x = Tensor::from<std::int32_t>({3, 1, 2}, {1, 3});
  const Tensor y = median_filter(x, {.size = {9, 4001}, .boundary = Boundary::wrap()});
  for (const std::int32_t value : y.values<std::int32_t>()) EXPECT_EQ(value, 2);
  const Tensor z = median_filter(x, {.size = {9, 9}, .boundary = Boundary::constant(7)});
  for (const std::int32_t value : z.values<std::int32_t>()) EXPECT_EQ(value, 7);
}

TEST(RankFilters, TakeScalarsAndEmptyImages) {
  const Tensor scalar = Tensor::from<float>({2.5f}, {});
  EXPECT_EQ(median_filter(scalar, {.size = 3}).values<float>()[0], 2.5f);
  EXPECT_EQ(median_filter(Tensor(f32, {0, 4}), {.size = 3}).shape(), (Shape{0, 4}));
  EXPECT_EQ(median_filter(Tensor(f32, {0, 4}), {.size = 3, .output = u8}).shape(), (Shape{0, 4}));
  EXPECT_EQ(signal::medfilt(Tensor(f64, {0})).shape(), (Shape{0}));
}

TEST(RankFilters, ConvertWhatTheyChose) {
  const Tensor x = Tensor::from<double>({-1.5, 300.7, 2.5, 254.5, 7});
  const Tensor cut = rank_filter(x, 0, {.size = 1, .output = u8});
  EXPECT_EQ(cut.values<std::uint8_t>()[1], 300 - 256);
  const Tensor kept = rank_filter(
      x, 0, {.size = 1, .output = u8, .store = {Rounding::nearest_even, Overflow::saturate}});
  const std::uint8_t expected[] = {0, 255, 2, 254, 7};
  EXPECT_TRUE(std::ranges::equal(kept.values<std::uint8_t>(), expected));
  const Tensor wide =
      rank_filter(Tensor::from<std::int8_t>({-5, 6}), -1, {.size = 2, .output = f32});
  EXPECT_EQ(wide.values<float>()[1], 6.0f);
}

TEST(RankFilters, LetTheSlowestAxisDecideAtCorners) {
  const Tensor x = Tensor::from<std::uint8_t>({9}, {1, 1});
  const RankOptions options{.size = {2, 2},
                            .boundary = {Boundary::constant(1), Boundary::constant(2)}};
  const std::uint8_t expected[] = {1, 1, 2, 9};
  for (std::int64_t rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(rank_filter(x, rank, options).values<std::uint8_t>()[0],
              expected[static_cast<std::size_t>(rank)]);
  }
}

TEST(RankFilters, RefuseWhatBreaksARule) {
  const Tensor x = Tensor::zeros(u8, {4, 5}), z = Tensor::zeros(c64, {4, 5});
  Tensor y = Tensor::zeros(u8, {4, 5});
  const Tensor none = Tensor::zeros(u8, {3, 3});
  const Tensor line = Tensor::from<int>({1, 1, 1});
  EXPECT_REFUSED(median_filter(x, {}), "size and footprint are both left out");
  EXPECT_REFUSED(median_filter(x, {.size = 3, .footprint = none}), "both given");
  EXPECT_REFUSED(median_filter(x, {.size = 0}), "size is 0 along axis 0");
  EXPECT_REFUSED(median_filter(x, {.size = {3, 3, 3}}), "size has 3 values for 2 axes");
  EXPECT_REFUSED(median_filter(x, {.size = std::int64_t{1} << 40}), "more than 2^63 - 1 elements");
  EXPECT_REFUSED(median_filter(x, {.size = std::int64_t{1} << 31}), "the most that are ranked");
  EXPECT_REFUSED(median_filter(x, {.footprint = none}), "has no element that is not 0");
  EXPECT_REFUSED(median_filter(x, {.footprint = line}), "footprint has 1 axes, 2 are filtered");
  EXPECT_REFUSED(median_filter(x, {.footprint = z}), "footprint has complex type c64");
  EXPECT_REFUSED(median_filter(x, {.size = 3, .origin = 2}), "origin 2");
  EXPECT_REFUSED(median_filter(x, {.size = 3, .axes = {2}}), "axis 2 is not one of x");
  EXPECT_REFUSED(median_filter(x, {.size = 3, .boundary = Boundary::constant(256)}),
                 "cannot hold that value");
  EXPECT_REFUSED(rank_filter(x, 9, {.size = 3}), "rank is 9, the window holds 9 elements");
  EXPECT_REFUSED(rank_filter(x, -10, {.size = 3}), "use -9 to 8");
  EXPECT_REFUSED(percentile_filter(x, 100.5, {.size = 3}), "percentile is 100.5");
  EXPECT_REFUSED(percentile_filter(x, std::numeric_limits<double>::quiet_NaN(), {.size = 3}),
                 "percentile is nan");
  EXPECT_REFUSED(median_filter(z, {.size = 3}), "complex numbers have no order");
  EXPECT_REFUSED(median_filter(x, {.size = 3, .output = c64}), "complex numbers have no order");
  EXPECT_REFUSED(median_filter(y, y, {.size = 3}), "y overlaps x in memory");
  TensorView folded = y.view();
  folded.strides = {0, 1};
  EXPECT_REFUSED(median_filter(x, folded, {.size = 3}), "share an address");
  TensorView nowhere = y.view();
  nowhere.data = nullptr;
  EXPECT_REFUSED(median_filter(nowhere, y, {.size = 3}), "no data (a null pointer)");
  EXPECT_REFUSED(signal::medfilt(x, 4), "kernel_size is 4 along axis 0");
  EXPECT_REFUSED(signal::medfilt2d(line, 3), "medfilt2d takes rank 2");
  EXPECT_REFUSED(signal::order_filter(x, Tensor::zeros(u8, {3, 2}), 0), "domain is 2 along axis 1");
  const Tensor all = Tensor::from<std::uint8_t>({1, 1, 1}, {1, 3});
  ConstTensorView lost = all.view();
  lost.data = nullptr;
  EXPECT_REFUSED(signal::order_filter(x, lost, 0), "domain has no data (a null pointer)");
  EXPECT_REFUSED(signal::order_filter(x, all, -1), "rank is -1, domain has 3 elements");
  EXPECT_REFUSED(signal::order_filter(x, all, 3), "rank is 3, domain has 3 elements");
  EXPECT_REFUSED(signal::order_filter(x, Tensor::zeros(u8, {3, 3}), 0), "domain of shape 3x3");
  EXPECT_REFUSED(signal::order_filter(x, Tensor::zeros(u8, {3}), 0), "domain has rank 1 and x");
  EXPECT_REFUSED(signal::order_filter(x, Tensor::zeros(c64, {3, 3}), 0), "domain has complex");
}

TEST(Sepfir2d, RefusesWhatBreaksARule) {
  const Tensor x = Tensor::zeros(f32, {4, 5}), odd = Tensor::zeros(f32, {3});
  EXPECT_REFUSED(signal::sepfir2d(odd, odd, odd), "x has rank 1; sepfir2d takes rank 2");
  EXPECT_REFUSED(signal::sepfir2d(x, Tensor::zeros(f32, {2}), odd), "hrow has shape 2;");
  EXPECT_REFUSED(signal::sepfir2d(x, odd, Tensor::zeros(f32, {0})), "hcol has shape 0;");
  EXPECT_REFUSED(signal::sepfir2d(x, odd, x), "hcol has shape 4x5;");
  EXPECT_REFUSED(signal::sepfir2d(x, Tensor::zeros(c64, {3}), odd), "hrow has complex type c64");
}

}  // namespace
}  // namespace faltung
