// Which devices a library of certain architectures runs on, and what it says of others.

#include <gtest/gtest.h>

#include <string_view>
#include <utility>

#include "cuda/runtime/architectures.hpp"

namespace faltung::cuda {
namespace {

bool carries(std::string_view list, int major, int minor) {
  return no_code_for(list, major, minor).empty();
}

TEST(Architectures, MachineCodeRunsWithinItsMajor) {
  EXPECT_TRUE(carries("80-real", 8, 0));
  EXPECT_TRUE(carries("80-real", 8, 9));
  EXPECT_FALSE(carries("80-real", 9, 0));
  EXPECT_FALSE(carries("86-real", 8, 0));
  EXPECT_TRUE(carries("100-real", 10, 3));
  EXPECT_FALSE(carries("100-real", 12, 0));
}

TEST(Architectures, PtxRunsOnWhatIsNewer) {
  EXPECT_FALSE(carries("86-virtual", 8, 0));
  EXPECT_TRUE(carries("86-virtual", 8, 6));
  EXPECT_TRUE(carries("86-virtual", 12, 1));
  EXPECT_TRUE(carries("120", 13, 0));
}

TEST(Architectures, FeaturesOfOneArchitectureStayThere) {
  EXPECT_TRUE(carries("90a-real", 9, 0));
  EXPECT_FALSE(carries("90a-real", 10, 0));
  EXPECT_FALSE(carries("90a-virtual", 10, 0));
  EXPECT_FALSE(carries("100a", 10, 3));
  EXPECT_TRUE(carries("100f", 10, 3));
  EXPECT_FALSE(carries("100f", 12, 0));
}

TEST(Architectures, APackageRunsOnAllSinceAmpere) {
  const std::string_view package = "80-real,86-real,89-real,90a-real,100-real,120";
  for (const auto& [major, minor] : {std::pair{8, 0},
                                     {8, 6},
                                     {8, 7},
                                     {8, 9},
                                     {9, 0},
                                     {10, 0},
                                     {10, 3},
                                     {12, 0},
                                     {12, 1},
                                     {13, 0}}) {
    EXPECT_TRUE(carries(package, major, minor)) << major << '.' << minor;
  }
}

TEST(Architectures, ARefusalNamesWhatIsCarriedAndTheWayOut) {
  EXPECT_EQ(
      no_code_for("80-real,90a-real,120", 10, 0),
      "has compute capability 10.0, this library carries code for 8.0, 9.0a, 12.0, PTX of 12.0 "
      "alone; build it with -DCMAKE_CUDA_ARCHITECTURES=100-real or with the preset package, or "
      "use the CPU");
  EXPECT_EQ(no_code_for("90a-real", 7, 5),
            "has compute capability 7.5, the CUDA engines need 8.0 or newer; use the CPU");
}

}  // namespace
}  // namespace faltung::cuda
