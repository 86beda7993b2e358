#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>

#include <faltung/problem.hpp>
#include "cpp/core/boundary_map.hpp"
#include "cpp/core/fft_blocks.hpp"

/// Sums of integers out of transforms in f64, whatever their size: operands are cut into digits so
/// small that rounded sums of their products are exact, and these are put together again. For
/// engines on any device.
namespace faltung::fft {

/// Integers as sums of digits:
///
///     v = d_0 + d_1 2^bits + d_2 2^(2 bits) + ...  modulo 2^modulus
///
/// with |d_i| <= 2^(bits-1), but for the last one, which is what is left. A product of two such
/// numbers is a sum over diagonals d of 2^(d bits) times what their digits i and j give that have
/// i + j = d. One digit is the number itself, whatever its size.
struct Digits {
  int first = 1;     ///< digits of the first operand
  int second = 1;    ///< and of the second
  int bits = 0;      ///< 0 where both have one digit
  int modulus = 64;  ///< sums are wanted modulo 2^modulus

  [[nodiscard]] bool is_whole() const { return first == 1 && second == 1; }
  /// Diagonals that matter.
  [[nodiscard]] int diagonals() const {
    const int all = first + second - 1;
    return bits == 0 ? all : std::min(all, (modulus - 1) / bits + 1);
  }
  /// Calls f(i, j) for the pairs of digits on a diagonal.
  template <typename F>
  void for_each_pair(int diagonal, F&& f) const {
    for (int i = std::max(0, diagonal - second + 1); i <= std::min(diagonal, first - 1); ++i) {
      f(i, diagonal - i);
    }
  }
};

/// A whole number of less than 2^51 in magnitude, modulo 2^64, as a double; and the nearest one to
/// a double, ties to even. In additions that vectorise on every processor.
[[nodiscard]] FALTUNG_HOST_DEVICE inline double double_of(std::uint64_t value) {
  constexpr double one_and_a_half = 0x1.8p52;  // its last bit counts ones
  constexpr std::uint64_t its_bits = 0x4338000000000000;
  const std::uint64_t moved = value + its_bits;
  double result;
  std::memcpy(&result, &moved, sizeof(result));
  return result - one_and_a_half;
}
[[nodiscard]] FALTUNG_HOST_DEVICE inline std::uint64_t nearest_integer(double value) {
  constexpr double one_and_a_half = 0x1.8p52;
  constexpr std::uint64_t its_bits = 0x4338000000000000;
  const double moved = value + one_and_a_half;
  std::uint64_t result;
  std::memcpy(&result, &moved, sizeof(result));
  return result - its_bits;
}

/// One digit of numbers that have `count`.
class Digit {
 public:
  Digit() = default;
  Digit(int index, int count, const Digits& digits) : is_whole_(count == 1) {
    if (is_whole_) return;
    shift_ = index * digits.bits;
    const int bits = index + 1 == count ? digits.modulus - shift_ : digits.bits;
    sign_ = std::uint64_t{1} << (bits - 1);
    mask_ = sign_ | (sign_ - 1);
    // Half a unit of each digit before: this one then rounds to the nearest.
    for (int i = 0; i < index; ++i) offset_ += std::uint64_t{1} << ((i + 1) * digits.bits - 1);
  }
  [[nodiscard]] FALTUNG_HOST_DEVICE bool is_whole() const { return is_whole_; }
  /// @param value  modulo 2^64
  [[nodiscard]] FALTUNG_HOST_DEVICE double operator()(std::uint64_t value) const {
    const std::uint64_t bits = ((value + offset_) >> shift_) & mask_;
    return double_of((bits ^ sign_) - sign_);  // as two's complement
  }

 private:
  bool is_whole_ = true;
  int shift_ = 0;
  std::uint64_t sign_ = 0, mask_ = 0, offset_ = 0;
};

/// Largest magnitude of an integer type.
[[nodiscard]] double largest_magnitude(DType type);

/// The operands in the order of the pass.
[[nodiscard]] DType first_operand(const Problem& p);
[[nodiscard]] DType second_operand(const Problem& p);

/// How many bits of a sum of integers can matter: those of a result that takes sums modulo its own
/// size, or all.
[[nodiscard]] int modulus_bits(const Problem& p);

/// Digits for operands of which no element is larger, and what their transforms cost.
struct DigitChoice {
  Digits digits;
  double cost = 0;  ///< as a multiple of a run with one digit each
};

/// The cheapest digits whose sums are exact, at most `max_first` and `max_second` of them;
/// nothing if there are none.
[[nodiscard]] std::optional<DigitChoice> choose_digits(const Problem& p, const Sizes& n,
                                                       double first, double second,
                                                       int max_first = 16, int max_second = 16);

}  // namespace faltung::fft
