#include "tests/support/array.hpp"

#include <algorithm>
#include <cstring>

namespace faltung::test {

Array::Array(DType dtype, const Shape& shape, const Strides& strides)
    : dtype_(dtype), shape_(shape), strides_(strides.empty() ? compact_strides(shape) : strides) {
  if (element_count(shape_) == 0) return;
  std::int64_t low = 0;
  std::int64_t high = 0;
  for (std::size_t i = 0; i < shape_.size(); ++i) {
    const std::int64_t reach = (shape_[i] - 1) * strides_[i];
    (reach < 0 ? low : high) += reach;
  }
  bytes_.resize(static_cast<std::size_t>(high - low + 1) * size_of(dtype_));
  origin_ = static_cast<std::size_t>(-low) * size_of(dtype_);
}

std::size_t Array::byte_of(const Extents& index) const {
  const std::int64_t size = static_cast<std::int64_t>(size_of(dtype_));
  return origin_ + static_cast<std::size_t>(offset_of(index, strides_) * size);
}

std::complex<double> Array::get(const Extents& index) const {
  return visit_dtype(dtype_, [&](auto element) -> std::complex<double> {
    std::memcpy(&element, bytes_.data() + byte_of(index), sizeof(element));
    if constexpr (is_complex(dtype_of<decltype(element)>)) {
      return std::complex<double>(element);
    } else {
      return static_cast<double>(element);
    }
  });
}

void Array::set(const Extents& index, std::complex<double> value) {
  visit_dtype(dtype_, [&](auto element) {
    using T = decltype(element);
    if constexpr (is_complex(dtype_of<T>)) {
      element = T(value);
    } else if constexpr (is_integer(dtype_of<T>) || sizeof(T) > 2) {
      element = static_cast<T>(value.real());
    } else {
      element = T(static_cast<float>(value.real()));
    }
    std::memcpy(bytes_.data() + byte_of(index), &element, sizeof(element));
  });
}

std::vector<bool> Array::occupied() const {
  // Without gaps, as most are.
  const auto elements = static_cast<std::size_t>(element_count(shape_));
  if (bytes_.size() == elements * size_of(dtype_) && strides_ == compact_strides(shape_)) {
    return std::vector<bool>(bytes_.size(), true);
  }
  std::vector<bool> result(bytes_.size(), false);
  for_each_index(shape_, [&](std::int64_t, const Extents& index) {
    for (std::size_t i = 0; i < size_of(dtype_); ++i) result[byte_of(index) + i] = true;
  });
  return result;
}

void Array::poison_gaps(std::byte poison) {
  const std::vector<bool> element = occupied();
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    if (!element[i]) bytes_[i] = poison;
  }
}

namespace {

template <typename F>
bool all_elements(const Array& a, const Array& b, F&& same) {
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  bool all = true;
  for_each_index(a.shape(), [&](std::int64_t, const Extents& index) {
    all = all && (std::memcmp(a.bytes().data() + a.byte_of(index),
                              b.bytes().data() + b.byte_of(index), size_of(a.dtype())) == 0 ||
                  same(index));
  });
  return all;
}

}  // namespace

bool same_elements(const Array& a, const Array& b) {
  return all_elements(a, b, [](const Extents&) { return false; });
}

bool equal_elements(const Array& a, const Array& b) {
  return all_elements(a, b, [&](const Extents& index) {
    return !is_integer(a.dtype()) && a.get(index) == b.get(index);
  });
}

}  // namespace faltung::test
