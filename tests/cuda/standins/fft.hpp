#pragma once

#include <complex>
#include <cstddef>
#include <numbers>
#include <span>
#include <vector>

/// Transforms of any length for what stands in for cuFFT: plain, in double.
namespace faltung::test {

using Number = std::complex<double>;

/// Of one length and direction: sums over the smallest prime factor, recursively.
class LineTransform {
 public:
  /// @param sign  of the exponent: -1 forward, 1 inverse
  LineTransform(std::size_t n, int sign) : roots_(n), scratch_(n) {
    for (std::size_t k = 0; k < n; ++k) {
      roots_[k] = std::polar(
          1.0, sign * 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n));
    }
  }

  /// In place, on values `stride` apart.
  void operator()(Number* values, std::size_t stride) {
    step(values, stride, scratch_.data(), roots_.size(), 1);
    for (std::size_t k = 0; k < roots_.size(); ++k) values[k * stride] = scratch_[k];
  }

 private:
  void step(const Number* from, std::size_t stride, Number* to, std::size_t n, std::size_t root) {
    if (n == 1) {
      *to = *from;
      return;
    }
    std::size_t p = 2;
    while (p * p <= n && n % p != 0) ++p;
    if (n % p != 0) p = n;
    const std::size_t m = n / p;
    for (std::size_t j = 0; j < p; ++j) {
      step(from + j * stride, stride * p, to + j * m, m, root * p);
    }
    part_.resize(p);
    for (std::size_t k = 0; k < m; ++k) {
      for (std::size_t j = 0; j < p; ++j) part_[j] = to[j * m + k] * roots_[j * k * root];
      for (std::size_t q = 0; q < p; ++q) {
        Number sum = part_[0];
        const std::size_t turn = q * m * root;  // less than all
        std::size_t at = turn;
        for (std::size_t j = 1; j < p; ++j) {
          sum += part_[j] * roots_[at];
          at += turn;
          if (at >= roots_.size()) at -= roots_.size();
        }
        to[q * m + k] = sum;
      }
    }
  }

  std::vector<Number> roots_, scratch_, part_;
};

/// In place, along all axes of a compact array.
inline void transform(std::vector<Number>& values, std::span<const long long> extents, int sign) {
  std::size_t inner = values.size();
  for (const long long extent : extents) {
    const auto n = static_cast<std::size_t>(extent);
    LineTransform line(n, sign);
    inner /= n;
    for (std::size_t outer = 0; outer < values.size(); outer += n * inner) {
      for (std::size_t i = 0; i < inner; ++i) line(values.data() + outer + i, inner);
    }
  }
}

/// Of a spectrum of which the last axis has n / 2 + 1 values, all n: the rest mirrors them.
inline std::vector<Number> whole_spectrum(const std::vector<Number>& half,
                                          std::span<const long long> extents) {
  const long long last = extents.back(), kept = last / 2 + 1;
  const auto rows = static_cast<long long>(half.size()) / kept;
  std::vector<Number> result;
  for (long long row = 0; row < rows; ++row) {
    long long mirrored = 0, rest = row, step = 1;  // the row of all negative frequencies
    for (std::size_t a = extents.size() - 1; a-- > 0;) {
      mirrored += (extents[a] - rest % extents[a]) % extents[a] * step;
      rest /= extents[a];
      step *= extents[a];
    }
    for (long long k = 0; k < last; ++k) {
      const bool here = k < kept;
      const long long at = here ? row * kept + k : mirrored * kept + last - k;
      const Number value = half[static_cast<std::size_t>(at)];
      result.push_back(here ? value : std::conj(value));
    }
  }
  return result;
}

}  // namespace faltung::test
