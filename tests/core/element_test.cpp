#include "cpp/core/element.hpp"

#include <gtest/gtest.h>

namespace faltung {
namespace {

// One more than the middle between two floats, or two bfloat16: by way of a double, which drops the
// one, it would go to the even neighbour below.
TEST(StoreElement, RoundsExactSumsOnce) {
  const WideUnsigned sum = (WideUnsigned{1} << 60) + (WideUnsigned{1} << 36) + 1;
  EXPECT_EQ(store_element<float>(sum, {}), 0x1p60f + 0x1p37f);
  EXPECT_EQ(store_element<float>(0 - sum, {}), -0x1p60f - 0x1p37f);
  EXPECT_EQ(store_element<double>(sum, {}), 0x1p60 + 0x1p36);

  const WideUnsigned brain = (WideUnsigned{1} << 60) + (WideUnsigned{1} << 52) + 1;
  EXPECT_EQ(float(store_element<BFloat16>(brain, {})), 0x1p60f + 0x1p53f);
  EXPECT_EQ(float(store_element<BFloat16>(0 - brain, {})), -0x1p60f - 0x1p53f);
  EXPECT_EQ(float(store_element<Half>(WideUnsigned{2049}, {})), 2048.0f);
  EXPECT_EQ(float(store_element<Half>(WideUnsigned{65519}, {})), 65504.0f);
}

TEST(StoreElement, RoundsRealSumsOnce) {
  EXPECT_EQ(float(store_element<Half>(0x1.002p0 + 0x1p-52, {})), 0x1.004p0f);
  EXPECT_EQ(float(store_element<Half>(-0x1.002p0 - 0x1p-52, {})), -0x1.004p0f);
  EXPECT_TRUE(std::isnan(float(store_element<Half>(std::nan(""), {}))));
  EXPECT_EQ(store_element<float>(INFINITY, {}), INFINITY);
}

}  // namespace
}  // namespace faltung
