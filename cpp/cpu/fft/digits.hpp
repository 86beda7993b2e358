#pragma once

#include <algorithm>
#include <cstdint>

namespace faltung::fft {

/// Integers as sums of digits, each small enough that its transforms prove exact:
///
///     v = d_0 + d_1 2^bits + d_2 2^(2 bits) + ...  modulo 2^64,   |d_i| <= 2^(bits-1)
///
/// A product of two such numbers is a sum over diagonals d of 2^(d bits) times what their digits i
/// and j give that have i + j = d. One digit is the number itself, whatever its size.
struct Digits {
  int first = 1;   ///< digits of the first operand
  int second = 1;  ///< and of the second
  int bits = 0;

  /// Diagonals that matter modulo 2^64.
  [[nodiscard]] int diagonals() const {
    const int all = first + second - 1;
    return bits == 0 ? all : std::min(all, 63 / bits + 1);
  }
  /// Calls f(i, j) for the pairs of digits on a diagonal.
  template <typename F>
  void for_each_pair(int diagonal, F&& f) const {
    for (int i = std::max(0, diagonal - second + 1); i <= std::min(diagonal, first - 1); ++i) {
      f(i, diagonal - i);
    }
  }
};

/// One digit of numbers that have `count`.
class Digit {
 public:
  Digit() = default;
  Digit(int index, int count, int bits)
      : shift_(index * bits), last_(index + 1 == count), bits_(count == 1 ? 0 : bits) {
    if (count == 1) return;
    half_ = std::uint64_t{1} << (bits - 1);
    // Half a unit of every digit but the last, which then round to the nearest.
    for (int i = 0; i + 1 < count && i * bits < 64; ++i) offset_ += half_ << (i * bits);
  }
  [[nodiscard]] bool is_whole() const { return bits_ == 0; }
  /// @param value  modulo 2^64, read as two's complement
  [[nodiscard]] double operator()(std::uint64_t value) const {
    const std::uint64_t moved = value + offset_;
    if (last_) return static_cast<double>(static_cast<std::int64_t>(moved) >> shift_);
    const std::uint64_t digit = (moved >> shift_) & (2 * half_ - 1);
    return static_cast<double>(static_cast<std::int64_t>(digit - half_));
  }

 private:
  int shift_ = 0;
  bool last_ = true;
  int bits_ = 0;
  std::uint64_t half_ = 0, offset_ = 0;
};

}  // namespace faltung::fft
