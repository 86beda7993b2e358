#include "cpp/core/float_environment.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace faltung {

// Out of line on purpose: no compiler moves what is computed between the two calls across them.

#if defined(__x86_64__)

namespace {

// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, 8.1 and 10.2.3.
constexpr std::uint32_t standard_mxcsr = 0x1f80;  // all exceptions masked, to nearest
constexpr std::uint32_t flush_bits = 0x8040;      // FTZ and DAZ
constexpr std::uint16_t standard_x87 = 0x037f;    // likewise, 64 bits of precision
constexpr std::uint16_t x87_exceptions = 0x3f;

std::uint16_t x87_control() noexcept {
  std::uint16_t word;
  asm volatile("fnstcw %0" : "=m"(word));
  return word;
}

std::uint16_t x87_status() noexcept {
  std::uint16_t word;
  asm volatile("fnstsw %0" : "=m"(word));
  return word;
}

void set_x87_control(std::uint16_t word) noexcept { asm volatile("fldcw %0" : : "m"(word)); }

// Slow, and seldom needed: long double serves tables alone.
void set_x87(std::uint16_t control, std::uint16_t exceptions) noexcept {
  struct {
    std::uint16_t control, unused_1, status, unused_2;
    std::uint32_t rest[5];
  } environment;
  asm volatile("fnstenv %0" : "=m"(environment));
  environment.control = control;
  environment.status =
      static_cast<std::uint16_t>((environment.status & ~x87_exceptions) | exceptions);
  asm volatile("fldenv %0" : : "m"(environment));
}

}  // namespace

FloatEnvironment::FloatEnvironment(Subnormals subnormals) noexcept
    : control_(_mm_getcsr()), flags_(x87_status() & x87_exceptions), x87_control_(x87_control()) {
  _mm_setcsr(standard_mxcsr | (subnormals == Subnormals::flush ? flush_bits : 0));
  if (x87_control_ != standard_x87) set_x87_control(standard_x87);
}

FloatEnvironment::~FloatEnvironment() {
  if ((x87_status() & x87_exceptions) != flags_) {
    set_x87(x87_control_, static_cast<std::uint16_t>(flags_));
  } else if (x87_control_ != standard_x87) {
    set_x87_control(x87_control_);
  }
  _mm_setcsr(static_cast<std::uint32_t>(control_));
}

Subnormals FloatEnvironment::current() noexcept {
  return (_mm_getcsr() & flush_bits) == flush_bits ? Subnormals::flush : Subnormals::keep;
}

#elif defined(__aarch64__)

namespace {

// Source: Arm Architecture Reference Manual, FPCR: of all its bits only FZ is ever set here.
constexpr std::uint64_t flush_bit = std::uint64_t{1} << 24;

std::uint64_t fpcr() noexcept {
  std::uint64_t value;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}

std::uint64_t fpsr() noexcept {
  std::uint64_t value;
  asm volatile("mrs %0, fpsr" : "=r"(value));
  return value;
}

void set_fpcr(std::uint64_t value) noexcept { asm volatile("msr fpcr, %0" : : "r"(value)); }
void set_fpsr(std::uint64_t value) noexcept { asm volatile("msr fpsr, %0" : : "r"(value)); }

}  // namespace

FloatEnvironment::FloatEnvironment(Subnormals subnormals) noexcept
    : control_(fpcr()), flags_(fpsr()) {
  const std::uint64_t wanted = subnormals == Subnormals::flush ? flush_bit : 0;
  if (wanted != control_) set_fpcr(wanted);
}

FloatEnvironment::~FloatEnvironment() {
  set_fpcr(control_);
  set_fpsr(flags_);
}

Subnormals FloatEnvironment::current() noexcept {
  return (fpcr() & flush_bit) != 0 ? Subnormals::flush : Subnormals::keep;
}

#else

FloatEnvironment::FloatEnvironment(Subnormals) noexcept {}
FloatEnvironment::~FloatEnvironment() {}
Subnormals FloatEnvironment::current() noexcept { return Subnormals::keep; }

#endif

}  // namespace faltung
