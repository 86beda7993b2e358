#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <faltung/error.hpp>
#include "cpp/core/element.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

// Calls f(element of a, element of b) for all elements, row by row.
template <typename A, typename B, typename F>
void for_each_pair(const ConstTensorView& a, const TensorView& b, F&& f) {
  Shape rows = Shape{1};  // a scalar is one row of one
  std::int64_t length = 1;
  std::int64_t a_step = 1;
  std::int64_t b_step = 1;
  if (!a.shape.empty()) {
    rows = Shape(std::span(a.shape.begin(), a.shape.size() - 1));
    length = a.shape.back();
    a_step = a.strides.back();
    b_step = b.strides.back();
  }
  for_each_index(rows, [&](std::int64_t, const Extents& row) {
    const A* p = static_cast<const A*>(a.data) + (a.shape.empty() ? 0 : offset_of(row, a.strides));
    B* q = static_cast<B*>(b.data) + (b.shape.empty() ? 0 : offset_of(row, b.strides));
    for (std::int64_t i = 0; i < length; ++i) f(p[i * a_step], q[i * b_step]);
  });
}

template <typename T>
T square(T value, Overflow overflow) {
  if constexpr (is_integer(dtype_of<T>)) {
    T result;
    const bool beyond = __builtin_mul_overflow(value, value, &result);  // wraps
    return beyond && overflow == Overflow::saturate ? std::numeric_limits<T>::max() : result;
  } else {
    return T(value * value);
  }
}

template <typename T>
T sum(T a, T b, Overflow overflow) {
  if constexpr (is_integer(dtype_of<T>)) {
    T result;
    const bool beyond = __builtin_add_overflow(a, b, &result);  // wraps
    if (!beyond || overflow == Overflow::wrap) return result;
    return a < 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
  } else {
    return T(a + b);
  }
}

// The root in double may be one off for numbers above 2^53.
std::uint64_t whole_root(std::uint64_t value, Rounding rounding) {
  std::uint64_t root = std::min<std::uint64_t>(
      static_cast<std::uint64_t>(std::sqrt(static_cast<double>(value))), 0xffffffff);
  if (root * root > value) --root;
  if (root < 0xffffffff && (root + 1) * (root + 1) <= value) ++root;
  // (root + 1/2)^2 = root^2 + root + 1/4: no whole number lies on it.
  const bool up = rounding == Rounding::nearest_even && value - root * root > root;
  return up ? root + 1 : root;
}

template <typename T>
T square_root(T value, Rounding rounding) {
  if constexpr (is_integer(dtype_of<T>)) {
    return value > 0 ? static_cast<T>(whole_root(static_cast<std::uint64_t>(value), rounding))
                     : T(0);
  } else {
    return T(std::sqrt(value));
  }
}

// Calls f with an element of a real type.
template <typename F>
void visit_real(DType type, F&& f) {
  visit_dtype(type, [&](auto element) {
    if constexpr (!is_complex(dtype_of<decltype(element)>)) f(element);
  });
}

// Calls f with an element of an integer type.
template <typename F>
void visit_integer(DType type, F&& f) {
  visit_dtype(type, [&](auto element) {
    if constexpr (is_integer(dtype_of<decltype(element)>)) f(element);
  });
}

// Exact for every pair of types, where a sum in f64 would be rounded before it is clamped.
void copy_saturating(const ConstTensorView& x, const TensorView& y, bool add) {
  visit_integer(x.dtype, [&](auto from) {
    visit_integer(y.dtype, [&](auto to) {
      for_each_pair<decltype(from), decltype(to)>(x, y, [add](const auto& in, auto& out) {
        using To = decltype(to);
        const auto value = static_cast<WideSigned>(in) + (add ? static_cast<WideSigned>(out) : 0);
        out = store_element<To>(static_cast<WideUnsigned>(value), {.overflow = Overflow::saturate});
      });
    });
  });
}

}  // namespace

void copy(const ConstTensorView& x, const TensorView& y, const Call& call, bool add) {
  if (call.store.overflow == Overflow::saturate && is_integer(x.dtype) && is_integer(y.dtype) &&
      x.device.kind == DeviceKind::cpu) {
    return copy_saturating(x, y, add);
  }
  const Tensor one = Tensor::from<double>({1}, {});
  run_pass(x, y, {.axes = {}, .w = one, .beta = add ? 1.0 : 0.0}, call);
}

void run_terms(const ConstTensorView& x, const TensorView& y,
               const std::vector<std::vector<Line>>& terms, const Call& call) {
  if (terms.empty()) return copy(x, y, call);
  run_lines(x, y, terms.front(), call);
  for (std::size_t i = 1; i < terms.size(); ++i) {
    if (!is_integer(y.dtype)) {
      run_lines(x, y, terms[i], call, true);
      continue;
    }
    // The term becomes an integer before it is added.
    const Temporary term(y, call.stream);
    run_lines(x, term.view(), terms[i], call);
    Call addition = call;
    addition.engine.clear();
    addition.method = Method::automatic;
    copy(term.view(), y, addition, true);
  }
}

void run_magnitude(const ConstTensorView& x, const TensorView& y,
                   const std::vector<std::vector<Line>>& terms, const Call& call) {
  if (is_complex(y.dtype)) {
    throw InvalidProblem(message("x and the result have types ", name(x.dtype), " and ",
                                 name(y.dtype), "; gradient magnitudes are defined for real data"));
  }
  if (x.device.kind != DeviceKind::cpu) {
    throw NoEngine(message("gradient magnitudes are computed on the cpu only, x is on ", x.device,
                           "; copy it with Tensor::to(Device::cpu())"));
  }
  if (terms.empty()) return copy(x, y, call);
  const Rounding rounding = call.store.rounding;
  const Overflow overflow = call.store.overflow;
  run_lines(x, y, terms.front(), call);
  visit_real(y.dtype, [&](auto element) {
    using T = decltype(element);
    for_each_pair<T, T>(y, y, [=](const T&, T& total) { total = square(total, overflow); });
  });
  const Temporary term(y, call.stream);
  for (std::size_t i = 1; i < terms.size(); ++i) {
    run_lines(x, term.view(), terms[i], call);
    visit_real(y.dtype, [&](auto element) {
      using T = decltype(element);
      for_each_pair<T, T>(term.view(), y, [=](const T& g, T& total) {
        total = sum(total, square(g, overflow), overflow);
      });
    });
  }
  visit_real(y.dtype, [&](auto element) {
    using T = decltype(element);
    for_each_pair<T, T>(y, y, [=](const T&, T& total) { total = square_root(total, rounding); });
  });
}

}  // namespace faltung::image
