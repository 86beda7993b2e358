#pragma once

#include <cstddef>
#include <cstdint>

// This header is read once for each instruction set: FALTUNG_FFT_SET names the set for which the
// including file is compiled, and everything here lives in a namespace of that name.
namespace faltung::fft::FALTUNG_FFT_SET {

/// How many values a register holds; 1 where ducc0 knows no registers.
template <typename R>
inline constexpr std::int64_t lanes =
#if defined(__AVX512F__)
    64 / sizeof(R);
#elif defined(__AVX__)
    32 / sizeof(R);
#elif defined(__SSE2__) || (defined(__aarch64__) && defined(__ARM_NEON))
    16 / sizeof(R);
#else
    1;
#endif

/// A complex Fourier transform of one length, of as many lines at once as a register has lanes.
///
/// Value i of all lines is a register of real parts at line[2 i lanes], and one of imaginary parts
/// behind it. Immutable. Lines longer than 10,000 make ducc0 allocate small buffers of its own.
template <typename R>
class LineTransform {
 public:
  explicit LineTransform(std::int64_t length);
  LineTransform(const LineTransform&) = delete;
  LineTransform& operator=(const LineTransform&) = delete;
  ~LineTransform();

  /// Values of R.
  [[nodiscard]] std::int64_t scratch_values() const;

  /// Both buffers are aligned to the register, and both are overwritten.
  ///
  /// @return where the result stands: in `line` or in `scratch`
  [[nodiscard]] R* run(R* line, R* scratch, bool forward) const;

 private:
  struct Impl;
  const Impl* impl_;
};

}  // namespace faltung::fft::FALTUNG_FFT_SET
