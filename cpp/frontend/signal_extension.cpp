#include "cpp/frontend/signal_extension.hpp"

#include <algorithm>

#include "cpp/core/boundary_map.hpp"
#include "cpp/core/element.hpp"

namespace faltung::signal {
namespace {

constexpr std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
  return (a - positive_remainder(a, b)) / b;
}

// Element i, outside [0, n) too, of the line `at` continued by a rule. V is double or complex.
template <typename V, typename Line>
V continued(const Line& at, std::int64_t n, std::int64_t i, Extension mode, V cval) {
  if (i >= 0 && i < n) return at(i);
  const V first = at(0);
  const V last = at(n - 1);
  const auto steps = [](std::int64_t count) { return static_cast<double>(count); };
  switch (mode) {
    case Extension::constant:
      return cval;
    case Extension::symmetric:
      return at(extend_index(BoundaryKind::reflect, i, n));
    case Extension::reflect:
      return at(extend_index(BoundaryKind::mirror, i, n));
    case Extension::edge:
      return i < 0 ? first : last;
    case Extension::wrap:
      return at(extend_index(BoundaryKind::wrap, i, n));
    case Extension::smooth:
      if (n == 1) return first;
      return i < 0 ? first + steps(i) * (at(1) - first)
                   : last + steps(i - n + 1) * (last - at(n - 2));
    case Extension::antisymmetric: {
      const V value = at(extend_index(BoundaryKind::reflect, i, n));
      return floor_divide(i, n) % 2 == 0 ? value : -value;
    }
    case Extension::antireflect: {
      // Odd about both ends: X(-i) = 2 first - X(i) and X(n-1+i) = 2 last - X(n-1-i). Step by step,
      // so that neither end counts where only the other does, be it NaN or merely large.
      if (n == 1) return first;
      V ends = 0;
      double sign = 1;
      for (; i < 0 || i >= n; sign = -sign) {
        ends += sign * 2.0 * (i < 0 ? first : last);
        i = i < 0 ? -i : 2 * (n - 1) - i;
      }
      return ends + sign * at(i);
    }
    case Extension::line: {
      if (n == 1) return first;
      const V slope = (last - first) / steps(n - 1);
      return i < 0 ? first + steps(i) * slope : last + steps(i - n + 1) * slope;
    }
  }
  return cval;
}

// Lines within are copied in blocks of what lies side by side; only the ends take the rules.
template <typename T, typename V>
void extend(const Tensor& source, Tensor& target, std::size_t axis, std::int64_t reach,
            Extension mode, V cval) {
  const std::int64_t n = source.shape()[axis];
  const std::int64_t step = compact_strides(source.shape())[axis];
  const std::int64_t total = n + 2 * reach;
  const std::int64_t blocks = element_count(source.shape()) / (n * step);
  for (std::int64_t block = 0; block < blocks; ++block) {
    const T* from = static_cast<const T*>(source.data()) + block * n * step;
    T* to = static_cast<T*>(target.data()) + block * total * step;
    std::copy_n(from, n * step, to + reach * step);
    for (std::int64_t line = 0; line < step; ++line) {
      const auto at = [&](std::int64_t j) { return load_element<V>(from[j * step + line]); };
      const auto put = [&](std::int64_t i) {
        to[(i + reach) * step + line] =
            store_element<T>(continued<V>(at, n, i, mode, cval), StoreRule{});
      };
      for (std::int64_t i = 0; i < reach; ++i) {
        put(i - reach);
        put(n + i);
      }
    }
  }
}

}  // namespace

Tensor extended_copy(const ConstTensorView& x, DType dtype, std::size_t axis, std::int64_t reach,
                     Extension mode, std::complex<double> cval) {
  const Tensor source = compact_copy(x, dtype);
  Shape shape = x.shape;
  shape[axis] += 2 * reach;
  Tensor target(dtype, shape);
  switch (dtype) {
    case f32:
      extend<float>(source, target, axis, reach, mode, cval.real());
      break;
    case f64:
      extend<double>(source, target, axis, reach, mode, cval.real());
      break;
    case c64:
      extend<std::complex<float>>(source, target, axis, reach, mode, cval);
      break;
    default:  // upfirdn_result_type gives one of these four
      extend<std::complex<double>>(source, target, axis, reach, mode, cval);
  }
  return target;
}

}  // namespace faltung::signal
