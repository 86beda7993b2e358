#pragma once

#include <cmath>
#include <complex>
#include <cstdint>
#include <vector>

namespace faltung::fft {

/// exp(2 pi i k / n) for any k: the product of one root from each of two tables, so that neither
/// table is long. Each root is rounded once, from long double, which leaves an error of
/// (1 + 1 + sqrt 5) u, with u of double, in the product.
class UnitRoots {
 public:
  explicit UnitRoots(std::int64_t n) : n_(n) {
    while (fine_ * fine_ < n) fine_ *= 2;
    for (std::int64_t k = 0; k < fine_; ++k) fine_roots_.push_back(exactly(k));
    for (std::int64_t k = 0; k < n; k += fine_) coarse_roots_.push_back(exactly(k));
  }

  std::complex<double> operator()(std::int64_t k) const {
    k %= n_;
    if (k < 0) k += n_;
    const std::complex<double> a = fine_roots_[static_cast<std::size_t>(k % fine_)];
    const std::complex<double> b = coarse_roots_[static_cast<std::size_t>(k / fine_)];
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
  }

 private:
  [[nodiscard]] std::complex<double> exactly(std::int64_t k) const {
    const long double angle = 2 * 3.14159265358979323846264338327950288L *
                              static_cast<long double>(k) / static_cast<long double>(n_);
    return {static_cast<double>(std::cos(angle)), static_cast<double>(std::sin(angle))};
  }

  std::int64_t n_;
  std::int64_t fine_ = 1;
  std::vector<std::complex<double>> fine_roots_, coarse_roots_;
};

}  // namespace faltung::fft
