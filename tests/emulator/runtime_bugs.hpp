#pragma once

#include <gtest/gtest.h>

#include <string>

#include "cuda/runtime/launch.hpp"
#include "tests/emulator/device_records.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/host_runtime.hpp"

namespace faltung::emulator_kernels {

/// Does the right thing, or the same with one mistake, on the machine that `architecture` names.
struct RuntimeBug {
  std::string name;
  emulator::Check check;
  void (*act)(bool broken);
  int architecture = 90;
};

/// The name of the check that objects, or "nothing".
inline std::string objection(const RuntimeBug& bug, bool broken) {
  emulator::machine = {};
  emulator::machine.devices = 2;
  emulator::machine.limits = emulator::device_record(bug.architecture).limits;
  std::string result = "nothing";
  try {
    bug.act(broken);
  } catch (const emulator::Violation& violation) {
    result = emulator::name(violation.check());
  }
  for (emulator::machine.current = 0; emulator::machine.current < 2; ++emulator::machine.current)
    emulator::finish_device();
  emulator::machine = {};
  return result;
}

class RuntimeBugs : public ::testing::TestWithParam<RuntimeBug> {};

TEST_P(RuntimeBugs, AreCaughtByName) {
  const RuntimeBug& bug = GetParam();
  EXPECT_EQ(objection(bug, false), "nothing");
  EXPECT_EQ(objection(bug, true), emulator::name(bug.check));
}

inline void PrintTo(const RuntimeBug& bug, std::ostream* os) { *os << bug.name; }
inline std::string bug_name(const ::testing::TestParamInfo<RuntimeBug>& bug) {
  return bug.param.name;
}

inline cuda::LaunchConfig with_shared(std::size_t bytes) {
  return {.name = "kernel", .block = 32, .shared_bytes = bytes};
}

inline cudaStream_t own_stream() {
  cudaStream_t stream = nullptr;
  (void)cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  return stream;
}

}  // namespace faltung::emulator_kernels
