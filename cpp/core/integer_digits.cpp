#include "cpp/core/integer_digits.hpp"

#include <cmath>

namespace faltung::fft {
namespace {

/// One operand's digits: how many, and how large they are.
struct Cut {
  int count = 1;
  double half = 0;  ///< of all but the last
  double last = 0;

  [[nodiscard]] double largest(int i) const { return i + 1 == count ? last : half; }
};

Cut whole(double largest) { return {.count = 1, .half = 0, .last = largest}; }

// As few digits of `bits` bits as leave a last one that is no larger than the others; but none that
// starts at 2^modulus or beyond, where nothing matters.
Cut cut(double largest, int bits, int modulus) {
  const double half = std::ldexp(1.0, bits - 1);
  for (int k = 0;; ++k) {
    // Half a unit of every digit before was added, which is less than 8/15 of one of this; what
    // then lies beyond the modulus is read as negative. One digit is read as it is.
    double last = largest;
    if (k > 0) {
      last = std::min(std::floor(std::ldexp(largest, -k * bits) + 8.0 / 15),
                      std::ldexp(1.0, modulus - 1 - k * bits));
    }
    if (last <= half || (k + 1) * bits >= modulus)
      return {.count = k + 1, .half = half, .last = last};
  }
}

// Of the sums on the diagonal that errs most.
double error_of(const Problem& p, const Sizes& n, const Digits& digits, const Cut& first,
                const Cut& second) {
  double error = 0;
  for (int diagonal = 0; diagonal < digits.diagonals(); ++diagonal) {
    double products = 0, pairs = 0;
    digits.for_each_pair(diagonal, [&](int i, int j) {
      products += first.largest(i) * second.largest(j);
      ++pairs;
    });
    error = std::max(error, largest_error(p, n, products / pairs, 1, pairs));
  }
  return error;
}

}  // namespace

double largest_magnitude(DType type) {
  return std::ldexp(1.0, static_cast<int>(8 * size_of(type)) - (is_signed(type) ? 1 : 0));
}

DType first_operand(const Problem& p) { return p.pass == Pass::backward_data ? p.output : p.input; }

DType second_operand(const Problem& p) {
  return p.pass == Pass::backward_filter ? p.output : p.filter;
}

// An activation, saturation and a floating result take the sum as a number.
int modulus_bits(const Problem& p) {
  const DType result = p.result_dtype();
  const bool wraps = is_integer(result) && p.overflow == Overflow::wrap &&
                     p.epilogue.activation.kind == ActivationKind::none;
  return wraps ? static_cast<int>(8 * size_of(result)) : 64;
}

std::optional<DigitChoice> choose_digits(const Problem& p, const Sizes& n, double first,
                                         double second, int max_first, int max_second) {
  // Transforms of each operand and of the result, with one digit each.
  const double units = static_cast<double>(p.batch) * n.blocks;
  const double x = units * static_cast<double>(p.in_channels);
  const double y = units * static_cast<double>(p.out_channels);
  const std::int64_t in_of_a_group = p.in_channels / p.groups;
  const double w = static_cast<double>(p.out_channels) * static_cast<double>(in_of_a_group);
  const bool data = p.pass == Pass::backward_data, filter = p.pass == Pass::backward_filter;
  const double firsts = data ? y : x, seconds = filter ? y : w, results = filter ? w : data ? x : y;

  std::optional<DigitChoice> best;
  const auto consider = [&](int bits, const Cut& a, const Cut& b) {
    if (a.count > max_first || b.count > max_second) return;
    const Digits digits{
        .first = a.count, .second = b.count, .bits = bits, .modulus = modulus_bits(p)};
    const double cost = (firsts * a.count + seconds * b.count + results * digits.diagonals()) /
                        (firsts + seconds + results);
    if (best && best->cost <= cost) return;
    if (error_of(p, n, digits, a, b) < 0.5) best = DigitChoice{digits, cost};
  };
  consider(0, whole(first), whole(second));
  if (best || !std::isfinite(first) || !std::isfinite(second)) return best;
  const int modulus = modulus_bits(p);
  for (int bits = 4; bits <= 32; ++bits) {
    const Cut a = cut(first, bits, modulus), b = cut(second, bits, modulus);
    consider(bits, a, b);
    consider(bits, whole(first), b);
    consider(bits, a, whole(second));
  }
  return best;
}

}  // namespace faltung::fft
