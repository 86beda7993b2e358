#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

// Calls f(element of a, element of b) for all elements, row by row.
template <typename T, typename F>
void for_each_pair(const TensorView& a, const TensorView& b, F&& f) {
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
    T* p = static_cast<T*>(a.data) + (a.shape.empty() ? 0 : offset_of(row, a.strides));
    T* q = static_cast<T*>(b.data) + (b.shape.empty() ? 0 : offset_of(row, b.strides));
    for (std::int64_t i = 0; i < length; ++i) f(p[i * a_step], q[i * b_step]);
  });
}

template <typename T>
T square(T value) {
  if constexpr (is_integer(dtype_of<T>)) {
    const auto bits = std::uint64_t{static_cast<std::make_unsigned_t<T>>(value)};
    return static_cast<T>(bits * bits);
  } else {
    return T(value * value);
  }
}

template <typename T>
T sum(T a, T b) {
  if constexpr (is_integer(dtype_of<T>)) {
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  } else {
    return T(a + b);
  }
}

template <typename T>
T square_root(T value) {
  if constexpr (is_integer(dtype_of<T>)) {
    return value > 0 ? static_cast<T>(std::sqrt(static_cast<double>(value))) : T(0);
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

}  // namespace

void run_terms(const ConstTensorView& x, const TensorView& y,
               const std::vector<std::vector<Line>>& terms, const Call& call) {
  if (terms.empty()) return copy(x, y, call);
  run_lines(x, y, terms.front(), call);
  for (std::size_t i = 1; i < terms.size(); ++i) {
    if (!is_integer(y.dtype)) {
      run_lines(x, y, terms[i], call, 1);
      continue;
    }
    // The term becomes an integer before it is added.
    const Temporary term(y.dtype, y.shape, call.stream);
    run_lines(x, term.view(), terms[i], call);
    copy(term.view(), y, {call.accumulator, {}, call.stream}, 1);
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
  run_lines(x, y, terms.front(), call);
  visit_real(y.dtype, [&](auto element) {
    using T = decltype(element);
    for_each_pair<T>(y, y, [](T& total, T&) { total = square(total); });
  });
  const Temporary term(y.dtype, y.shape, call.stream);
  for (std::size_t i = 1; i < terms.size(); ++i) {
    run_lines(x, term.view(), terms[i], call);
    visit_real(y.dtype, [&](auto element) {
      using T = decltype(element);
      for_each_pair<T>(term.view(), y, [](T& g, T& total) { total = sum(total, square(g)); });
    });
  }
  visit_real(y.dtype, [&](auto element) {
    using T = decltype(element);
    for_each_pair<T>(y, y, [](T& total, T&) { total = square_root(total); });
  });
}

}  // namespace faltung::image
