#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "cpp/cpu/fft/butterflies.hpp"
#include "cpp/cpu/fft/line_plan.hpp"

// Transforms of as many lines at once as a register has lanes, by the passes of a LinePlan, for the
// instruction set of the including file. Value i of all lines is a Pair at line[2 i lanes].
namespace faltung::fft::FALTUNG_FFT_SET {

template <typename R>
struct InPlace {
  R* line;
  FALTUNG_INLINE Pair<R> operator()(std::int64_t i) const {
    return load_pair(line + 2 * lanes<R> * i);
  }
  FALTUNG_INLINE void operator()(std::int64_t i, const Pair<R>& value) const {
    store_pair(value, line + 2 * lanes<R> * i);
  }
};

/// f(0), ..., f(count - 1), unrolled: arrays of registers must be indexed by constants.
template <typename F, int... i>
FALTUNG_INLINE void unrolled(std::integer_sequence<int, i...>, F&& f) {
  (f(std::integral_constant<int, i>()), ...);
}
template <int count, typename F>
FALTUNG_INLINE void unrolled(F&& f) {
  unrolled(std::make_integer_sequence<int, count>(), f);
}

/// One pass over the pieces of n values from begin to end.
///
/// @tparam factors  whether results have factors, which before the inverse are taken back
template <int r, bool forward, bool factors, typename R, typename Get, typename Put>
void pass(std::int64_t begin, std::int64_t end, std::int64_t n, const R* all_factors, Get get,
          Put put) {
  const std::int64_t m = factors ? n / r : 1;
  for (std::int64_t piece = begin; piece < end; piece += n) {
    const R* w = all_factors;
    for (std::int64_t i = piece; i < piece + m; ++i, w += 2 * (r - 1)) {
      Pair<R> a[r];
      unrolled<r>([&](auto q) FALTUNG_INLINE_LAMBDA {
        a[q] = get(i + q * m);
        if constexpr (factors && !forward && q > 0) {
          a[q] = times_conjugate(a[q], w[2 * q - 2], w[2 * q - 1]);
        }
      });
      transform<r>(a);
      unrolled<r>([&](auto s) FALTUNG_INLINE_LAMBDA {
        Pair<R> value = a[forward ? s : inverse_place<r>(s)];
        if constexpr (factors && forward && s > 0) {
          value = times(value, w[2 * s - 2], w[2 * s - 1]);
        }
        put(i + s * m, value);
      });
    }
  }
}

/// Calls f with a radix as a constant.
template <int min, typename F>
void with_radix(int r, F&& f) {
  switch (r) {
    case 1:
      if constexpr (min == 1) f(std::integral_constant<int, 1>());
      return;
    case 2:
      return f(std::integral_constant<int, 2>());
    case 3:
      return f(std::integral_constant<int, 3>());
    case 4:
      return f(std::integral_constant<int, 4>());
    case 5:
      return f(std::integral_constant<int, 5>());
    default:
      return f(std::integral_constant<int, 8>());
  }
}

/// Pass `level` of a plan, not the last, for pieces of n values.
template <bool forward, typename R, typename Get, typename Put>
void pass(const LinePlan<R>& plan, int level, std::int64_t begin, std::int64_t end, std::int64_t n,
          Get get, Put put) {
  with_radix<2>(plan.radices[level], [&](auto r) {
    pass<r, forward, true>(begin, end, n, plan.factors[level], get, put);
  });
}

template <bool forward, typename R, typename Get, typename Put>
void last_pass(const LinePlan<R>& plan, std::int64_t begin, std::int64_t end, Get get, Put put) {
  with_radix<1>(plan.radices[plan.passes - 1],
                [&](auto r) { pass<r, forward, false, R>(begin, end, r, nullptr, get, put); });
}

/// The last pass, product(i, value), and the first pass of the inverse, in registers.
template <typename R, typename Get, typename Product, typename Put>
void pass_filtered(const LinePlan<R>& plan, std::int64_t begin, std::int64_t end, Get get,
                   Product product, Put put) {
  with_radix<1>(plan.radices[plan.passes - 1], [&](auto r) {
    for (std::int64_t i = begin; i < end; i += r) {
      Pair<R> a[r];
      unrolled<r>([&](auto q) FALTUNG_INLINE_LAMBDA { a[q] = get(i + q); });
      transform<r>(a);
      unrolled<r>([&](auto q) FALTUNG_INLINE_LAMBDA { a[q] = product(i + q, a[q]); });
      transform<r>(a);
      unrolled<r>([&](auto s) FALTUNG_INLINE_LAMBDA { put(i + s, a[inverse_place<r>(s)]); });
    }
  });
}

/// The passes from `level` on, for the pieces of n values from begin to end: down(level, begin,
/// end, n) for each but the last, last(begin, end), and back by up(level, begin, end, n). What fits
/// in a first cache stays there: pieces that do not fit together go through their passes one by
/// one.
template <typename R, typename Down, typename Last, typename Up>
void walk(const LinePlan<R>& plan, int level, std::int64_t begin, std::int64_t end, std::int64_t n,
          const Down& down, const Last& last, const Up& up) {
  constexpr auto cached = static_cast<std::int64_t>(16384 / sizeof(Pair<R>));
  if (end - begin > std::max(cached, n)) {
    for (; begin < end; begin += n) walk(plan, level, begin, begin + n, n, down, last, up);
  } else if (level + 1 == plan.passes) {
    last(begin, end);
  } else {
    down(level, begin, end, n);
    walk(plan, level + 1, begin, end, n / plan.radices[level], down, last, up);
    up(level, begin, end, n);
  }
}

/// The transform, from get(i) by way of `line` to put(i, value), in the order of the plan.
template <typename R, typename Get, typename Put>
void run_forward(const LinePlan<R>& plan, R* line, Get get, Put put) {
  const InPlace<R> in_place{line};
  const bool single = plan.passes == 1;
  walk(
      plan, 0, 0, plan.length, plan.length,
      [&](int level, std::int64_t begin, std::int64_t end, std::int64_t n) {
        if (level == 0) {
          pass<true>(plan, level, begin, end, n, get, in_place);
        } else {
          pass<true>(plan, level, begin, end, n, in_place, in_place);
        }
      },
      [&](std::int64_t begin, std::int64_t end) {
        if (single) {
          last_pass<true>(plan, begin, end, get, put);
        } else {
          last_pass<true>(plan, begin, end, in_place, put);
        }
      },
      [](auto...) {});
}

/// Its inverse, times the length.
template <typename R, typename Get, typename Put>
void run_inverse(const LinePlan<R>& plan, R* line, Get get, Put put) {
  const InPlace<R> in_place{line};
  const bool single = plan.passes == 1;
  walk(
      plan, 0, 0, plan.length, plan.length, [](auto...) {},
      [&](std::int64_t begin, std::int64_t end) {
        if (single) {
          last_pass<false>(plan, begin, end, get, put);
        } else {
          last_pass<false>(plan, begin, end, get, in_place);
        }
      },
      [&](int level, std::int64_t begin, std::int64_t end, std::int64_t n) {
        if (level == 0) {
          pass<false>(plan, level, begin, end, n, in_place, put);
        } else {
          pass<false>(plan, level, begin, end, n, in_place, in_place);
        }
      });
}

/// run_inverse of product(i, value) of every value of run_forward.
template <typename R, typename Get, typename Product, typename Put>
void run_filtered(const LinePlan<R>& plan, R* line, Get get, Product product, Put put) {
  const InPlace<R> in_place{line};
  const bool single = plan.passes == 1;
  walk(
      plan, 0, 0, plan.length, plan.length,
      [&](int level, std::int64_t begin, std::int64_t end, std::int64_t n) {
        if (level == 0) {
          pass<true>(plan, level, begin, end, n, get, in_place);
        } else {
          pass<true>(plan, level, begin, end, n, in_place, in_place);
        }
      },
      [&](std::int64_t begin, std::int64_t end) {
        if (single) {
          pass_filtered(plan, begin, end, get, product, put);
        } else {
          pass_filtered(plan, begin, end, in_place, product, in_place);
        }
      },
      [&](int level, std::int64_t begin, std::int64_t end, std::int64_t n) {
        if (level == 0) {
          pass<false>(plan, level, begin, end, n, in_place, put);
        } else {
          pass<false>(plan, level, begin, end, n, in_place, in_place);
        }
      });
}

}  // namespace faltung::fft::FALTUNG_FFT_SET
