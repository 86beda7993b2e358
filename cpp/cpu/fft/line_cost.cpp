#include "cpp/cpu/fft/line_cost.hpp"

#include <algorithm>
#include <vector>

#include "cpp/core/machine.hpp"
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

// Of a complex line of n values.
double line_cost(const CpuMachine& machine, std::int64_t n) {
  double per_value = 0;
  for (const int radix : radices(n)) per_value += pass_cost(radix);
  // A line and the next one, in pairs of registers.
  const std::int64_t bytes = n * 4 * machine.vector_bytes;
  const double cache = bytes > machine.l2_bytes ? 2.0 : bytes > machine.l1d_bytes ? 1.1 : 1.0;
  return static_cast<double>(n) * per_value * cache;
}

// What a trip of a block's data there and back takes, against copying it: 6.9 and 8.3 bytes' time
// a byte, since columns lie apart.
constexpr double memory_trip = 25 / 3.6;
constexpr double l3_trip = 80 / 9.6;

}  // namespace

std::int64_t good_length(std::int64_t n) {
  static const std::vector<std::int64_t> numbers = smooth_numbers();
  std::int64_t twos = 1;
  while (ceil_quotient(n, twos) > table_end) twos *= 2;
  return *std::ranges::lower_bound(numbers, ceil_quotient(n, twos)) * twos;
}

double step_ns(const CpuMachine& machine) {
  const auto vector_ns = [](const CpuMachine& m) { return m.product_ns(DType::f32) * m.lanes(4); };
  return vector_ns(machine) / vector_ns(reference_cpu_machine());
}

double cut_cost(std::int64_t rows, std::int64_t columns, std::int64_t lanes) {
  return transform_ns(reference_cpu_machine(), {rows, columns}, false, false, lanes);
}

double transform_ns(const CpuMachine& machine, const Shape& lengths, bool real, bool wide,
                    std::int64_t lanes) {
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
  double cost =
      static_cast<double>(ceil_quotient(m.rows, lanes)) *
      (line_cost(machine, m.columns) + step_costs.factors * static_cast<double>(m.columns));
  for (int a = 0; a < m.column_axes; ++a) {
    const std::int64_t length = m.column_lengths[a];
    cost += rows / static_cast<double>(length) * registers *
            (line_cost(machine, length) + step_costs.transpose * static_cast<double>(length));
  }
  // What leaves half of a second cache comes back from the third or from memory on every trip.
  const double bytes = rows * static_cast<double>(m.columns) * (wide ? 16 : 8);
  const double trips = m.column_axes > 1 ? 2 * (m.column_axes - 1) : 1;
  double ns = cost * step_ns(machine);
  if (bytes > static_cast<double>(machine.l2_bytes) / 2) {
    const bool memory = bytes > static_cast<double>(machine.l3_bytes) / 2;
    ns += trips * bytes *
          (memory ? memory_trip / machine.copy_bytes_per_ns : l3_trip / machine.l3_bytes_per_ns);
  }
  return ns;
}

}  // namespace faltung::fft
