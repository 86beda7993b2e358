#pragma once

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "cuda/primitives/memory.cuh"
#include "cuda/runtime/launch.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"

namespace faltung::emulator_kernels {

inline constexpr int bug_threads = 64;
inline constexpr int bug_elements = 4096;
inline constexpr int bug_shared_bytes = 16384;

/// Two blocks of 64 threads; x holds 0, 1, 2, ... and y is unset.
using BugKernel = void (*)(cuda::Global<const float> x, cuda::Global<float> y);

/// A small kernel that is right, the same kernel with one mistake, and what must catch the mistake.
struct PlantedBug {
  std::string name;
  emulator::Check check;
  BugKernel right;
  BugKernel broken;
};

/// What the right kernels keep: conflict-free, more than half of each sector used (a halo of one
/// element costs a sector), hardly anything moved twice, and nine multiply-adds a thread.
inline constexpr emulator::Limits limits{.conflict_factor = 1.0,
                                         .read_sector_use = 0.5,
                                         .read_redundancy = 1.5,
                                         .write_sector_use = 0.5,
                                         .write_redundancy = 1.0,
                                         .multiply_adds = 2 * bug_threads * 9};

/// The name of the check that objects to `kernel`, or "nothing". A right kernel keeps
/// `limits` and writes y[i] = x[i] + 1 wherever it writes.
inline std::string objection(const std::string& name, BugKernel kernel) {
  std::vector<float> x(bug_elements);
  std::iota(x.begin(), x.end(), 0.0f);
  const DeviceBuffer<float> x_device(x);
  const DeviceBuffer<float> y_device(x.size());
  const std::vector<float> unset = y_device.read();
  emulator::Recorder recorder;
  try {
    cuda::launch(
        kernel,
        {.name = name.c_str(), .grid = 2, .block = bug_threads, .shared_bytes = bug_shared_bytes},
        cuda::Global<const float>(x_device.data()), cuda::Global<float>(y_device.data()));
    const std::vector<float> y = y_device.read();
    std::vector<float> expected = unset;
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (std::memcmp(&y[i], &unset[i], sizeof(float)) != 0) expected[i] = x[i] + 1;
    }
    emulator::expect_equal<float>(name, y, expected);
    emulator::expect_within(recorder.reports().front(), limits);
  } catch (const emulator::Violation& violation) {
    EXPECT_NE(std::string(violation.what()).find("kernel " + name), std::string::npos)
        << "the message does not name the kernel: " << violation.what();
    return std::string(emulator::name(violation.check()));
  }
  return "nothing";
}

class PlantedBugs : public ::testing::TestWithParam<PlantedBug> {};

// Which thread runs first must not matter, so several orders are tried.
TEST_P(PlantedBugs, AreCaughtByName) {
  const PlantedBug& bug = GetParam();
  for (const std::uint64_t seed : {1, 2, 3}) {
    emulator::options().seed = seed;
    EXPECT_EQ(objection(bug.name, bug.right), "nothing") << "seed " << seed;
    EXPECT_EQ(objection(bug.name, bug.broken), emulator::name(bug.check)) << "seed " << seed;
  }
}

inline void PrintTo(const PlantedBug& bug, std::ostream* os) { *os << bug.name; }
inline std::string bug_name(const ::testing::TestParamInfo<PlantedBug>& bug) {
  return bug.param.name;
}

}  // namespace faltung::emulator_kernels
