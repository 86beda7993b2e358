#pragma once

#include <array>
#include <bit>
#include <complex>
#include <cstdint>
#include <limits>
#include <type_traits>

/// What NaN and infinity make of a sum of products depends on little: whether a factor is finite,
/// and its sign. A Code has this of a number, a SumClass of a sum; both fit into a byte.
namespace faltung::fft {

/// Bits of a number at a place: 1 its real part is positive, 2 negative (0 and NaN are neither), 4
/// not finite; 8, 16 and 32 the same of its imaginary part; 64 something stands there. Zeros beside
/// the input and between its elements have no bit, as the definition has no products with them.
using Code = std::uint8_t;
inline constexpr Code code_not_finite = 4 | 32;
inline constexpr Code code_present = 64;

/// The bits of a number, in whole words that vectorise.
template <typename R>
using NumberBits = std::conditional_t<sizeof(R) == 4, std::uint32_t, std::uint64_t>;
template <typename R>
inline constexpr auto exponent_bits =
    std::bit_cast<NumberBits<R>>(std::numeric_limits<R>::infinity());

template <typename R>
constexpr NumberBits<R> code_of_part(R value) {
  using Bits = NumberBits<R>;
  const auto bits = std::bit_cast<Bits>(value);
  const Bits sign = bits >> (8 * sizeof(R) - 1);
  const Bits size = bits & ~(Bits{1} << (8 * sizeof(R) - 1));
  // A comparison of signed numbers is one instruction of every set.
  using Whole = std::make_signed_t<Bits>;
  const auto whole = static_cast<Whole>(size), top = static_cast<Whole>(exponent_bits<R>);
  const Bits no_sign = (whole == 0 ? ~Bits{0} : Bits{0}) | (whole > top ? ~Bits{0} : Bits{0});
  return ((1 + sign) & ~no_sign) | (whole >= top ? Bits{4} : Bits{0});
}
template <typename R>
constexpr Code code_of(std::complex<R> value) {
  return static_cast<Code>(code_of_part(value.real()) | code_of_part(value.imag()) << 3 |
                           code_present);
}
constexpr Code code_of(float value) {
  return static_cast<Code>(code_of_part(value) | code_present);
}
constexpr Code code_of(double value) {
  return static_cast<Code>(code_of_part(value) | code_present);
}
/// That of the conjugate number.
constexpr Code conjugate_code(Code code) {
  return static_cast<Code>((code & ~24) | (code & 8) << 1 | (code & 16) >> 1);
}

/// Bits of a sum: 1 a term of its real part is +infinity, 2 one is -infinity, both: it is NaN; 4
/// and 8 the same of the imaginary part. Terms are added by `|`; 0 is finite.
using SumClass = std::uint8_t;

template <typename T>
inline constexpr SumClass undefined_sum = 3;  ///< NaN; nothing that is added changes it
template <typename R>
inline constexpr SumClass undefined_sum<std::complex<R>> = 15;

/// The class of a product of two real parts.
constexpr unsigned class_of_parts(unsigned a, unsigned b) {
  if (((a | b) & 4) == 0) return 0;
  const unsigned sign_a = a & 3, sign_b = b & 3;
  if (sign_a == 0 || sign_b == 0) return 3;  // NaN, or infinity times zero
  return sign_a == sign_b ? 1 : 2;
}
constexpr SumClass class_of_codes(unsigned a, unsigned b) {
  if ((a & b & code_present) == 0) return 0;
  const unsigned re_a = a & 7, im_a = a >> 3 & 7, re_b = b & 7, im_b = b >> 3 & 7;
  const unsigned minus = class_of_parts(im_a, im_b);
  const unsigned re = class_of_parts(re_a, re_b) | (minus & 1) << 1 | minus >> 1;
  return static_cast<SumClass>(re | (class_of_parts(re_a, im_b) | class_of_parts(im_a, re_b)) << 2);
}

/// The class of a product, by the textbook formula for complex numbers. Of real ones only the bits
/// of `undefined_sum` count.
constexpr auto product_classes = [] {
  std::array<SumClass, 128 * 128> table{};
  for (unsigned a = 0; a < 128; ++a) {
    for (unsigned b = 0; b < 128; ++b) table[a * 128 + b] = class_of_codes(a, b);
  }
  return table;
}();
inline SumClass product_class(Code a, Code b) { return product_classes[a * 128U + b]; }

/// Gives a sum what its class makes of it.
template <typename R>
void put_class(SumClass sum, R& value) {
  if ((sum & 3) == 0) return;
  constexpr R infinity = std::numeric_limits<R>::infinity();
  value = (sum & 3) == 3   ? std::numeric_limits<R>::quiet_NaN()
          : (sum & 3) == 1 ? infinity
                           : -infinity;
}
template <typename R>
void put_class(SumClass sum, std::complex<R>& value) {
  R re = value.real(), im = value.imag();
  put_class(sum, re);
  put_class(static_cast<SumClass>(sum >> 2), im);
  value = {re, im};
}

}  // namespace faltung::fft
