#pragma once

#include <cfenv>
#include <cstdint>
#include <ostream>
#include <string>
#include <utility>
#include <vector>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace faltung::test {

/// What a caller may have made of its floating-point environment.
struct CallersSetting {
  std::string name;
  int rounding = FE_TONEAREST;
  bool flush_results = false;   ///< FTZ; on aarch64 FZ, with the next
  bool flush_operands = false;  ///< DAZ
  bool traps = false;           ///< every exception is a signal, inexact results too
};

inline std::ostream& operator<<(std::ostream& os, const CallersSetting& s) { return os << s.name; }

/// All rounding modes with FTZ and DAZ, neither and both; on x86-64 with and without traps.
inline std::vector<CallersSetting> callers_settings() {
  std::vector<CallersSetting> all;
  for (const auto& [name, rounding] : {std::pair<const char*, int>{"to nearest", FE_TONEAREST},
                                       {"upward", FE_UPWARD},
                                       {"downward", FE_DOWNWARD},
                                       {"toward zero", FE_TOWARDZERO}}) {
    for (int flush = 0; flush < 4; ++flush) {
      for (const bool traps : {false, true}) {
        std::string text = name;
        if (flush % 2 != 0) text += ", FTZ";
        if (flush / 2 != 0) text += ", DAZ";
        if (traps) text += ", traps";
        all.push_back({text, rounding, flush % 2 != 0, flush / 2 != 0, traps});
      }
    }
  }
  return all;
}

/// The environment of a setting, until the end of the scope. Between, the test itself must compute
/// nothing that traps.
class CallersEnvironment {
 public:
  explicit CallersEnvironment(const CallersSetting& setting) {
    std::fegetenv(&before_);
    std::feclearexcept(FE_ALL_EXCEPT);
    std::fesetround(setting.rounding);
#if defined(__x86_64__)
    unsigned control = _mm_getcsr();
    if (setting.flush_results) control |= 0x8000;
    if (setting.flush_operands) control |= 0x0040;
    if (setting.traps) control &= ~0x1f80U;
    _mm_setcsr(control);
    if (setting.traps) set_x87_control(static_cast<std::uint16_t>(x87_control() & ~0x3fU));
#elif defined(__aarch64__)
    std::uint64_t value = 0;
    asm volatile("mrs %0, fpcr" : "=r"(value));
    if (setting.flush_results || setting.flush_operands) value |= 1U << 24;
    asm volatile("msr fpcr, %0" : : "r"(value));
#endif
    set_ = state();
  }
  CallersEnvironment(const CallersEnvironment&) = delete;
  CallersEnvironment& operator=(const CallersEnvironment&) = delete;
  ~CallersEnvironment() { std::fesetenv(&before_); }

  /// Whether everything is as it was set, flags included.
  [[nodiscard]] bool is_intact() const { return state() == set_; }

 private:
  struct State {
    std::uint64_t control = 0, flags = 0, other = 0;
    bool operator==(const State&) const = default;
  };
  static State state() {
    State now;
#if defined(__x86_64__)
    now.control = _mm_getcsr();
    now.other = x87_control();
    now.flags = static_cast<std::uint64_t>(std::fetestexcept(FE_ALL_EXCEPT));
#elif defined(__aarch64__)
    asm volatile("mrs %0, fpcr" : "=r"(now.control));
    asm volatile("mrs %0, fpsr" : "=r"(now.flags));
#else
    now.control = static_cast<std::uint64_t>(std::fegetround());
    now.flags = static_cast<std::uint64_t>(std::fetestexcept(FE_ALL_EXCEPT));
#endif
    return now;
  }
#if defined(__x86_64__)
  static std::uint16_t x87_control() {
    std::uint16_t word = 0;
    asm volatile("fnstcw %0" : "=m"(word));
    return word;
  }
  static void set_x87_control(std::uint16_t word) { asm volatile("fldcw %0" : : "m"(word)); }
#endif

  std::fenv_t before_;
  State set_;
};

}  // namespace faltung::test
