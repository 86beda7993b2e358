#include "cpp/cpu/fft/line_plan.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>

#include "cpp/cpu/fft/unit_roots.hpp"

namespace faltung::fft {

// As few passes as possible, for each stores every value; the largest radix last, where results
// need no factors and meet the filter in registers.
std::vector<int> radices(std::int64_t length) {
  std::vector<int> result;
  for (const int odd : {5, 3}) {
    for (; length % odd == 0; length /= odd) result.push_back(odd);
  }
  int twos = 0;
  for (; length % 2 == 0; length /= 2) ++twos;
  if (length != 1) {
    throw std::logic_error("no pass has the factor " + std::to_string(length) + " of a transform");
  }
  if (twos % 3 == 1 && twos > 1) {
    result.insert(result.end(), {4, 4});
    twos -= 4;
  } else if (twos % 3 != 0) {
    result.push_back(twos % 3 == 2 ? 4 : 2);
    twos -= twos % 3;
  }
  result.insert(result.end(), static_cast<std::size_t>(twos / 3), 8);
  if (result.empty()) result.push_back(1);
  return result;
}

template <typename R>
Line<R>::Line(std::int64_t length) {
  const std::vector<int> factors = radices(length);
  plan_.length = length;
  plan_.passes = static_cast<int>(factors.size());
  std::ranges::copy(factors, plan_.radices);
  std::vector<std::size_t> starts;
  std::int64_t n = length;
  for (const int r : factors) {
    starts.push_back(factors_.size());
    const UnitRoots root(n);
    for (std::int64_t j = 0; j < n / r && n > r; ++j) {
      for (std::int64_t s = 1; s < r; ++s) {
        const std::complex<double> value = root(-j * s);
        factors_.push_back(static_cast<R>(value.real()));
        factors_.push_back(static_cast<R>(value.imag()));
      }
    }
    n /= r;
  }
  for (int pass = 0; pass < plan_.passes; ++pass) {
    plan_.factors[pass] = factors_.data() + starts[static_cast<std::size_t>(pass)];
  }
}

template <typename R>
std::vector<std::int64_t> Line<R>::frequencies() const {
  std::vector<std::int64_t> result(static_cast<std::size_t>(plan_.length));
  for (std::int64_t place = 0; place < plan_.length; ++place) {
    std::int64_t n = plan_.length, rest = place, weight = 1, frequency = 0;
    for (int pass = 0; pass < plan_.passes; ++pass) {
      n /= plan_.radices[pass];
      frequency += rest / n * weight;
      rest %= n;
      weight *= plan_.radices[pass];
    }
    result[static_cast<std::size_t>(place)] = frequency;
  }
  return result;
}

template class Line<float>;
template class Line<double>;

}  // namespace faltung::fft
