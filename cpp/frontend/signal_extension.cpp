#include "cpp/frontend/signal_extension.hpp"

#include <algorithm>
#include <complex>
#include <cstddef>
#include <type_traits>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/element.hpp"

namespace faltung::signal {
namespace {

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return (a - positive_remainder(a, b)) / b;
}

// Which element a mode repeats at place i, or `outside`, where cval stands.
std::int64_t repeated_index(Extension mode, std::int64_t i, std::int64_t n) {
  switch (mode) {
    case Extension::symmetric:
      return extend_index(BoundaryKind::reflect, i, n);
    case Extension::reflect:
      return extend_index(BoundaryKind::mirror, i, n);
    case Extension::edge:
      return extend_index(BoundaryKind::nearest, i, n);
    case Extension::wrap:
      return extend_index(BoundaryKind::wrap, i, n);
    default:
      return outside;
  }
}

// Element i, outside [0, n), of the line `at` continued by a rule that computes it. V is double or
// complex.
template <typename V, typename Line>
V continued(const Line& at, std::int64_t n, std::int64_t i, Extension mode) {
  const V first = at(0);
  const V last = at(n - 1);
  const auto steps = [](std::int64_t count) { return static_cast<double>(count); };
  if (mode == Extension::antisymmetric) {
    const V value = at(extend_index(BoundaryKind::reflect, i, n));
    return floor_divide(i, n) % 2 == 0 ? value : -value;
  }
  if (n == 1) return first;
  if (mode == Extension::smooth) {
    return i < 0 ? first + steps(i) * (at(1) - first)
                 : last + steps(i - n + 1) * (last - at(n - 2));
  }
  if (mode == Extension::antireflect) {
    // Odd about both ends: X(-i) = 2 first - X(i) and X(n-1+i) = 2 last - X(n-1-i). Step by step,
    // so that neither end counts where only the other does, be it NaN or merely large.
    V ends = 0;
    double sign = 1;
    for (; i < 0 || i >= n; sign = -sign) {
      ends += sign * 2.0 * (i < 0 ? first : last);
      i = i < 0 ? -i : 2 * (n - 1) - i;
    }
    return ends + sign * at(i);
  }
  const V slope = (last - first) / steps(n - 1);  // of `line`
  return i < 0 ? first + steps(i) * slope : last + steps(i - n + 1) * slope;
}

// The ends of all lines of `target`, whose middles hold the signal.
//
// @param beyond  element i of the line whose element 0 stands at an address, i outside [0, n)
template <typename T, typename Beyond>
void extend(const TensorView& target, std::size_t axis, std::int64_t reach, Beyond&& beyond) {
  const std::int64_t total = target.shape[axis], step = target.strides[axis];
  const std::int64_t n = total - 2 * reach;
  const std::int64_t blocks = element_count(target.shape) / (total * step);
  for (std::int64_t block = 0; block < blocks; ++block) {
    T* to = static_cast<T*>(target.data) + block * total * step;
    for (std::int64_t line = 0; line < step; ++line) {
      const T* from = to + reach * step + line;
      for (std::int64_t i = 0; i < reach; ++i) {
        to[i * step + line] = beyond(from, i - reach);
        to[(reach + n + i) * step + line] = beyond(from, n + i);
      }
    }
  }
}

}  // namespace

bool repeats_elements(Extension mode) noexcept {
  return mode == Extension::constant || mode == Extension::symmetric ||
         mode == Extension::reflect || mode == Extension::edge || mode == Extension::wrap;
}

void extend_into(const ConstTensorView& x, const TensorView& target, std::size_t axis,
                 Extension mode, std::complex<double> cval) {
  const std::int64_t n = x.shape[axis], step = target.strides[axis];
  const std::int64_t reach = (target.shape[axis] - n) / 2;
  TensorView middle = target;
  middle.shape[axis] = n;
  middle.data = static_cast<std::byte*>(target.data) +
                reach * step * static_cast<std::int64_t>(size_of(target.dtype));
  copy_elements(x, middle);
  if (repeats_elements(mode)) {
    visit_dtype(target.dtype, [&](auto element) {
      using T = decltype(element);
      const T constant = store_element<T>(cval, StoreRule{});
      extend<T>(target, axis, reach, [&](const T* line, std::int64_t i) {
        const std::int64_t index = repeated_index(mode, i, n);
        return index == outside ? constant : line[index * step];
      });
    });
    return;
  }
  visit_computed(target.dtype, [&](auto element) {
    using T = decltype(element);
    using V = std::conditional_t<is_complex(dtype_of<T>), std::complex<double>, double>;
    extend<T>(target, axis, reach, [&](const T* line, std::int64_t i) {
      const auto at = [&](std::int64_t j) { return load_element<V>(line[j * step]); };
      return store_element<T>(continued<V>(at, n, i, mode), StoreRule{});
    });
  });
}

}  // namespace faltung::signal
