#pragma once

#include <cstdint>

#include <faltung/half.hpp>

/// What the vector kernels multiply if it is not float or double: the values of two neighbouring
/// input channels or taps, whose two products are added to one sum.
namespace faltung {

struct BFloat16Pair {
  BFloat16 first, second;
};

/// Products of integers are exact, and sums wrap at 32 bits.
struct Int16Pair {
  std::int16_t first, second;
};

/// For a type of value that the kernels multiply: what sums are formed in, what x and w consist of,
/// and of how many neighbours a value holds an element.
template <typename Value>
struct ValueTraits {
  using Sum = Value;
  using Element = Value;
  static constexpr std::int64_t channels = 1;
};
template <>
struct ValueTraits<BFloat16Pair> {
  using Sum = float;
  using Element = BFloat16;
  static constexpr std::int64_t channels = 2;
};
template <>
struct ValueTraits<Int16Pair> {
  using Sum = std::uint32_t;
  using Element = std::int16_t;
  static constexpr std::int64_t channels = 2;
};

}  // namespace faltung

/// In units compiled for each instruction set: whether one instruction adds both products of
/// Int16Pair. The others take single products.
#define FALTUNG_ADDS_INT16_PAIRS \
  (HWY_ARCH_X86 && HWY_TARGET != HWY_SCALAR && HWY_TARGET != HWY_EMU128)
