#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <new>
#include <string>
#include <vector>

#include <faltung/error.hpp>

#include "tests/cuda/prepared.hpp"

// Engines by libraries whose calls fail.
namespace faltung::test {

/// Result of a run whose operands have bytes of 0x3c, which are no zeros in any type.
inline std::vector<std::byte> bytes_of_run(const Engine& engine, const std::string& line) {
  Prepared prepared(engine, line);
  for (Prepared::Shifted* operand : {&prepared.x, &prepared.w, &prepared.y, &prepared.bias}) {
    (void)cudaMemset(operand->data(), 0x3c, operand->bytes.bytes());
  }
  prepared.run();
  const Tensor result = prepared.results[0].bytes.to(Device::cpu());
  const auto* data = static_cast<const std::byte*>(result.data());
  return {data, data + result.bytes()};
}

/// One fault: a typed error whose words have `word` in them, memory that ran out where the library
/// says so, or the bits of a run without faults.
///
/// @param without  those bits
/// @param memory   whether the fault is that there is none
inline void expect_error_or_result(const Engine& engine, const std::string& line,
                                   const std::vector<std::byte>& without, const char* word,
                                   bool memory) {
  try {
    EXPECT_EQ(bytes_of_run(engine, line), without);
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
  } catch (const std::bad_alloc&) {
    EXPECT_TRUE(memory);
  }
  (void)cudaDeviceSynchronize();
}

}  // namespace faltung::test
