#pragma once

#include <algorithm>
#include <complex>
#include <cstdint>
#include <faltung/tensor.hpp>
#include <ostream>
#include <random>
#include <vector>

namespace faltung {

/// A plain row-major array of numbers that every element type can hold.
struct Numbers {
  using Value = std::complex<double>;
  Shape shape;
  std::vector<Value> values;

  explicit Numbers(const Shape& extents)
      : shape(extents), values(static_cast<std::size_t>(element_count(extents))) {}
  explicit Numbers(const Tensor& tensor) : Numbers(tensor.shape()) {
    const Tensor wide = compact_copy(tensor, c128);
    std::ranges::copy(wide.values<Value>(), values.begin());
  }

  [[nodiscard]] Tensor as(DType dtype) const {
    return compact_copy(view(values.data(), shape), dtype);
  }

  /// Where an index lies in `values`.
  [[nodiscard]] std::size_t at(const Extents& index) const {
    std::int64_t position = 0;
    for (std::size_t i = 0; i < shape.size(); ++i) position = position * shape[i] + index[i];
    return static_cast<std::size_t>(position);
  }

  /// The index of an element of `values`.
  [[nodiscard]] Extents index(std::size_t position) const {
    Extents result = Extents::filled(shape.size(), 0);
    auto rest = static_cast<std::int64_t>(position);
    for (std::size_t i = shape.size(); i-- > 0;) {
      result[i] = rest % shape[i];
      rest /= shape[i];
    }
    return result;
  }

  friend bool operator==(const Numbers& a, const Numbers& b) {
    return a.shape == b.shape && a.values == b.values;
  }
};

inline void PrintTo(const Numbers& numbers, std::ostream* os) {
  *os << numbers.shape << ":";
  for (const auto& value : numbers.values) *os << ' ' << value;
}

/// Small integers, with an imaginary part if `dtype` is complex and without a sign if it has none,
/// so that sums of up to 31 products of two of them are exact in every type.
inline Numbers small_integers(const Shape& shape, DType dtype, std::mt19937& random) {
  Numbers result(shape);
  const int low = is_signed(dtype) ? -2 : 0;
  std::uniform_int_distribution<int> draw(low, 2);
  for (auto& value : result.values) value = {1.0 * draw(random), 1.0 * draw(random)};
  if (!is_complex(dtype)) {
    for (auto& value : result.values) value = value.real();
  }
  return result;
}

/// Convolution, or correlation, in full: every product is added where it belongs.
inline Numbers full_sum(const Numbers& x, const Numbers& k, bool correlation) {
  Shape shape;
  for (std::size_t i = 0; i < x.shape.size(); ++i) shape.push_back(x.shape[i] + k.shape[i] - 1);
  Numbers y(shape);
  for (std::size_t a = 0; a < x.values.size(); ++a) {
    for (std::size_t b = 0; b < k.values.size(); ++b) {
      Extents where = x.index(a);
      const Extents tap = k.index(b);
      for (std::size_t i = 0; i < where.size(); ++i) {
        where[i] += correlation ? k.shape[i] - 1 - tap[i] : tap[i];
      }
      y.values[y.at(where)] += x.values[a] * (correlation ? std::conj(k.values[b]) : k.values[b]);
    }
  }
  return y;
}

/// The block of `shape` that begins at `start`.
inline Numbers crop(const Numbers& full, const Extents& start, const Shape& shape) {
  Numbers part(shape);
  for (std::size_t p = 0; p < part.values.size(); ++p) {
    Extents from = part.index(p);
    for (std::size_t i = 0; i < from.size(); ++i) from[i] += start[i];
    part.values[p] = full.values[full.at(from)];
  }
  return part;
}

}  // namespace faltung
