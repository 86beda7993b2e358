// Digits make their numbers again, and are as small as the bound of their sums takes them to be.

#include "cpp/core/integer_digits.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace faltung::fft {
namespace {

constexpr std::uint64_t top = std::uint64_t{1} << 63;

std::uint64_t low_bits(std::uint64_t value, int count) {
  return count == 64 ? value : value & ((std::uint64_t{1} << count) - 1);
}

// The ends of all types, numbers around powers of two, and any others.
std::vector<std::uint64_t> numbers() {
  std::mt19937_64 random(1);
  std::vector<std::uint64_t> values = {0, 1, 2, 3, ~std::uint64_t{0}, top, top - 1, top + 1};
  for (int bit = 1; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    for (const std::uint64_t value : {power - 1, power, power + 1}) {
      values.push_back(value);
      values.push_back(0 - value);
    }
  }
  for (int i = 0; i < 2000; ++i) values.push_back(random() >> random() % 64);
  return values;
}

TEST(Digits, MakeTheNumberAgain) {
  for (const int modulus : {8, 16, 32, 64}) {
    for (int bits = 4; bits <= 32; ++bits) {
      const int count = (modulus - 1) / bits + 1;
      if (count == 1) continue;
      const Digits digits{.first = count, .second = count, .bits = bits, .modulus = modulus};
      EXPECT_EQ(digits.diagonals(), count);
      for (const std::uint64_t value : numbers()) {
        std::uint64_t sum = 0;
        for (int i = 0; i < count; ++i) {
          const double digit = Digit(i, count, digits)(value);
          EXPECT_LE(std::abs(digit), std::ldexp(1.0, bits - 1));
          sum += nearest_integer(digit) << (i * bits);
        }
        EXPECT_EQ(low_bits(sum, modulus), low_bits(value, modulus))
            << value << ' ' << bits << ' ' << modulus;
      }
    }
  }
}

// So does the product of two, from the diagonals that matter.
TEST(Digits, MakeProductsModuloAPowerOfTwo) {
  const std::vector<std::uint64_t> values = numbers();
  for (const int modulus : {8, 16, 32, 64}) {
    for (const int bits : {4, 5, 7, 11, 13, 16}) {
      const int count = (modulus - 1) / bits + 1;
      if (count == 1) continue;
      const Digits digits{.first = count, .second = count, .bits = bits, .modulus = modulus};
      for (std::size_t at = 0; at + 7 < values.size(); ++at) {
        const std::uint64_t a = values[at], b = values[at + 7];
        std::uint64_t total = 0;
        for (int d = 0; d < digits.diagonals(); ++d) {
          double sum = 0;
          digits.for_each_pair(d, [&](int i, int j) {
            sum += Digit(i, count, digits)(a) * Digit(j, count, digits)(b);
          });
          total += nearest_integer(sum) << (d * bits);
        }
        EXPECT_EQ(low_bits(total, modulus), low_bits(a * b, modulus));
      }
    }
  }
}

TEST(Digits, RoundToTheNearestInteger) {
  for (const double whole : {0.0, 1.0, -1.0, 12345.0, -0x1p46, 0x1p46 + 1}) {
    for (const double rest : {0.0, 0.48, -0.48}) {
      EXPECT_EQ(nearest_integer(whole + rest),
                static_cast<std::uint64_t>(static_cast<std::int64_t>(whole)));
    }
    EXPECT_EQ(double_of(nearest_integer(whole)), whole);
  }
}

Problem problem_of(const char* text) { return Problem::parse(text); }

Sizes long_axis(double n) {
  Sizes sizes;
  sizes.length = n;
  sizes.outputs = n / 2;
  sizes.taps = n / 2;
  return sizes;
}

// The largest magnitude of each digit of numbers up to `span`.
std::vector<double> sizes_of(int count, const Digits& digits, std::uint64_t span, bool negative) {
  if (count == 1) return {static_cast<double>(span)};
  std::mt19937_64 random(2);
  std::vector<double> sizes(static_cast<std::size_t>(count), 0.0);
  for (int trial = 0; trial < 400; ++trial) {
    const bool near_end = trial % 2 == 0;
    const std::uint64_t below = near_end ? random() >> (random() % 32 + 32) : random();
    std::uint64_t value = span - std::min(span, near_end ? below : below % (span / 2 + 1));
    if (negative && trial % 3 == 0) value = 0 - value;
    for (int i = 0; i < count; ++i) {
      double& size = sizes[static_cast<std::size_t>(i)];
      size = std::max(size, std::abs(Digit(i, count, digits)(value)));
    }
  }
  return sizes;
}

TEST(Digits, ChosenOnesAreAsSmallAsTheirBoundSays) {
  for (const char* text :
       {"op=fwd dtype=i64 in=99 f=9", "op=fwd dtype=u64 in=99 f=9", "op=fwd dtype=i32 in=99 f=9",
        "op=fwd dtype=i64:i64:i32 acc=i64 in=99 f=9",
        "op=fwd dtype=i64:i64:i16 acc=i64 in=99 f=9"}) {
    const Problem p = problem_of(text);
    const bool negative = is_signed(p.input);
    for (const double n : {100.0, 1e4, 1e6, 1e8}) {
      for (int bits = 1; bits <= 8 * static_cast<int>(size_of(p.input)); ++bits) {
        const std::uint64_t ends = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
        const std::uint64_t span = negative && bits == 64 ? top : ends;
        const double largest = static_cast<double>(span);
        const auto choice = choose_digits(p, long_axis(n), largest, largest);
        ASSERT_TRUE(choice) << p << ' ' << n << ' ' << bits;
        const Digits& d = choice->digits;
        EXPECT_EQ(d.modulus, modulus_bits(p));
        const std::vector<double> first = sizes_of(d.first, d, span, negative);
        const std::vector<double> second = sizes_of(d.second, d, span, negative);
        for (int diagonal = 0; diagonal < d.diagonals(); ++diagonal) {
          double products = 0, pairs = 0;
          d.for_each_pair(diagonal, [&](int i, int j) {
            ++pairs;
            products += first[static_cast<std::size_t>(i)] * second[static_cast<std::size_t>(j)];
          });
          EXPECT_LT(largest_error(p, long_axis(n), products / pairs, 1, pairs), 0.5)
              << p << ' ' << n << ' ' << bits;
        }
      }
    }
  }
}

// A result that takes sums modulo its own size needs no digits beyond it.
TEST(Digits, AreAsManyAsTheResultHasBits) {
  const Sizes n = long_axis(3e5);
  const auto choice = [&](const char* text, double largest) {
    return choose_digits(problem_of(text), n, largest, largest)->digits;
  };
  const Digits narrow = choice("op=fwd dtype=i32 in=99 f=9", 0x1p31);
  EXPECT_EQ(narrow.first, 3);
  EXPECT_EQ(narrow.second, 3);
  EXPECT_EQ(narrow.diagonals(), 3);
  const Digits wide = choice("op=fwd dtype=i32:i32:i64 acc=i64 in=99 f=9", 0x1p31);
  EXPECT_EQ(wide.first, 3);
  EXPECT_EQ(wide.diagonals(), 5);
  const Digits half = choice("op=fwd dtype=i64:i64:i32 acc=i64 in=99 f=9", 0x1p63);
  EXPECT_EQ(half.first, 3);
  EXPECT_EQ(half.diagonals(), 3);
}

TEST(Digits, NoneAreEnoughForSumsWithoutEnd) {
  EXPECT_FALSE(
      choose_digits(problem_of("op=fwd dtype=i64 in=99 f=9"), long_axis(0x1p60), 0x1p63, 0x1p63));
}

}  // namespace
}  // namespace faltung::fft
