#include "cpp/frontend/masked_numbers.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>

#include <faltung/error.hpp>
#include "cpp/core/element.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"
#include "cpp/cpu/masked/rows.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::masked {
namespace {

// Calls f with a zero of the type of the sums.
template <typename F>
void visit_sums(DType type, F&& f) {
  if (type == f64) {
    f(double{});
  } else {
    f(float{});
  }
}

template <typename T>
T* data_of(const TensorView& view) {
  return static_cast<T*>(view.data);
}
template <typename T>
const T* data_of(const ConstTensorView& view) {
  return static_cast<const T*>(view.data);
}

// Calls f(first, last) for pieces of 0 to count.
template <typename F>
void for_each_piece(std::int64_t count, F&& f) {
  constexpr std::int64_t piece = 1 << 14;  // 64 KiB of f32
  constexpr double element_cycles = 2;     // a few loads and a select
  const std::int64_t pieces = (count + piece - 1) / piece;
  const int slots = plan_threads(
      pieces, 1e-3 * element_cycles * cpu_machine().cycle_ns() * static_cast<double>(count));
  parallel_for(pieces, slots,
               [&](std::int64_t i, int) { f(i * piece, std::min(count, (i + 1) * piece)); });
}

// What the pieces of a load see together; the order in which they do changes nothing.
template <typename T>
struct SeenByAll {
  std::atomic<bool> other{false}, misfit{false};
  std::atomic<T> largest{0};

  void add(const Seen<T>& piece) {
    if (piece.other) other = true;
    if (piece.misfit) misfit = true;
    for (T known = largest;
         known < piece.largest && !largest.compare_exchange_weak(known, piece.largest);) {
    }
  }
};

template <typename T>
Seen<T> load_piece(const RowKernels<T>& kernels, const T* x, T* values, T* weights,
                   std::int64_t count, const LoadRule& rule) {
  const bool missing = rule.nan == NanRule::missing, replaced = rule.nan == NanRule::value;
  const T replacement = static_cast<T>(rule.nan_value);
  if (rule.weighted) {
    return kernels.load_weighted(x, values, weights, count, {missing, replaced, replacement});
  }
  Seen<T> seen{.largest = 1};
  if (missing) {
    seen.other = kernels.load_missing(x, values, weights, count);
  } else if (replaced) {
    kernels.load_replaced(x, values, count, replacement);
  } else if (x != values) {
    std::copy_n(x, count, values);
  }
  return seen;
}

// Calls f(compact position, element of x) row by row.
template <typename F>
void for_each_original(const ConstTensorView& x, F&& f) {
  const std::int64_t columns = x.shape.empty() ? 1 : x.shape.back();
  const std::int64_t step = x.shape.empty() ? 0 : x.strides.back();
  Shape rows = x.shape;
  if (!rows.empty()) rows[rows.size() - 1] = std::min<std::int64_t>(columns, 1);
  visit_dtype(x.dtype, [&](auto element) {
    using T = decltype(element);
    if constexpr (!is_complex(dtype_of<T>) && !is_integer(dtype_of<T>)) {
      for_each_index(rows, [&](std::int64_t row, const Extents& index) {
        const T* from = data_of<T>(x) + offset_of(index, x.strides);
        for (std::int64_t i = 0; i < columns; ++i) {
          f(row * columns + i, static_cast<double>(from[i * step]));
        }
      });
    }
  });
}

// The divisor and the count of each result, from images that may be left out.
template <typename T>
class Divisors {
 public:
  Divisors(const ConstTensorView& divisors, const ConstTensorView& counts, const QuotientRule& rule)
      : divisors_(data_of<T>(divisors)), counts_(data_of<T>(counts)), q_(quotient_of<T>(rule)) {}

  [[nodiscard]] bool given() const { return divisors_ != nullptr; }
  [[nodiscard]] bool counted() const { return counts_ != nullptr; }
  [[nodiscard]] T at(std::int64_t i) const { return given() ? divisors_[i] * q_.tap : q_.sum; }
  [[nodiscard]] bool is_empty(std::int64_t i) const {
    return given() && (is_light(at(i)) || (counted() && is_few(i)));
  }

  [[nodiscard]] const Quotient<T>& quotient() const { return q_; }
  [[nodiscard]] const T* divisors() const { return divisors_; }
  [[nodiscard]] const T* counts() const { return counts_; }

 private:
  [[nodiscard]] bool is_light(T divisor) const {
    return !(std::abs(divisor) > q_.vanishing) | (divisor * q_.sign < q_.least);
  }
  [[nodiscard]] bool is_few(std::int64_t i) const { return counts_[i] < q_.fewest; }

  const T *divisors_, *counts_;
  Quotient<T> q_;
};

}  // namespace

Loaded load(const ConstTensorView& x, const TensorView& values, const TensorView& weights,
            const LoadRule& rule) {
  Loaded loaded;
  visit_sums(values.dtype, [&](auto element) {
    using T = decltype(element);
    const T* const from = data_of<T>(x);
    T *const v = data_of<T>(values), *const w = data_of<T>(weights);
    const RowKernels<T> kernels = row_kernels<T>();
    SeenByAll<T> seen;
    for_each_piece(element_count(values.shape), [&](std::int64_t first, std::int64_t last) {
      T* const own = w == nullptr ? nullptr : w + first;
      seen.add(load_piece(kernels, from + first, v + first, own, last - first, rule));
    });
    if (seen.misfit) throw_misfit();
    loaded = {!seen.other, static_cast<double>(seen.largest.load())};
  });
  return loaded;
}

