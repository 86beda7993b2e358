#include "cpp/core/boundary_map.hpp"

#include <gtest/gtest.h>

#include <string>

namespace faltung {
namespace {

// The picture of docs: what stands at -8 .. n+7 of an axis "abcd...", '.' for nothing.
std::string picture(BoundaryKind kind, std::int64_t n) {
  std::string text;
  for (std::int64_t i = -8; i < n + 8; ++i) {
    const std::int64_t j = extend_index(kind, i, n);
    text += j == outside ? '.' : static_cast<char>('a' + j);
  }
  return text;
}

TEST(ExtendIndex, RepeatsAsOftenAsNeeded) {
  EXPECT_EQ(picture(BoundaryKind::zero, 4), "........abcd........");
  EXPECT_EQ(picture(BoundaryKind::constant, 4), "........abcd........");
  EXPECT_EQ(picture(BoundaryKind::nearest, 4), "aaaaaaaaabcddddddddd");
  EXPECT_EQ(picture(BoundaryKind::reflect, 4), "abcddcbaabcddcbaabcd");
  EXPECT_EQ(picture(BoundaryKind::mirror, 4), "cbabcdcbabcdcbabcdcb");
  EXPECT_EQ(picture(BoundaryKind::wrap, 4), "abcdabcdabcdabcdabcd");
}

TEST(ExtendIndex, HandlesOneElementAndNone) {
  for (const BoundaryKind kind :
       {BoundaryKind::nearest, BoundaryKind::reflect, BoundaryKind::mirror, BoundaryKind::wrap}) {
    EXPECT_EQ(picture(kind, 1), std::string(17, 'a'));
    EXPECT_EQ(picture(kind, 0), std::string(16, '.'));
  }
}

TEST(ExtendIndex, SymmetricRulesAreMirrorImages) {
  for (const BoundaryKind kind : {BoundaryKind::reflect, BoundaryKind::mirror}) {
    for (std::int64_t n = 1; n < 9; ++n) {
      for (std::int64_t i = -40; i < 40; ++i) {
        EXPECT_EQ(extend_index(kind, i, n), n - 1 - extend_index(kind, n - 1 - i, n));
      }
    }
  }
}

TEST(ExtendIndex, HandlesIndicesFarOutside) {
  constexpr std::int64_t far = INT64_MAX / 4;
  for (const BoundaryKind kind :
       {BoundaryKind::nearest, BoundaryKind::reflect, BoundaryKind::mirror, BoundaryKind::wrap}) {
    for (const std::int64_t i : {-far, far}) {
      const std::int64_t j = extend_index(kind, i, 1000003);
      EXPECT_GE(j, 0);
      EXPECT_LT(j, 1000003);
    }
  }
}

}  // namespace
}  // namespace faltung
