#include "cpp/cpu/direct/separable/separable_factors.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "cpp/cpu/direct/boxes/finite.hpp"

namespace faltung::direct {
namespace {

using Extents3 = std::array<std::int64_t, 3>;

// Integer sums wrap, but their taps are signed.
std::int64_t number(std::uint32_t tap) { return static_cast<std::int32_t>(tap); }
double number(double tap) { return tap; }

std::int64_t magnitude(std::int64_t value) { return value < 0 ? -value : value; }
double magnitude(double value) { return std::abs(value); }

// The greatest number that divides the line into whole ones of at most 4096; else the largest tap.
// Remainders are exact.
double unit_of(std::span<const double> line, double largest) {
  const double min = largest / 4096;
  double unit = 0;
  for (const double value : line) {
    double a = std::abs(value);
    double b = unit;
    while (b != 0) {
      if (b < min) return largest;
      a = std::fmod(a, b);
      std::swap(a, b);
    }
    unit = a;
  }
  return unit < min ? largest : unit;
}

std::int64_t unit_of(std::span<const std::int64_t> line, std::int64_t) {
  std::int64_t unit = 0;
  for (const std::int64_t value : line) unit = std::gcd(unit, value);
  return unit;
}

bool divide(std::span<double> line, double by) {
  for (double& value : line) value /= by;
  return true;
}

bool divide(std::span<std::int64_t> line, std::int64_t by) {
  if (std::ranges::any_of(line, [&](std::int64_t value) { return value % by != 0; })) return false;
  for (std::int64_t& value : line) value /= by;
  return true;
}

void scale(std::span<double> line, std::span<double> carrier) {
  double sum = 0;
  for (const double value : line) sum += std::abs(value);
  const int exponent = std::ilogb(sum) + 2;
  for (double& value : line) value = std::ldexp(value, -exponent);
  for (double& value : carrier) value = std::ldexp(value, exponent);
}
void scale(std::span<std::int64_t>, std::span<std::int64_t>) {}

template <typename Acc>
bool agree(const Acc* taps, const Extents3& extents, const Acc* lines, double tolerance) {
  const Acc* y = lines + extents[0];
  const Acc* x = y + extents[1];
  std::int64_t i = 0;
  for (std::int64_t a = 0; a < extents[0]; ++a) {
    for (std::int64_t b = 0; b < extents[1]; ++b) {
      if constexpr (std::is_integral_v<Acc>) {
        const Acc slow = lines[a] * y[b];
        for (std::int64_t c = 0; c < extents[2]; ++c, ++i) {
          if (slow * x[c] != taps[i]) return false;
        }
      } else {
        const double slow = static_cast<double>(lines[a]) * static_cast<double>(y[b]);
        bool good = true;
        for (std::int64_t c = 0; c < extents[2]; ++c, ++i) {
          const auto tap = static_cast<double>(taps[i]);
          const double product = slow * static_cast<double>(x[c]);
          good = good && std::abs(product - tap) <= tolerance * std::abs(tap);
        }
        if (!good) return false;
      }
    }
  }
  return true;
}

}  // namespace

double factor_tolerance(const Problem& p) {
  if (is_integer(p.accumulator)) return 0;
  const double filter = is_integer(p.filter) ? 0 : unit_roundoff(p.filter);
  return (4 * static_cast<double>(p.rank()) + 2) * std::max(filter, unit_roundoff(p.accumulator));
}

template <typename Acc>
bool find_factors(const Acc* taps, const Extents3& extents, std::size_t carrier, double tolerance,
                  FactorNumber<Acc>* scratch, Acc* lines) {
  using Number = FactorNumber<Acc>;
  const std::int64_t count = extents[0] * extents[1] * extents[2];
  const std::int64_t lengths = extents[0] + extents[1] + extents[2];
  if (!all_finite(taps, count)) return false;
  const Acc* at = std::max_element(
      taps, taps + count, [](Acc a, Acc b) { return magnitude(number(a)) < magnitude(number(b)); });
  const Number largest = number(*at);
  if (largest == 0) {
    std::fill_n(lines, lengths, Acc(0));
    return true;
  }
  std::array<std::span<Number>, 3> line;
  std::array<std::int64_t, 3> place{};
  std::int64_t step = 1;
  std::int64_t end = lengths;
  for (std::size_t a = 3; a-- > 0;) {
    place[a] = (at - taps) / step % extents[a];
    const Acc* first = at - place[a] * step;
    end -= extents[a];
    line[a] = {scratch + end, static_cast<std::size_t>(extents[a])};
    for (std::int64_t i = 0; i < extents[a]; ++i) scratch[end + i] = number(first[i * step]);
    step *= extents[a];
  }
  Number rest = 1;
  for (std::size_t a = 0; a < 3; ++a) {
    if (a == carrier) continue;
    if (extents[a] == 1) {
      line[a][0] = 1;  // not summed along
      continue;
    }
    if (!divide(line[a], unit_of(line[a], magnitude(largest)))) return false;
    rest *= line[a][static_cast<std::size_t>(place[a])];
  }
  if (!divide(line[carrier], rest)) return false;
  for (std::size_t a = 0; a < 3; ++a) {
    if (a != carrier && extents[a] > 1) scale(line[a], line[carrier]);
  }
  for (std::int64_t i = 0; i < lengths; ++i) lines[i] = static_cast<Acc>(scratch[i]);
  return all_finite(lines, lengths) && agree(taps, extents, lines, tolerance);
}

template bool find_factors(const float*, const Extents3&, std::size_t, double, double*, float*);
template bool find_factors(const double*, const Extents3&, std::size_t, double, double*, double*);
template bool find_factors(const std::uint32_t*, const Extents3&, std::size_t, double,
                           std::int64_t*, std::uint32_t*);

}  // namespace faltung::direct
