// Compiled without contraction, as the loops are: every bit of a number is compared.
#include "cpp/cpu/finish_rows.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cpp/cpu/epilogue.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"

namespace faltung {
namespace {

constexpr std::int64_t count = 300;  // two blocks of the loops and some

const Epilogue epilogues[] = {
    {},
    {.alpha = 0.3, .beta = 0, .bias = false, .activation = {}},
    {.alpha = 1, .beta = -0.7, .bias = false, .activation = {}},
    {.alpha = 1.1, .beta = 2, .bias = true, .activation = {}},
    {.alpha = 1, .beta = 0, .bias = true, .activation = Activation::relu()},
    {.alpha = 3, .beta = 0, .bias = false, .activation = Activation::leaky_relu(0.1)},
    {.alpha = 1, .beta = 0, .bias = false, .activation = Activation::gelu()},
    {.alpha = 1, .beta = 1, .bias = true, .activation = Activation::silu()},
    {.alpha = 100, .beta = 0, .bias = false, .activation = Activation::clamp(-3.5, 6)},
};

const StoreRule rules[] = {{Overflow::wrap, Rounding::truncate},
                           {Overflow::wrap, Rounding::nearest_even},
                           {Overflow::saturate, Rounding::truncate},
                           {Overflow::saturate, Rounding::nearest_even}};

// Around zero, halves, the ends of every type, and what is no number.
template <typename Acc>
std::vector<Acc> make_sums(bool extreme) {
  std::mt19937_64 random(1);
  std::vector<Acc> sums(count);
  for (Acc& sum : sums) {
    sum = Acc(std::ldexp(static_cast<double>(random() % 4096) - 2048,
                         static_cast<int>(random() % 20) - 12));
  }
  if (!extreme) return sums;
  using Limits = std::numeric_limits<Acc>;
  const Acc special[] = {Acc(0),
                         -Acc(0),
                         Limits::infinity(),
                         -Limits::infinity(),
                         Limits::quiet_NaN(),
                         -Limits::quiet_NaN(),
                         Limits::max(),
                         Limits::denorm_min(),
                         -Limits::min(),
                         Acc(65519.996),
                         Acc(65520),
                         Acc(1 + 0x1p-11),
                         Acc(1 + 0x1p-8),
                         Acc(0x1p-25),
                         Acc(0x1.8p-24),
                         Acc(0x1p31),
                         Acc(-0x1p63),
                         Acc(0x1p70)};
  std::size_t i = 0;
  for (const Acc value : special) sums[i += 11] = value;
  return sums;
}

// What stood in the result: everything that such an element can be.
template <typename T>
std::vector<T> make_old(std::int64_t size) {
  std::vector<T> old(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < old.size(); ++i) {
    old[i] = store_element<T>(static_cast<double>(i % 37) * 0.75, StoreRule{});
  }
  return old;
}

// NaN has no sign to compare.
template <typename T>
bool are_same(T a, T b) {
  if constexpr (!is_integer(dtype_of<T>)) {
    if (std::isnan(static_cast<double>(a))) return std::isnan(static_cast<double>(b));
  }
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <typename Acc, typename T>
void expect_same(FinishRow<Acc> row, const Epilogue& e, StoreRule rule, std::int64_t step,
                 bool bias_each, bool extreme) {
  const std::vector<Acc> sums = make_sums<Acc>(extreme);
  std::vector<double> biases(count);
  for (std::size_t i = 0; i < biases.size(); ++i) biases[i] = 0.1 * static_cast<double>(i) - 7;
  std::vector<T> expected = make_old<T>(count * step), actual = expected;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    finish_element(e, rule, static_cast<double>(sums[at]), e.bias ? biases[bias_each ? at : 0] : 0,
                   expected[static_cast<std::size_t>(i * step)]);
  }
  const RowEpilogue plain{e.alpha, e.beta, e.activation.kind, e.activation.a, e.activation.b, rule};
  row(plain, e.bias ? RowBias{biases.data(), bias_each ? 1 : 0} : RowBias{}, sums.data(), count,
      actual.data(), step);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_TRUE(are_same(expected[i], actual[i]))
        << "element " << i << ", step " << step << ", " << name(dtype_of<T>) << " from "
        << static_cast<double>(sums[i / static_cast<std::size_t>(step)]) << ", " << cpu_target();
  }
}

template <typename Acc, typename T>
void expect_same_in_every_way() {
  const FinishRow<Acc> row = finish_row<Acc>(dtype_of<T>);
  if constexpr (std::is_same_v<T, Half>) {
    if (row == nullptr) return;
  }
  ASSERT_NE(row, nullptr);
  for (const Epilogue& e : epilogues) {
    for (const StoreRule rule : rules) {
      if (!is_integer(dtype_of<T>) && rule.rounding == Rounding::nearest_even) continue;
      for (const std::int64_t step : {1, 3}) {
        for (const bool extreme : {false, true}) {
          expect_same<Acc, T>(row, e, rule, step, false, extreme);
          expect_same<Acc, T>(row, e, rule, step, true, extreme);
        }
      }
    }
  }
}

template <typename Acc>
void expect_same_for_every_type() {
  expect_same_in_every_way<Acc, float>();
  expect_same_in_every_way<Acc, double>();
  expect_same_in_every_way<Acc, Half>();
  expect_same_in_every_way<Acc, BFloat16>();
  expect_same_in_every_way<Acc, std::int8_t>();
  expect_same_in_every_way<Acc, std::uint8_t>();
  expect_same_in_every_way<Acc, std::int16_t>();
  expect_same_in_every_way<Acc, std::uint16_t>();
}

TEST(FinishRows, HaveTheBitsOfEachElement) {
  std::vector<std::string> targets = cpu_targets();
  targets.emplace_back();
  for (const std::string& target : targets) {
    if (!cpu_targets().empty()) set_cpu_target(target);
    expect_same_for_every_type<float>();
    expect_same_for_every_type<double>();
  }
}

TEST(FinishRows, ReadEveryHalf) {
  for (const std::string& target : cpu_targets()) {
    set_cpu_target(target);
    const LoadHalves load = finish_rows<float>().load_halves;
    if (load == nullptr) continue;
    std::vector<Half> halves(65536 + 3);
    for (std::size_t i = 0; i < halves.size(); ++i) halves[i].bits = static_cast<std::uint16_t>(i);
    for (const std::int64_t step : {1, 2}) {
      std::vector<float> values(halves.size());
      const std::int64_t size = std::ssize(halves) / step;
      load(halves.data(), 0, step, size, values.data(), step);
      for (std::int64_t i = 0; i < size * step; i += step) {
        const auto at = static_cast<std::size_t>(i);
        const float expected = halves[at];
        if (std::isnan(expected)) {
          ASSERT_TRUE(std::isnan(values[at])) << i;
        } else {
          ASSERT_EQ(std::bit_cast<std::uint32_t>(expected),
                    std::bit_cast<std::uint32_t>(values[at]));
        }
      }
    }
  }
  if (!cpu_targets().empty()) set_cpu_target("");
}

}  // namespace
}  // namespace faltung
