#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <vector>

#include <faltung/error.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/element.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/frontend/image_pass.hpp"

namespace faltung::image {
namespace {

// Elements of one row: the first one's offset, the distance of neighbours.
struct Row {
  std::int64_t first, step;
};

// Calls f(row of a, row of b, length) for all rows of two views of one shape.
template <typename F>
void for_each_row(const ConstTensorView& a, const TensorView& b, F&& f) {
  if (a.shape.empty()) return f(Row{0, 1}, Row{0, 1}, std::int64_t{1});
  const Shape rows(std::span(a.shape.begin(), a.shape.size() - 1));
  for_each_index(rows, [&](std::int64_t, const Extents& row) {
    f(Row{offset_of(row, a.strides), a.strides.back()},
      Row{offset_of(row, b.strides), b.strides.back()}, a.shape.back());
  });
}

// Calls f(element of a, element of b) for all elements, row by row.
template <typename A, typename B, typename F>
void for_each_pair(const ConstTensorView& a, const TensorView& b, F&& f) {
  for_each_row(a, b, [&](Row from, Row to, std::int64_t length) {
    const A* p = static_cast<const A*>(a.data) + from.first;
    B* q = static_cast<B*>(b.data) + to.first;
    for (std::int64_t i = 0; i < length; ++i) f(p[i * from.step], q[i * to.step]);
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

// Numbers that hold every integer and the sum of two.
using WideRow = std::array<WideSigned, 64>;

void read_wide(const ConstTensorView& x, Row row, std::int64_t count, WideRow& to) {
  visit_integer(x.dtype, [&](auto element) {
    const auto* from = static_cast<const decltype(element)*>(x.data) + row.first;
    for (std::int64_t i = 0; i < count; ++i) to[i] = from[i * row.step];
  });
}

void write_saturated(const WideRow& from, Row row, std::int64_t count, const TensorView& y) {
  visit_integer(y.dtype, [&](auto element) {
    using T = decltype(element);
    T* to = static_cast<T*>(y.data) + row.first;
    for (std::int64_t i = 0; i < count; ++i) {
      to[i * row.step] =
          store_element<T>(static_cast<WideUnsigned>(from[i]), {.overflow = Overflow::saturate});
    }
  });
}

// Exact for every pair of types, where a sum in f64 would be rounded before it is clamped.
void copy_saturating(const ConstTensorView& x, const TensorView& y, bool add) {
  for_each_row(x, y, [&](Row from, Row to, std::int64_t length) {
    WideRow values, present{};
    for (std::int64_t done = 0; done < length; done += std::ssize(values)) {
      const std::int64_t count = std::min(std::ssize(values), length - done);
      read_wide(x, {from.first + done * from.step, from.step}, count, values);
      const Row target{to.first + done * to.step, to.step};
      if (add) {
        read_wide(y, target, count, present);
        for (std::int64_t i = 0; i < count; ++i) values[i] += present[i];
      }
      write_saturated(values, target, count, y);
    }
  });
}

// A step that works on numbers alone, on the CPU.
template <typename F>
Step pointwise(Place from, Place to, const char* what, const Call& call, F&& f) {
  Step step{.from = from, .to = to, .what = what};
  step.run = [f = std::forward<F>(f), subnormals = subnormals_of(call.run)](
                 const ConstTensorView& x, const TensorView& y, const Stream&, const Workspace&) {
    const FloatEnvironment environment(subnormals);
    f(x, y);
  };
  return step;
}

// Calls f(element of from, element of to), of the type of y, for all elements.
template <typename F>
Step for_each_element(Place from, Place to, const char* what, const Call& call, F&& f) {
  return pointwise(from, to, what, call, [f](const ConstTensorView& x, const TensorView& y) {
    visit_real(y.dtype, [&](auto element) {
      using T = decltype(element);
      for_each_pair<T, T>(x, y, f);
    });
  });
}

// A pass on another device: y = y^2 or y, plus the square of what lies at `from`, and its root.
Step magnitude_step(const Steps& steps, Place from, bool square, bool root, const Call& call) {
  Step step{.from = from, .to = Place::y, .what = root ? "square root" : "add the square"};
  const Device& device = steps.y().device;
  if (element_count(steps.y().shape) > 0) {
    cuda_backend().prepare_magnitude(device, steps.y().dtype);
  }
  const MagnitudePass pass{.y = {},
                           .square = square,
                           .root = root,
                           .overflow = call.store.overflow,
                           .rounding = call.store.rounding};
  step.run = [pass, adds = from != Place::y](const ConstTensorView& x, const TensorView& y,
                                             const Stream& stream, const Workspace&) {
    MagnitudePass now = pass;
    if (adds) now.term = x;
    now.y = y;
    cuda_backend().run_magnitude(now, stream);
  };
  return step;
}

// The first derivative stands in y, the others follow: each with one pass over both.
void add_roots_there(Steps& steps, const std::vector<std::vector<Line>>& terms, const Call& call) {
  if (terms.size() == 1) {
    return steps.add(magnitude_step(steps, Place::y, true, true, call));
  }
  for (std::size_t i = 1; i < terms.size(); ++i) {
    add_lines(steps, Place::x, Place::term, terms[i], call);
    steps.add(magnitude_step(steps, Place::term, i == 1, i + 1 == terms.size(), call));
  }
}

}  // namespace

void add_copy(Steps& steps, Place from, Place to, const Call& call, bool add) {
  const ConstTensorView x = steps.view(from);
  const TensorView y = steps.view(to);
  if (call.store.overflow == Overflow::saturate && is_integer(x.dtype) && is_integer(y.dtype) &&
      x.device.kind == DeviceKind::cpu) {
    check_no_engine(call.run, "this filter copies integers and saturates them");
    return steps.add(pointwise(from, to, add ? "sum" : "copy", call,
                               [add](const ConstTensorView& in, const TensorView& out) {
                                 copy_saturating(in, out, add);
                               }));
  }
  const Tensor one = Tensor::from<double>({1}, {});
  steps.add(step_of(
      from, to,
      plan_pass(x, y, {.axes = {}, .w = one, .beta = add ? 1.0 : 0.0}, call, Locality::any)));
}

void add_terms(Steps& steps, const std::vector<std::vector<Line>>& terms, const Call& call) {
  if (terms.empty()) return add_copy(steps, Place::x, Place::y, call);
  add_lines(steps, Place::x, Place::y, terms.front(), call);
  for (std::size_t i = 1; i < terms.size(); ++i) {
    if (!is_integer(steps.y().dtype)) {
      add_lines(steps, Place::x, Place::y, terms[i], call, true);
      continue;
    }
    // The term becomes an integer before it is added.
    add_lines(steps, Place::x, Place::term, terms[i], call);
    Call addition = call;
    addition.run.engine.clear();
    addition.method = Method::automatic;
    add_copy(steps, Place::term, Place::y, addition, true);
  }
}

void add_magnitude(Steps& steps, const std::vector<std::vector<Line>>& terms, const Call& call) {
  const DType x = steps.x().dtype, y = steps.y().dtype;
  if (is_complex(y)) {
    throw InvalidProblem(message("x and the result have types ", name(x), " and ", name(y),
                                 "; gradient magnitudes are defined for real data"));
  }
  if (terms.empty()) return add_copy(steps, Place::x, Place::y, call);
  const Rounding rounding = call.store.rounding;
  const Overflow overflow = call.store.overflow;
  add_lines(steps, Place::x, Place::y, terms.front(), call);
  if (steps.x().device.kind != DeviceKind::cpu) return add_roots_there(steps, terms, call);
  steps.add(for_each_element(Place::y, Place::y, "square", call,
                             [=](const auto&, auto& total) { total = square(total, overflow); }));
  for (std::size_t i = 1; i < terms.size(); ++i) {
    add_lines(steps, Place::x, Place::term, terms[i], call);
    steps.add(for_each_element(
        Place::term, Place::y, "add the square", call,
        [=](const auto& g, auto& total) { total = sum(total, square(g, overflow), overflow); }));
  }
  steps.add(
      for_each_element(Place::y, Place::y, "square root", call,
                       [=](const auto&, auto& total) { total = square_root(total, rounding); }));
}

}  // namespace faltung::image
