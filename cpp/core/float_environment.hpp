#pragma once

#include <cstdint>

namespace faltung {

/// What becomes of numbers too small to be normal, as operands and as results of operations.
enum class Subnormals : std::uint8_t {
  keep,
  flush  ///< they count as zero: FTZ and DAZ on x86, FZ on aarch64
};

/// While it lives its thread computes as the library defines it, whatever the caller has set: it
/// rounds to nearest, raises no signal, and keeps or flushes subnormals. Afterwards everything is
/// the caller's again, the flags of what happened before included.
///
/// One stands round all that computes: runs, planning, and every function of a front end that works
/// on numbers of its own. parallel_for hands it on to the other threads. What a caller's allocator
/// does stays outside. It takes a few nanoseconds, and does nothing where the processor is neither
/// x86-64 nor aarch64.
class FloatEnvironment {
 public:
  explicit FloatEnvironment(Subnormals subnormals = Subnormals::keep) noexcept;
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;
  ~FloatEnvironment();

  /// What this thread does now.
  [[nodiscard]] static Subnormals current() noexcept;

 private:
  // x86-64: MXCSR, and the two words of the x87 unit, which computes long double.
  // aarch64: FPCR and FPSR.
  std::uint64_t control_ = 0;
  std::uint64_t flags_ = 0;
  std::uint16_t x87_control_ = 0;
};

}  // namespace faltung