void throw_misfit() {
  throw InvalidProblem(
      "weights has an element that is negative, NaN or infinite; a weight is finite and at "
      "least 0, and 0 stands for what is missing");
}

bool has_nan(const ConstTensorView& values) {
  std::atomic<bool> found{false};
  visit_sums(values.dtype, [&](auto element) {
    using T = decltype(element);
    const T* const all = data_of<T>(values);
    const RowKernels<T> kernels = row_kernels<T>();
    for_each_piece(element_count(values.shape), [&](std::int64_t first, std::int64_t last) {
      if (!found && kernels.has_nan(all + first, last - first)) found = true;
    });
  });
  return found;
}

void divide(const ConstTensorView& sums, const ConstTensorView& divisors,
            const ConstTensorView& counts, const QuotientRule& rule, const TensorView& results) {
  visit_sums(sums.dtype, [&](auto element) {
    using T = decltype(element);
    const T* const from = data_of<T>(sums);
    T* const to = data_of<T>(results);
    const Divisors<T> by(divisors, counts, rule);
    const Quotient<T> q = by.quotient();
    const RowKernels<T> kernels = row_kernels<T>();
    const auto at = [](const T* all, std::int64_t first) {
      return all == nullptr ? nullptr : all + first;
    };
    for_each_piece(element_count(sums.shape), [&](std::int64_t first, std::int64_t last) {
      kernels.divide(q, from + first, at(by.divisors(), first), at(by.counts(), first), to + first,
                     last - first);
    });
  });
}

void restore(const TensorView& results, const ConstTensorView& divisors,
             const ConstTensorView& counts, const ConstTensorView& x, const QuotientRule& rule,
             const OriginalRule& originals) {
  visit_sums(results.dtype, [&](auto element) {
    using T = decltype(element);
    T* const all = data_of<T>(results);
    const Divisors<T> by(divisors, counts, rule);
    for_each_original(x, [&](std::int64_t i, double original) {
      const bool fills = originals.fills && by.is_empty(i);
      if (fills || (originals.preserves && std::isnan(original))) {
        all[i] = static_cast<T>(original);
      }
    });
  });
}

double divide_backward(const TensorView& gradient, const TensorView& sums,
                       const ConstTensorView& divisors, const ConstTensorView& counts,
                       const ConstTensorView& x, const QuotientRule& rule,
                       const OriginalRule& originals, const TensorView& through) {
  double of_gain = 0;
  visit_sums(gradient.dtype, [&](auto element) {
    using T = decltype(element);
    T *const g = data_of<T>(gradient), *const n = data_of<T>(sums);
    T* const own = data_of<T>(through);
    const Divisors<T> by(divisors, counts, rule);
    const auto pass_on = [&](std::int64_t i, double original) {
      const bool empty = by.is_empty(i), preserved = originals.preserves && std::isnan(original);
      if (own != nullptr) own[i] = empty && originals.fills && !preserved ? g[i] : T(0);
      if (empty || preserved) {
        g[i] = n[i] = 0;
        return;
      }
      const T divisor = by.at(i), quotient = n[i] / divisor;
      of_gain += static_cast<double>(g[i]) * static_cast<double>(quotient);
      g[i] = g[i] * static_cast<T>(rule.gain) / divisor;
      n[i] = g[i] * quotient;
    };
    if (x.data != nullptr) {
      for_each_original(x, pass_on);
    } else {
      for (std::int64_t i = 0; i < element_count(gradient.shape); ++i) pass_on(i, 0);
    }
  });
  return of_gain;
}

void count_weights(const TensorView& weights) {
  visit_sums(weights.dtype, [&](auto element) {
    using T = decltype(element);
    T* const w = data_of<T>(weights);
    for_each_piece(element_count(weights.shape), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) w[i] = w[i] > 0 ? T(1) : T(0);
    });
  });
}

void multiply(const TensorView& values, const ConstTensorView& weights) {
  visit_sums(values.dtype, [&](auto element) {
    using T = decltype(element);
    T* const v = data_of<T>(values);
    const T* const w = data_of<T>(weights);
    for_each_piece(element_count(values.shape), [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) v[i] = w[i] == 0 ? T(0) : v[i] * w[i];
    });
  });
}

void add(const TensorView& a, const ConstTensorView& b) {
  visit_sums(a.dtype, [&](auto element) {
    using T = decltype(element);
    T* const to = data_of<T>(a);
    const T* const from = data_of<T>(b);
    for (std::int64_t i = 0; i < element_count(a.shape); ++i) to[i] += from[i];
  });
}

void drop_replaced(const TensorView& values, const ConstTensorView& x) {
  visit_sums(values.dtype, [&](auto element) {
    using T = decltype(element);
    T* const all = data_of<T>(values);
    for_each_original(x, [&](std::int64_t i, double original) {
      if (std::isnan(original)) all[i] = 0;
    });
  });
}

double total(const ConstTensorView& values) {
  double sum = 0;
  visit_sums(values.dtype, [&](auto element) {
    using T = decltype(element);
    const T* const all = data_of<T>(values);
    for (std::int64_t i = 0; i < element_count(values.shape); ++i) {
      sum += static_cast<double>(all[i]);
    }
  });
  return sum;
}

void combine(const TensorView& a, const ConstTensorView& b, double each) {
  visit_sums(a.dtype, [&](auto element) {
    using T = decltype(element);
    T* const to = data_of<T>(a);
    const T* const from = data_of<T>(b);
    for (std::int64_t i = 0; i < element_count(a.shape); ++i) {
      to[i] = to[i] - (from == nullptr ? T(0) : from[i]) + static_cast<T>(each);
    }
  });
}

}  // namespace faltung::masked
