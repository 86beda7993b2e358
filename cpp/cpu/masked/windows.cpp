// Compiled for several instruction sets (simd.cmake): nothing here may be a function that other
// files share.

#include "cpp/cpu/masked/windows.hpp"

#include <cstring>
#include <type_traits>

#include "cpp/cpu/fft/registers.hpp"
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace faltung::masked::FALTUNG_FFT_SET {
namespace {

using fft::FALTUNG_FFT_SET::lanes;
using fft::FALTUNG_FFT_SET::load;
using fft::FALTUNG_FFT_SET::Register;
using fft::FALTUNG_FFT_SET::store;

// Registers of sums side by side: as many as there is room for, beside their divisors.
constexpr int most_across = FALTUNG_REGISTER_BYTES >= 64 ? 4 : 2;

// What is there of a register of data, and its values with 0 for what is missing.
#if defined(__AVX512F__)
template <typename T>
using There = std::conditional_t<sizeof(T) == 4, __mmask16, __mmask8>;

FALTUNG_INLINE __mmask16 there(Register<float> x) {
  return _mm512_cmp_ps_mask(__m512(x), __m512(x), _CMP_ORD_Q);
}
FALTUNG_INLINE __mmask8 there(Register<double> x) {
  return _mm512_cmp_pd_mask(__m512d(x), __m512d(x), _CMP_ORD_Q);
}
FALTUNG_INLINE Register<float> kept(Register<float> x, __mmask16 m) {
  return Register<float>(_mm512_maskz_mov_ps(m, __m512(x)));
}
FALTUNG_INLINE Register<double> kept(Register<double> x, __mmask8 m) {
  return Register<double>(_mm512_maskz_mov_pd(m, __m512d(x)));
}
FALTUNG_INLINE void add_there(Register<float>& sum, float tap, __mmask16 m) {
  sum = Register<float>(_mm512_mask_add_ps(__m512(sum), m, __m512(sum), _mm512_set1_ps(tap)));
}
FALTUNG_INLINE void add_there(Register<double>& sum, double tap, __mmask8 m) {
  sum = Register<double>(_mm512_mask_add_pd(__m512d(sum), m, __m512d(sum), _mm512_set1_pd(tap)));
}
#else
// 1 or 0: products take fewer instructions than selecting taps for every sum.
template <typename T>
using There = Register<T>;

template <typename V>
FALTUNG_INLINE V there(V x) {
  using Bits = decltype(x == x);
  return V(Bits(V{} + 1) & (x == x));
}
template <typename V>
FALTUNG_INLINE V kept(V x, V) {
  using Bits = decltype(x == x);
  return V(Bits(x) & (x == x));
}
template <typename V, typename T>
FALTUNG_INLINE void add_there(V& sum, T tap, V m) {
  sum += m * tap;
}
#endif

/// What is asked of a run.
enum class Ask { quotients, counted_quotients, sums };

// One register of results; the same selects as in divide (rows.cpp).
template <typename T, Ask ask>
FALTUNG_INLINE Register<T> result_of(Register<T> sum, Register<T> weight, const Quotient<T>& q) {
  if constexpr (ask == Ask::sums) {
    return q.gain == q.sum ? sum : sum / q.sum * q.gain;
  } else {
    const Register<T> divisor = weight * q.tap, quotient = sum / divisor * q.gain;
    const Register<T> magnitude = divisor < 0 ? -divisor : divisor;
    const auto light = ~(magnitude > q.vanishing) | (divisor * q.sign < q.least);
    const Register<T> fill = Register<T>{} + q.fill;
    if constexpr (ask == Ask::quotients) return light ? fill : quotient;
    return (light | (weight < q.fewest)) ? fill : quotient;
  }
}

// Stores the lanes that are below `count`.
template <typename T>
FALTUNG_INLINE void store_some(Register<T> value, std::int64_t count, T* to) {
  if (count >= lanes<T>) return store<T>(value, to);
  T all[lanes<T>];
  store<T>(value, all);
  if (count > 0) std::memcpy(to, all, static_cast<std::size_t>(count) * sizeof(T));
}

// The sums of `rows` rows of outputs, so many registers of each, and what they are made of.
template <typename T, int rows, int across, bool counts>
struct Sums {
  Register<T> sum[rows][across] = {};
  Register<T> divisor[rows][across] = {};

  // Adds the products of one row of data with some taps: `taps` of the rows of outputs from `first`
  // on, each one row of taps behind the one before it.
  template <int first, int last>
  FALTUNG_INLINE void add(const T* data, const T* taps, std::int64_t taps_step,
                          std::int64_t count) {
    for (std::int64_t s = 0; s < count; ++s) {
      Register<T> x[across];
      There<T> m[across];
      for (int v = 0; v < across; ++v) {
        x[v] = load(data + s + v * lanes<T>);
        if constexpr (counts) {
          m[v] = there(x[v]);
          x[v] = kept(x[v], m[v]);
        }
      }
      for (int r = first; r <= last; ++r) {
        const T tap = taps[s - (r - first) * taps_step];
        for (int v = 0; v < across; ++v) {
          sum[r][v] += x[v] * tap;
          if constexpr (counts) add_there(divisor[r][v], tap, m[v]);
        }
      }
    }
  }

  // Those of row r, of which `count` are wanted, as results from column c on of a row.
  template <Ask ask>
  FALTUNG_INLINE void finish(int r, const WindowRows<T>& at, int row, std::int64_t c,
                             const Quotient<T>& q) const {
    for (int v = 0; v < across; ++v) {
      const std::int64_t to = c + v * lanes<T>, count = at.columns - to;
      store_some<T>(result_of<T, ask>(sum[r][v], divisor[r][v], q), count, at.results[row] + to);
      if (ask != Ask::sums && at.divisors[row] != nullptr) {
        store_some<T>(divisor[r][v], count, at.divisors[row] + to);
      }
    }
  }

  FALTUNG_INLINE void add(const Sums& other) {
    for (int r = 0; r < rows; ++r) {
      for (int v = 0; v < across; ++v) {
        sum[r][v] += other.sum[r][v];
        if constexpr (counts) divisor[r][v] += other.divisor[r][v];
      }
    }
  }
};

// A part of the taps: rows of so many columns, of which the last has no more than `last`.
struct Block {
  std::int64_t rows, columns, last;
};

template <typename T, int rows, int across, bool counts>
FALTUNG_INLINE Sums<T, rows, across, counts> sums_of(const T* taps, std::int64_t taps_step,
                                                     const Block& b, const T* data,
                                                     std::int64_t step) {
  constexpr int end = rows - 1;
  Sums<T, rows, across, counts> sums;
  const std::int64_t first = b.rows == 1 ? b.last : b.columns;
  sums.template add<0, 0>(data, taps, taps_step, first);
  for (std::int64_t r = 1; r < b.rows; ++r) {
    data += step;
    taps += taps_step;
    const std::int64_t both = r + 1 == b.rows ? b.last : b.columns;
    sums.template add<0, end>(data, taps, taps_step, both);
    if constexpr (rows == 2) {
      sums.template add<1, 1>(data + both, taps - taps_step + both, taps_step, b.columns - both);
    }
  }
  if constexpr (rows == 2) sums.template add<1, 1>(data + step, taps, taps_step, b.last);
  return sums;
}

FALTUNG_INLINE std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// Rows of outputs that stand below each other.
template <typename T, int rows, int across, Ask ask>
void run_rows(const WindowTaps<T>& w, const WindowRows<T>& at, const Quotient<T>& q) {
  constexpr bool counts = ask != Ask::sums;
  for (std::int64_t c = 0; c < at.columns; c += across * lanes<T>) {
    Sums<T, rows, across, counts> total;
    if (w.block_rows == w.rows && w.block_columns == w.columns) {
      const Block all{w.rows, w.columns, w.columns};
      total = sums_of<T, rows, across, counts>(w.values, w.columns, all, at.data + c, at.step);
      for (int r = 0; r < rows; ++r) total.template finish<ask>(r, at, r, c, q);
      continue;
    }
    for (std::int64_t r = 0; r < w.rows; r += w.block_rows) {
      for (std::int64_t s = 0; s < w.columns; s += w.block_columns) {
        const std::int64_t columns = least(w.block_columns, w.columns - s);
        const Block block{least(w.block_rows, w.rows - r), columns, columns};
        total.add(sums_of<T, rows, across, counts>(w.values + r * w.columns + s, w.columns, block,
                                                   at.data + r * at.step + c + s, at.step));
      }
    }
    for (int r = 0; r < rows; ++r) total.template finish<ask>(r, at, r, c, q);
  }
}

// One row of outputs, which a single row of taps makes: pieces of the line take the place of rows,
// so that what is loaded serves two of them.
template <typename T, int across, Ask ask>
void run_line(const WindowTaps<T>& w, const WindowRows<T>& at, const Quotient<T>& q) {
  constexpr bool counts = ask != Ask::sums;
  constexpr std::int64_t piece = across * lanes<T>;
  const std::int64_t block_pieces = w.block_columns < piece ? 1 : w.block_columns / piece;
  for (std::int64_t c = 0; c < at.columns; c += 2 * piece) {
    Sums<T, 2, across, counts> total;
    for (std::int64_t s = 0; s < w.columns; s += block_pieces * piece) {
      const std::int64_t columns = least(block_pieces * piece, w.columns - s);
      const std::int64_t pieces = (columns + piece - 1) / piece;
      const Block block{pieces, piece, columns - (pieces - 1) * piece};
      total.add(sums_of<T, 2, across, counts>(w.values + s, piece, block, at.data + c + s, piece));
    }
    for (int r = 0; r < 2; ++r) total.template finish<ask>(r, at, 0, c + r * piece, q);
  }
}

template <typename T, Ask ask>
void run(const WindowTaps<T>& taps, const WindowRows<T>& rows, const Quotient<T>& given) {
  const Quotient<T> q = given;  // which results cannot be part of
  // Of few taps divisions take long, and go on beside the next sums if these begin soon.
  constexpr std::int64_t few = 32;
  if (rows.rows == 2 && taps.rows * taps.columns <= few) {
    return run_rows<T, 2, 2, ask>(taps, rows, q);
  }
  if (rows.rows == 2) return run_rows<T, 2, most_across, ask>(taps, rows, q);
  if (taps.rows > 1 || taps.columns < 4 * lanes<T>) {
    return run_rows<T, 1, most_across, ask>(taps, rows, q);
  }
  if (taps.columns < 4 * most_across * lanes<T>) return run_line<T, 2, ask>(taps, rows, q);
  run_line<T, most_across, ask>(taps, rows, q);
}

template <typename T>
bool copy(const T* from, std::int64_t n, T* to) {
  using Flag = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  Flag nan = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const T value = from[i];
    nan |= static_cast<Flag>(value != value);
    to[i] = value;
  }
  return nan != 0;
}

}  // namespace

template <typename T>
WindowKernels<T> make_windows() {
  static_assert(2 * most_across * lanes<T> <= window_slack);
  return {run<T, Ask::quotients>, run<T, Ask::counted_quotients>, run<T, Ask::sums>, copy<T>};
}

template WindowKernels<float> make_windows();
template WindowKernels<double> make_windows();

}  // namespace faltung::masked::FALTUNG_FFT_SET
