#include <gtest/gtest.h>

#include <cmath>
#include <faltung/dtype.hpp>

namespace faltung {
namespace {

TEST(DType, NamesParseBack) {
  for (const DType type : all_dtypes) EXPECT_EQ(parse_dtype(name(type)), type);
  EXPECT_EQ(parse_dtype("f23"), std::nullopt);
}

TEST(DType, VisitGivesTheElementType) {
  for (const DType type : all_dtypes) {
    EXPECT_EQ(visit_dtype(type, [](auto value) { return dtype_of<decltype(value)>; }), type);
    EXPECT_EQ(visit_dtype(type, [](auto value) { return sizeof(value); }), size_of(type));
  }
}

TEST(Half, EveryValueSurvivesTheRoundTrip) {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    Half half;
    half.bits = static_cast<std::uint16_t>(bits);
    const float value = half;
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(float(Half(value))));
    } else {
      EXPECT_EQ(Half(value).bits, bits);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(float(Half(65519.0f)), 65504.0f);
  EXPECT_TRUE(std::isinf(float(Half(65520.0f))));
  EXPECT_EQ(float(Half(2049.0f)), 2048.0f);  // tie between 2048 and 2050
  EXPECT_EQ(float(Half(2051.0f)), 2052.0f);
  EXPECT_EQ(float(Half(0x1p-25f)), 0.0f);  // tie with the smallest subnormal
  EXPECT_EQ(float(Half(0x1.8p-25f)), 0x1p-24f);
  EXPECT_EQ(float(Half(-0x1.ff8p-15f)), -0x1.ff8p-15f);  // the largest subnormal
  EXPECT_EQ(float(Half(-0x1.ffcp-15f)), -0x1p-14f);      // tie with the smallest normal
}

TEST(BFloat16, RoundsToNearestEven) {
  EXPECT_EQ(float(BFloat16(0x1.01p0f)), 0x1p0f);
  EXPECT_EQ(float(BFloat16(0x1.03p0f)), 0x1.04p0f);
  EXPECT_TRUE(std::isnan(float(BFloat16(std::nanf("")))));
}

}  // namespace
}  // namespace faltung
