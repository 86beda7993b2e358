#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "cpp/cpu/reference_engine.hpp"
#include "cuda/direct/direct_engine.hpp"
#include "cuda/direct/direct_launch.hpp"
#include "cuda/direct/direct_lowering.hpp"
#include "cuda/primitives/operands_lowering.cuh"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/support/error_check.hpp"

/// What tests of the kernels of cuda/direct share.
namespace faltung::cuda::direct {

inline const test::TestDevice& device() { return *test::test_devices()[0]; }

inline test::Array expected(const Problem& p, const test::Operands& operands) {
  return test::run_guarded(test::cpu_device(), reference_engine(), p, operands);
}

/// `cuda.direct` runs the line by `kernel` alone, equals the reference on small integers, whatever
/// stood in memory before, and keeps its bound on reals.
inline void expect_agreement(const std::string& line, const std::string& kernel) {
  SCOPED_TRACE(line);
  const Problem p = Problem::parse(line);
  const test::Operands operands =
      test::filled_operands(p, test::Fill::small_integers, test::test_seed());
  const emulator::Recorder recorder;
  const test::Array result = test::run_guarded(device(), direct_engine(), p, operands);
  ASSERT_EQ(recorder.reports().size(), 1u);
  EXPECT_EQ(recorder.reports()[0].kernel, kernel);
  EXPECT_TRUE(test::equal_elements(expected(p, operands), result));
  const test::Array again =
      test::run_guarded(device(), direct_engine(), p, operands, {.poison = std::byte{0x5a}});
  EXPECT_TRUE(test::same_elements(result, again));
  const test::Operands reals = test::filled_operands(p, test::Fill::reals, test::test_seed());
  const ErrorBound bound = direct_engine().offer(p, Device::cuda(0)).prepare()->error_bound();
  EXPECT_LE(test::error_ratio(p, reals, expected(p, reals),
                              test::run_guarded(device(), direct_engine(), p, reals), bound),
            1);
}

/// Infinity and NaN at the ends of both operands reach exactly the outputs of the definition.
inline void expect_non_finite_as_defined(const std::string& line) {
  SCOPED_TRACE(line);
  const Problem p = Problem::parse(line);
  test::Operands operands = test::filled_operands(p, test::Fill::reals, test::test_seed());
  const auto set = [](test::Array& array, std::int64_t from_end, double value) {
    if (is_integer(array.dtype())) return;
    Extents at;
    for (const std::int64_t extent : array.shape()) {
      at.push_back(std::max<std::int64_t>(0, extent - 1 - from_end));
    }
    array.set(at, value);
  };
  set(operands.first, 0, std::numeric_limits<double>::infinity());
  set(operands.first, 11, std::numeric_limits<double>::quiet_NaN());
  set(operands.second, 0, std::numeric_limits<double>::infinity());
  const test::Array reference = expected(p, operands);
  const test::Array result = test::run_guarded(device(), direct_engine(), p, operands);
  const auto finite = [](std::complex<double> z) {
    return std::isfinite(z.real()) && std::isfinite(z.imag());
  };
  for_each_index(result.shape(), [&](std::int64_t, const Extents& index) {
    EXPECT_EQ(finite(reference.get(index)), finite(result.get(index))) << index;
  });
}

/// A problem whose arguments a test may change before it launches a kernel itself.
/// Its tensors begin `shift` bytes behind a multiple of 256.
struct DirectRun {
  explicit DirectRun(const std::string& line, std::size_t shift_by = 0,
                     test::Fill fill = test::Fill::small_integers)
      : shift(shift_by),
        problem(Problem::parse(line)),
        operands(test::filled_operands(problem, fill, 1)),
        x(device(), shifted(operands.first.bytes())),
        w(device(), operands.second.bytes()),
        y(device(), shifted(operands.before.bytes())) {
    arguments.geometry = lower(problem);
    describe(problem, arguments);
    arguments.x = Global<const unsigned char>(reinterpret_cast<unsigned char*>(x.data()) + shift);
    arguments.w = Global<const unsigned char>(reinterpret_cast<unsigned char*>(w.data()));
    arguments.y = Global<unsigned char>(reinterpret_cast<unsigned char*>(y.data()) + shift);
  }
  [[nodiscard]] test::Array result() const {
    std::vector<std::byte> bytes = shifted(operands.before.bytes());
    y.read(bytes);
    test::Array array = operands.before;
    std::copy(bytes.begin() + static_cast<std::ptrdiff_t>(shift), bytes.end(),
              array.bytes().begin());
    return array;
  }
  [[nodiscard]] bool is_right() const {
    return y.intact() && test::equal_elements(expected(problem, operands), result());
  }

  [[nodiscard]] std::vector<std::byte> shifted(std::span<const std::byte> bytes) const {
    std::vector<std::byte> result(shift);
    result.insert(result.end(), bytes.begin(), bytes.end());
    return result;
  }

  std::size_t shift;
  Problem problem;
  test::Operands operands;
  test::GuardedMemory x, w, y;
  Arguments arguments;
};

}  // namespace faltung::cuda::direct
