#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <type_traits>
#include <vector>

#include "tests/cuda/standins/cublaslt_standin.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/kernels/device_buffer.hpp"

// Products by the calls of cuBLASLt themselves.
namespace faltung::test {

using namespace cuda::cublaslt;  // NOLINT: all of it
using emulator_kernels::DeviceBuffer;

template <typename T>
T number(std::int64_t value) {
  if constexpr (std::is_same_v<T, std::int8_t> || std::is_same_v<T, std::int32_t>) {
    return static_cast<T>(value);
  } else {
    return T(static_cast<float>(value));
  }
}

// Whole numbers from -3 to 3, whose sums every type holds.
template <typename T>
std::vector<T> small_numbers(std::size_t count, std::int64_t seed) {
  std::vector<T> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(number<T>((static_cast<std::int64_t>(i) * 5 + seed) % 7 - 3));
  }
  return values;
}

// A product by hand, for misuse: 4 x 4 of f32, or what the test makes of it.
struct Raw {
  const Functions& f = cublaslt_standin().raw;
  Handle handle = nullptr;
  ProductDescription how = nullptr;
  MatrixDescription a = nullptr, b = nullptr, c = nullptr, d = nullptr;
  Preference preference = nullptr;
  Proposal proposals[8] = {};
  int found = 0;
  DeviceBuffer<float> x{small_numbers<float>(64, 1)}, w{small_numbers<float>(64, 2)},
      y{small_numbers<float>(64, 3)};
  DeviceBuffer<char> area{8192};

  explicit Raw(std::int64_t leading = 4) {
    EXPECT_EQ(f.create(&handle), Status::success);
    EXPECT_EQ(f.product_create(&how, Compute::f32, Type::f32), Status::success);
    for (MatrixDescription* m : {&a, &b, &c, &d}) {
      EXPECT_EQ(f.matrix_create(m, Type::f32, 4, 4, leading), Status::success);
    }
    EXPECT_EQ(f.preference_create(&preference), Status::success);
    for (const auto which :
         {PreferenceAttribute::min_alignment_a, PreferenceAttribute::min_alignment_b,
          PreferenceAttribute::min_alignment_c, PreferenceAttribute::min_alignment_d}) {
      const std::uint32_t bytes = 16;
      EXPECT_EQ(f.preference_set(preference, which, &bytes, 4), Status::success);
    }
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  ~Raw() {
    emulator::machine.current = 0;  // where the buffers are
    (void)f.product_destroy(how);
    for (const MatrixDescription m : {a, b, c, d}) (void)f.matrix_destroy(m);
    (void)f.preference_destroy(preference);
    (void)f.destroy(handle);
  }
  void batch(std::int32_t count, std::int64_t step) {
    for (const MatrixDescription m : {a, b, c, d}) {
      EXPECT_EQ(f.matrix_set(m, MatrixAttribute::batch_count, &count, 4), Status::success);
      EXPECT_EQ(f.matrix_set(m, MatrixAttribute::batch_step, &step, 8), Status::success);
    }
  }
  void finish(Finish finish) {
    EXPECT_EQ(f.product_set(how, ProductAttribute::finish, &finish, 4), Status::success);
  }
  Status propose(std::uint64_t max_workspace = 0) {
    EXPECT_EQ(
        f.preference_set(preference, PreferenceAttribute::max_workspace_bytes, &max_workspace, 8),
        Status::success);
    return f.propose(handle, how, a, b, c, d, preference, 8, proposals, &found);
  }
  [[nodiscard]] const Algorithm* algorithm(std::size_t workspace) const {
    for (int i = 0; i < found; ++i) {
      if (proposals[i].state == Status::success && proposals[i].workspace_bytes == workspace) {
        return &proposals[i].algorithm;
      }
    }
    ADD_FAILURE() << "no algorithm with a workspace of " << workspace;
    return nullptr;
  }
  Status run(const Algorithm* how_to, const float* left, float* old, float* result,
             void* workspace = nullptr, std::size_t bytes = 0, float beta = 0) const {
    const float one = 1;
    return f.multiply(handle, how, &one, left, a, w.data(), b, &beta, old, c, result, d, how_to,
                      workspace, bytes, nullptr);
  }
  Status run() { return run(algorithm(0), x.data(), y.data(), y.data()); }
};

}  // namespace faltung::test
