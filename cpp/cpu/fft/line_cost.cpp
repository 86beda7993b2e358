#include "cpp/cpu/fft/line_cost.hpp"

#include <algorithm>
#include <vector>

#include "cpp/cpu/fft/line_plan.hpp"
#include "cpp/cpu/fft/transform.hpp"

namespace faltung::fft {
namespace {

// Of one pass with this radix, for each value of a line, in the units of StepCosts.
double pass_cost(int radix) {
  switch (radix) {
    case 2:
      return 1.0;
    case 3:
      return 1.3;
    case 4:
      return 1.4;
    case 5:
      return 1.9;
    default:
      return 2.0;
  }
}

constexpr std::int64_t table_end = std::int64_t{1} << 20;

std::vector<std::int64_t> smooth_numbers() {
  std::vector<std::int64_t> numbers{1};
  for (const std::int64_t prime : {2, 3, 5}) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] * prime <= table_end) numbers.push_back(numbers[i] * prime);
    }
  }
  std::ranges::sort(numbers);
  return numbers;
}

std::int64_t ceil_quotient(std::int64_t a, std::int64_t b) { return (a - 1) / b + 1; }

}  // namespace

std::int64_t good_length(std::int64_t n) {
  static const std::vector<std::int64_t> numbers = smooth_numbers();
  std::int64_t twos = 1;
  while (ceil_quotient(n, twos) > table_end) twos *= 2;
  return *std::ranges::lower_bound(numbers, ceil_quotient(n, twos)) * twos;
}

double line_cost(std::int64_t n) {
  double per_value = 0;
  for (const int radix : radices(n)) per_value += pass_cost(radix);
  // With registers of 64 bytes a line leaves a first cache of 32 KiB beyond 256 values for its
  // first passes, and a second one of 1 MiB beyond 8192.
  const double cache = n > 4096 ? 2.0 : n > 128 ? 1.1 : 1.0;
  return static_cast<double>(n) * per_value * cache;
}

double cut_cost(std::int64_t rows, std::int64_t columns, std::int64_t lanes) {
  return transform_cost({rows, columns}, false, false, lanes);
}

double transform_cost(const Shape& lengths, bool real, bool wide, std::int64_t lanes) {
  BlockMatrix m;
  if (lengths.size() == 1) {
    m = block_matrix(lengths, real, lanes);
  } else {
    m.column_axes = static_cast<int>(lengths.size()) - 1;
    for (int a = 0; a < m.column_axes; ++a) {
      m.column_lengths[a] = lengths[static_cast<std::size_t>(a)];
      m.rows *= m.column_lengths[a];
    }
    m.columns = real ? lengths.back() / 2 : lengths.back();
  }
  const double registers = static_cast<double>(ceil_quotient(m.columns, lanes));
  const double rows = static_cast<double>(m.rows);
  double cost = static_cast<double>(ceil_quotient(m.rows, lanes)) *
                (line_cost(m.columns) + step_costs.factors * static_cast<double>(m.columns));
  for (int a = 0; a < m.column_axes; ++a) {
    const std::int64_t length = m.column_lengths[a];
    cost += rows / static_cast<double>(length) * registers *
            (line_cost(length) + step_costs.transpose * static_cast<double>(length));
  }
  // What leaves a second cache of 1 MiB comes back from the third or from memory on every trip.
  const double bytes = rows * static_cast<double>(m.columns) * (wide ? 16 : 8);
  const double trips = m.column_axes > 1 ? 2 * (m.column_axes - 1) : 1;
  if (bytes > 0x1p19) cost += trips * bytes / (bytes > 0x1p24 ? 3.6 : 9.6);
  return cost;
}

}  // namespace faltung::fft
