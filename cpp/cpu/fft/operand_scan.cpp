#include "cpp/cpu/fft/operand_scan.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "cpp/core/element.hpp"
#include "cpp/cpu/element_rows.hpp"
#include "cpp/cpu/filter_rows.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::fft {
namespace {

constexpr double no_quantum = std::numeric_limits<double>::infinity();  // all values are 0

// The value of the lowest bit that is set in a number other than 0.
double lowest_bit(double value) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto exponent = static_cast<int>(bits >> 52 & 0x7ff);
  if (exponent == 0) return 0;  // subnormal
  const std::uint64_t significand = (bits & ((std::uint64_t{1} << 52) - 1)) | std::uint64_t{1}
                                                                                  << 52;
  return std::ldexp(1.0, exponent - 1075 + std::countr_zero(significand));
}

struct Partial {
  double largest = 0, squares = 0, quantum = no_quantum;
  std::uint64_t bits = 0;  // of all integers together

  void add(double value) {
    const double size = std::abs(value);
    if (size > largest || std::isnan(size)) largest = size;  // a NaN stays
    squares += size * size;
    if (value != 0) quantum = std::min(quantum, lowest_bit(value));
  }
  void add(const Partial& other) {
    if (other.largest > largest || std::isnan(other.largest)) largest = other.largest;
    squares += other.squares;
    quantum = std::min(quantum, other.quantum);
    bits |= other.bits;
  }
};

template <typename T>
Partial scan_row(const T* from, std::int64_t step, std::int64_t count) {
  Partial result;
  if constexpr (std::is_integral_v<T>) {
    T low = 0, high = 0, bits = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const T value = from[i * step];
      low = std::min(low, value);
      high = std::max(high, value);
      bits = static_cast<T>(bits | value);
    }
    result.largest = std::max(static_cast<double>(high), -static_cast<double>(low));
    result.squares = result.largest * result.largest * static_cast<double>(count);
    result.bits = static_cast<std::uint64_t>(bits);
  } else if constexpr (!is_complex(dtype_of<T>)) {
    for (std::int64_t i = 0; i < count; ++i) result.add(load_element<double>(from[i * step]));
  }
  return result;
}

}  // namespace

OperandScan scan_operand(const void* data, DType type, const Shape& shape, const Strides& strides,
                         int slots) {
  const Strides steps = strides.empty() ? compact_strides(shape) : strides;
  const std::int64_t width = shape.back();
  const Shape slow = slow_extents(shape);
  const std::int64_t rows = element_count(slow);
  // Pieces that depend on the shape alone, so that sums of squares do not depend on the threads.
  constexpr std::int64_t max_pieces = 64;
  const std::int64_t wanted = std::clamp<std::int64_t>(rows * width / 65536, 1, max_pieces);
  const std::int64_t down = (rows - 1) / wanted + 1;
  const std::int64_t bands = (rows - 1) / down + 1;
  const std::int64_t columns = (width - 1) / std::max<std::int64_t>(1, wanted / bands) + 1;
  const std::int64_t across = (width - 1) / columns + 1;
  std::array<Partial, max_pieces> partial;
  visit_dtype(type, [&](auto element) {
    using T = decltype(element);
    parallel_for(bands * across, slots, [&](std::int64_t piece, int) {
      const std::int64_t first = piece % across * columns;
      const std::int64_t count = std::min(columns, width - first);
      const std::int64_t band = piece / across * down;
      Partial result;
      for (std::int64_t row = band; row < std::min(rows, band + down); ++row) {
        std::int64_t offset = first * steps.back(), rest = row;
        for (std::size_t a = slow.size(); a-- > 0; rest /= slow[a]) {
          offset += rest % slow[a] * steps[a];
        }
        result.add(scan_row(static_cast<const T*>(data) + offset, steps.back(), count));
      }
      partial[static_cast<std::size_t>(piece)] = result;
    });
  });
  Partial total;
  for (const Partial& one : partial) total.add(one);
  OperandScan result{.largest = total.largest, .norm = 0, .quantum = total.quantum};
  if (total.bits != 0) result.quantum = std::ldexp(1.0, std::countr_zero(total.bits));
  if (result.quantum == no_quantum) result.quantum = 1;
  // Squares neither underflow nor overflow where they matter.
  const bool squares_hold = total.largest > 0x1p-400 && total.largest < 0x1p400;
  result.norm = squares_hold ? std::sqrt(total.squares) * (1 + 0x1p-20)
                             : total.largest * std::sqrt(static_cast<double>(rows * width));
  return result;
}

OperandScan with_constants(OperandScan x, const Problem& problem) {
  for (const Axis& axis : problem.axes) {
    for (const Boundary* boundary : {&axis.below, &axis.above}) {
      if (boundary->kind != BoundaryKind::constant) continue;
      const double value = as_element<double>(boundary->value, problem.input);
      if (std::abs(value) > x.largest || std::isnan(value)) x.largest = std::abs(value);
      if (value != 0) x.quantum = std::min(x.quantum, lowest_bit(value));
      x.norm = std::numeric_limits<double>::infinity();  // how often it stands there is not counted
    }
  }
  return x;
}

}  // namespace faltung::fft
