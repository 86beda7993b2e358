#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <map>

#include "tests/emulator/emulator.hpp"
#include "tests/emulator/kernels/demonstration.hpp"

namespace faltung::emulator_kernels {

inline void PrintTo(const Demonstration& demonstration, std::ostream* os) {
  *os << demonstration.name;
}

namespace {

/// What each demonstration promises about its memory accesses, and the arithmetic it must do.
struct Promise {
  emulator::Limits limits;
  std::uint64_t multiply_adds = 0;
  std::uint64_t tensor_multiply_adds = 0;
};

const std::map<std::string, Promise> promises = {
    // 100 rows in tiles of 16 read 17 + 5 * 18 + 5 = 112 rows; 200 columns, 25 sectors, in tiles of
    // 64 read 6 halo sectors more, of which they use one word each.
    {"filter",
     {{.conflict_factor = 1.0,
       .read_sector_use = (25.0 * 32 + 6 * 4) / (31 * 32),
       .read_redundancy = 1.12 * 31 / 25,
       .write_sector_use = 1,
       .write_redundancy = 1},
      9u * (7 * 16) * (4 * 64)}},
    // 100003 integers are read once, the last three in a sector of their own. Each of six blocks
    // writes one word and adds to one word, each in a sector.
    {"reduction",
     {{.conflict_factor = 1.0,
       .read_sector_use = 0.99,
       .read_redundancy = 12501.0 * 8 / 100003,
       .write_sector_use = 1.0 / 8,
       .write_redundancy = 12.0 * 8 / 7}}},
    {"pipeline",
     {{.conflict_factor = 1.0,
       .read_sector_use = 1,
       .read_redundancy = 1,
       .write_sector_use = 1,
       .write_redundancy = 1}}},
    // Strips of 64 columns read 67, 68 and 49 words of the 176 in a row: 9, 10 and 7 sectors for
    // 22. A block reads its halo rows twice, but they stay in its L1.
    {"tma",
     {{.conflict_factor = 1.0,
       .read_sector_use = (67.0 + 68 + 49) / (26 * 8),
       .read_redundancy = 26.0 / 22,
       .write_sector_use = 1,
       .write_redundancy = 1}}},
    // Three blocks read each row of a, two each row of b: 128 and 192 rows of 160.
    {"mma",
     {{.conflict_factor = 1.0,
       .read_sector_use = 1,
       .read_redundancy = (128.0 * 3 + 192 * 2) / (128 + 192),
       .write_sector_use = 1,
       .write_redundancy = 1},
      0,
      128u * 192 * 160}},
    // Two tiles of n read all of a, two clusters along m all of b.
    {"wgmma",
     {{.conflict_factor = 1.0,
       .read_sector_use = 1,
       .read_redundancy = 2,
       .write_sector_use = 1,
       .write_redundancy = 1},
      0,
      256u * 128 * 320}},
    // The weights are read by both tiles of pixels, the images hardly twice: their border between
    // the tiles is three rows.
    {"im2col",
     {{.conflict_factor = 1.0,
       .read_sector_use = 1,
       .read_redundancy = (2 * 288.0 + 252 + 3 * 7) / (288 + 252),
       .write_sector_use = 1,
       .write_redundancy = 1},
      0,
      2u * 64 * 32 * 9 * 64}},
};

class Demonstrations : public ::testing::TestWithParam<Demonstration> {};

TEST_P(Demonstrations, GiveTheirResultInAnyOrder) {
  const Demonstration& demonstration = GetParam();
  const std::vector<float> expected = demonstration.expected();
  for (const std::uint64_t seed : {1, 2, 3, 4}) {
    emulator::options().seed = seed;
    const std::vector<float> actual = demonstration.run();
    if (demonstration.bound == 0) {
      EXPECT_NO_THROW(emulator::expect_equal<float>(demonstration.name, actual, expected));
      continue;
    }
    ASSERT_EQ(actual.size(), expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
      ASSERT_LE(std::abs(double{actual[i]} - expected[i]), demonstration.bound) << i;
    }
  }
}

TEST_P(Demonstrations, KeepTheirPromises) {
  const Demonstration& demonstration = GetParam();
  const emulator::Recorder recorder;
  (void)demonstration.run();
  ASSERT_EQ(recorder.reports().size(), 1u);
  const emulator::Report& report = recorder.reports().front();
  emulator::print(std::cout, recorder.reports());

  // Other data, the same accesses.
  const std::string kernel = demonstration.name.substr(0, demonstration.name.find('_'));
  const Promise& promise = promises.at(kernel);
  EXPECT_NO_THROW(emulator::expect_within(report, promise.limits));
  EXPECT_EQ(report.counters.multiply_adds, promise.multiply_adds);
  EXPECT_EQ(report.counters.tensor_multiply_adds, promise.tensor_multiply_adds);
}

INSTANTIATE_TEST_SUITE_P(Hopper, Demonstrations, ::testing::ValuesIn(hopper_demonstrations()),
                         [](const auto& which) { return which.param.name; });
INSTANTIATE_TEST_SUITE_P(Plain, Demonstrations, ::testing::ValuesIn(plain_demonstrations()),
                         [](const auto& which) { return which.param.name; });

}  // namespace
}  // namespace faltung::emulator_kernels
