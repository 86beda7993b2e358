#include "cpp/frontend/resample_lines.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <type_traits>
#include <vector>

#include "cpp/core/strided.hpp"
#include "cpp/frontend/signal_extension.hpp"

namespace faltung::signal {
namespace {

template <typename T>
bool is_less(const T& a, const T& b) {
  if constexpr (std::is_arithmetic_v<T>) {
    return a < b;
  } else {
    return a.real() < b.real() || (a.real() == b.real() && a.imag() < b.imag());
  }
}

template <typename T>
bool is_nan(const T& value) {
  return value != value;
}

template <typename T>
T mean(const std::vector<T>& line) {
  using Wide = std::conditional_t<std::is_arithmetic_v<T>, double, std::complex<double>>;
  Wide sum{};
  for (const T& value : line) sum += static_cast<Wide>(value);
  return static_cast<T>(sum / static_cast<double>(line.size()));
}

template <typename T>
T median(std::vector<T>& line) {
  const auto middle = line.begin() + static_cast<std::ptrdiff_t>(line.size() / 2);
  std::nth_element(line.begin(), middle, line.end(), is_less<T>);
  if (line.size() % 2 == 1) return *middle;
  const T below = *std::max_element(line.begin(), middle, is_less<T>);
  return mean<T>({below, *middle});
}

template <typename T>
T value_of(std::vector<T>& line, PadType type) {
  if (type == PadType::mean) return mean(line);
  const auto nan = std::ranges::find_if(line, is_nan<T>);
  if (nan != line.end()) return *nan;
  if (type == PadType::median) return median(line);
  const auto [low, high] = std::minmax_element(line.begin(), line.end(), is_less<T>);
  return type == PadType::minimum ? *low : *high;
}

// Lines of a compact tensor: `outer` times `inner` of them, their elements `inner` apart.
struct Lines {
  std::int64_t outer, extent, inner;
};
Lines lines_of(const Shape& shape, std::size_t axis) {
  Lines lines{1, shape[axis], 1};
  for (std::size_t a = 0; a < axis; ++a) lines.outer *= shape[a];
  for (std::size_t a = axis + 1; a < shape.size(); ++a) lines.inner *= shape[a];
  return lines;
}

}  // namespace

void line_values(const ConstTensorView& x, std::size_t axis, PadType type, const TensorView& to) {
  const Lines lines = lines_of(x.shape, axis);
  visit_computed(x.dtype, [&](auto element) {
    using T = decltype(element);
    std::vector<T> line(static_cast<std::size_t>(lines.extent));
    for (std::int64_t outer = 0; outer < lines.outer; ++outer) {
      for (std::int64_t inner = 0; inner < lines.inner; ++inner) {
        const T* from = static_cast<const T*>(x.data) + outer * lines.extent * lines.inner + inner;
        for (std::int64_t i = 0; i < lines.extent; ++i) {
          line[static_cast<std::size_t>(i)] = from[i * lines.inner];
        }
        static_cast<T*>(to.data)[outer * lines.inner + inner] = value_of(line, type);
      }
    }
  });
}

void add_to_lines(const TensorView& x, std::size_t axis, const ConstTensorView& values, int sign) {
  Strides steps = values.strides;
  steps[axis] = 0;
  Shape rows = x.shape;
  rows[rows.size() - 1] = std::min<std::int64_t>(rows.back(), 1);
  visit_computed(x.dtype, [&](auto element) {
    using T = decltype(element);
    const T factor = static_cast<T>(static_cast<float>(sign));
    for_each_index(rows, [&](std::int64_t, const Extents& row) {
      T* to = static_cast<T*>(x.data) + offset_of(row, x.strides);
      const T* value = static_cast<const T*>(values.data) + offset_of(row, steps);
      for (std::int64_t i = 0; i < x.shape.back(); ++i) {
        to[i * x.strides.back()] += factor * value[i * steps.back()];
      }
    });
  });
}

}  // namespace faltung::signal
