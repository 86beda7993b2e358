// Which values an option per axis takes: none that would become another one.

#include <gtest/gtest.h>

#include <concepts>
#include <cstdint>
#include <faltung/faltung.hpp>
#include <limits>
#include <utility>
#include <vector>

#include "tests/support/refusal.hpp"

namespace faltung {
namespace {

template <typename Option, typename... Values>
concept takes_list = requires(Values... values) {
  Option{values...};
};

using Integers = PerAxis<std::int64_t>;
using Reals = PerAxis<double>;

static_assert(std::convertible_to<int, Integers> && std::convertible_to<unsigned, Integers>);
static_assert(std::convertible_to<std::size_t, Integers> && std::convertible_to<short, Integers>);
static_assert(std::convertible_to<std::int8_t, Integers>);
static_assert(!std::convertible_to<double, Integers> && !std::convertible_to<float, Integers>);
static_assert(!std::convertible_to<char, Integers> && !std::convertible_to<bool, Integers>);
static_assert(!std::convertible_to<char8_t, Integers> && !std::convertible_to<wchar_t, Integers>);
static_assert(!std::convertible_to<const char*, Integers>);

static_assert(std::convertible_to<int, Reals> && std::convertible_to<float, Reals>);
static_assert(!std::convertible_to<char, Reals> && !std::convertible_to<bool, Reals>);

static_assert(takes_list<Integers, int, std::int64_t> && takes_list<Integers, std::size_t, short>);
static_assert(!takes_list<Integers, double, int> && !takes_list<Integers, int, float>);
static_assert(!takes_list<Integers, char, int> && !takes_list<Integers, bool, bool>);
static_assert(takes_list<Reals, int, double> && !takes_list<Reals, double, bool>);
static_assert(takes_list<PerAxis<Boundary>, Boundary, Boundary>);
static_assert(!takes_list<PerAxis<Boundary>, int, int>);

static_assert(std::convertible_to<int, nn::Padding> && takes_list<nn::Padding, int, std::int64_t>);
static_assert(!std::convertible_to<double, nn::Padding> && !std::convertible_to<char, nn::Padding>);
static_assert(!std::convertible_to<bool, nn::Padding> && !takes_list<nn::Padding, double, int>);
static_assert(!takes_list<nn::Padding, char, char>);

TEST(PerAxis, TakesOneValueOrAList) {
  EXPECT_EQ(Integers(3).values(), std::vector<std::int64_t>{3});
  EXPECT_EQ(Integers(std::size_t{7}).values(), std::vector<std::int64_t>{7});
  EXPECT_EQ((Integers{1, 2}.values()), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ((Reals{1, 2.5}.values()), (std::vector<double>{1, 2.5}));
  EXPECT_TRUE(Integers{}.empty());
  EXPECT_EQ((PerAxis<Boundary>{Boundary::wrap(), Boundary::mirror()}.values().size()), 2U);
}

TEST(PerAxis, RefusesIntegersThatDoNotFit) {
  const std::uint64_t beyond = ~std::uint64_t{0};
  EXPECT_REFUSED(Integers(beyond), "the value 18446744073709551615");
  EXPECT_REFUSED((Integers{std::uint64_t{1}, std::uint64_t{1} << 63}), "9223372036854775808");
  EXPECT_REFUSED(nn::Padding(beyond), "the value 18446744073709551615");
  EXPECT_REFUSED((nn::Padding{beyond, beyond}), "use at most 2^63 - 1");
  constexpr std::uint64_t max = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(Integers(max).values().front(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(Reals(beyond).values().front(), 0x1p64);
}

}  // namespace
}  // namespace faltung
