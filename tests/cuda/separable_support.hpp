#pragma once

#include "cpp/cpu/reference_engine.hpp"
#include "cuda/separable/separable_engine.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/operands.hpp"

/// What tests of cuda.separable share.
namespace faltung::cuda::separable {

inline const test::TestDevice& device() { return *test::test_devices()[0]; }

inline test::Array expected(const Problem& p, const test::Operands& operands) {
  return test::run_guarded(test::cpu_device(), reference_engine(), p, operands);
}

inline test::Array actual(const Problem& p, const test::Operands& operands,
                          test::RunOptions options = {.poison = std::byte{0xff}}) {
  return test::run_guarded(device(), separable_engine(), p, operands, options);
}

inline double share_of_bound(const Problem& p, const test::Operands& operands) {
  const ErrorBound bound = separable_engine().offer(p, Device::cuda(0)).prepare()->error_bound();
  return test::error_ratio(p, operands, expected(p, operands), actual(p, operands), bound);
}

inline test::Operands filled(const Problem& p, test::Fill fill) {
  return test::filled_operands(p, fill, test::test_seed());
}

}  // namespace faltung::cuda::separable
