#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>
#include "cpp/core/strided.hpp"

namespace faltung::test {

/// A tensor on the host with any strides and the memory from its lowest to its highest element.
class Array {
 public:
  Array() = default;
  /// @param strides  empty = compact
  Array(DType dtype, const Shape& shape, const Strides& strides = {});

  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const Strides& strides() const { return strides_; }
  [[nodiscard]] std::vector<std::byte>& bytes() { return bytes_; }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }
  /// Bytes from the lowest element to index (0, 0, ...).
  [[nodiscard]] std::size_t origin() const { return origin_; }
  [[nodiscard]] std::size_t byte_of(const Extents& index) const;

  /// An element as a number; integers beyond 2^53 are rounded.
  [[nodiscard]] std::complex<double> get(const Extents& index) const;
  /// Stores a number that the element type can hold, rounded if it is a floating type.
  void set(const Extents& index, std::complex<double> value);

  /// Sets every element, in row-major order, to `f(index)`.
  template <typename F>
  Array& fill(F&& f);
  /// Sets every byte that belongs to no element, or every byte.
  void poison_gaps(std::byte poison);
  void poison(std::byte poison) { bytes_.assign(bytes_.size(), poison); }
  /// Whether every byte is part of an element (one entry per byte).
  [[nodiscard]] std::vector<bool> occupied() const;

 private:
  DType dtype_ = DType::f32;
  Shape shape_{0};
  Strides strides_{1};
  std::vector<std::byte> bytes_;
  std::size_t origin_ = 0;
};

/// Same shape and the same bits in every element; gaps do not count.
[[nodiscard]] bool same_elements(const Array& a, const Array& b);
/// Same shape and the same bits, except that 0 equals -0.
[[nodiscard]] bool equal_elements(const Array& a, const Array& b);

template <typename F>
Array& Array::fill(F&& f) {
  for_each_index(shape_, [&](std::int64_t, const Extents& index) { set(index, f(index)); });
  return *this;
}

}  // namespace faltung::test
