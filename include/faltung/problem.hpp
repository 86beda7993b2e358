#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <faltung/boundary.hpp>
#include <faltung/dtype.hpp>
#include <faltung/export.hpp>
#include <faltung/extents.hpp>

namespace faltung {

/// Most spatial axes a Problem may have.
inline constexpr std::size_t max_spatial_rank = 6;

/// Most outer products that Problem::separable may count.
inline constexpr std::int64_t max_separable = 4;

/// Geometry along one spatial axis, all in elements. With input extent N and filter extent R:
///
///     effective filter  R' = (R-1) dilation + 1
///     dilated input     N' = (N-1) input_dilation + 1      (0 if N = 0)
///     output extent     O  = max(0, floor((N' + pad_lo + pad_hi - R') / stride) + 1)
///     y[o] = sum over r of  w[r] X[o stride + r dilation - pad_lo]
///     X    = the dilated input, continued outside [0, N') by `below` and `above`
///
/// Source: Dumoulin & Visin, arXiv:1603.07285; XLA's ConvGeneralDilated.
struct Axis {
  std::int64_t input = 1;           ///< N >= 0
  std::int64_t filter = 1;          ///< R >= 1
  std::int64_t stride = 1;          ///< input elements between neighbouring outputs, >= 1
  std::int64_t dilation = 1;        ///< input elements between neighbouring filter taps, >= 1
  std::int64_t input_dilation = 1;  ///< 1 + the zeros put between neighbouring inputs, >= 1
  std::int64_t pad_lo = 0;          ///< elements added before index 0; negative crops
  std::int64_t pad_hi = 0;          ///< elements added after the last index; negative crops
  Boundary below = {};              ///< what stands before index 0
  Boundary above = {};              ///< what stands after the last index

  /// R' of the formula above, as are N' and O below. The problem must be valid.
  [[nodiscard]] constexpr std::int64_t effective_filter() const noexcept {
    return (filter - 1) * dilation + 1;
  }
  /// N'.
  [[nodiscard]] constexpr std::int64_t dilated_input() const noexcept {
    return input == 0 ? 0 : (input - 1) * input_dilation + 1;
  }
  /// O.
  [[nodiscard]] constexpr std::int64_t output() const noexcept {
    const std::int64_t room = dilated_input() + pad_lo + pad_hi - effective_filter();
    return room < 0 ? 0 : room / stride + 1;
  }

  friend constexpr bool operator==(const Axis&, const Axis&) noexcept = default;
};

/// Which of the three linear maps of one convolution to compute.
///
///     forward          x, w  -> y
///     backward_data    dy, w -> dx    adjoint of x -> y; also called transposed convolution
///     backward_filter  x, dy -> dw    adjoint of w -> y
///
/// On complex data the adjoint conjugates: <Ax, y> = <x, A* y>. Constant boundary values are part
/// of X: they count in backward_filter and drop out of backward_data.
enum class Pass : std::uint8_t { forward, backward_data, backward_filter };

/// Order of the axes of x, w and y, slowest first. The shape of every view follows it.
///
///     channels_first  x [n, c, spatial...]  w [k, c/g, spatial...]  y [n, k, spatial...]
///     channels_last   x [n, spatial..., c]  w [k, spatial..., c/g]  y [n, spatial..., k]
enum class Layout : std::uint8_t { channels_first, channels_last };

/// How sums may be formed.
enum class Math : std::uint8_t {
  strict,       ///< as good as direct summation in the accumulator type
  fast,         ///< TF32 and reduced accumulation are allowed
  reproducible  ///< in one order, by fused products: the same bits wherever it runs, see
                ///< PlanOptions::reproducible
};

/// What becomes of a number that an integer result cannot hold.
enum class Overflow : std::uint8_t {
  wrap,     ///< modulo 2^bits
  saturate  ///< clamp to the type's range
};

/// How a floating sum becomes an integer.
enum class Rounding : std::uint8_t {
  truncate,     ///< towards zero, as a C cast
  nearest_even  ///< to nearest, halves to even
};

/// The functions that an Activation may be, of a value v.
enum class ActivationKind : std::uint8_t {
  none,        ///< v
  relu,        ///< max(0, v)
  leaky_relu,  ///< v, or a v below 0
  gelu,        ///< v times the normal distribution's share below v, by erf
  silu,        ///< v / (1 + exp(-v))
  clamp        ///< v, but not below a nor above b
};

/// Applied elementwise as the last step. Complex results allow only `none`.
struct Activation {
  ActivationKind kind = ActivationKind::none;  ///< which function
  double a = 0;  ///< leaky_relu: slope below zero; clamp: lower bound; otherwise 0
  double b = 0;  ///< clamp: upper bound; otherwise 0

  /// The sum as it is.
  static constexpr Activation none() noexcept { return {}; }
  /// 0 below zero.
  static constexpr Activation relu() noexcept { return {ActivationKind::relu, 0, 0}; }
  /// `slope` times the sum below zero.
  static constexpr Activation leaky_relu(double slope) noexcept {
    return {ActivationKind::leaky_relu, slope, 0};
  }
  /// By erf, not by its approximation with tanh.
  static constexpr Activation gelu() noexcept { return {ActivationKind::gelu, 0, 0}; }
  /// Also called swish.
  static constexpr Activation silu() noexcept { return {ActivationKind::silu, 0, 0}; }
  /// Between `low` and `high`; relu6 is clamp(0, 6).
  static constexpr Activation clamp(double low, double high) noexcept {
    return {ActivationKind::clamp, low, high};
  }
  friend constexpr bool operator==(const Activation&, const Activation&) noexcept = default;
};

/// result = activation(alpha * sum + beta * result before + bias[channel of the result])
///
/// Scales are finite. With an integer accumulator alpha is 1, beta 0 or 1, the activation none,
/// relu or a clamp between integers, and the whole expression is exact: only the store wraps or
/// saturates.
struct Epilogue {
  double alpha = 1;  ///< times the sum
  /// 0 means that the result's memory is never read; integer sums take 1 only into integers.
  double beta = 0;
  bool bias = false;           ///< one value per result channel; type: Problem::bias_dtype()
  Activation activation = {};  ///< applied last
  friend constexpr bool operator==(const Epilogue&, const Epilogue&) noexcept = default;
};

/// The accumulator a problem gets when none is named. The same for all three passes:
///
///     all integers, input and filter of at most 16 bits, output of at most 32    i32
///     all integers otherwise                                                     i64
///     any f64, c128, or integer of more than 16 bits beside another kind         f64, or c128
///     everything else                                                            f32, or c64
///
/// and the complex one of the two if any of the three is complex. So f16 sums in f32, u8:f32:u8 in
/// f32, i32:f32:i32 in f64, c64 with f64 in c128.
[[nodiscard]] FALTUNG_API DType default_accumulator(DType input, DType filter,
                                                    DType output) noexcept;

/// What to compute: a batched, grouped convolution, independent of device and algorithm.
///
///     y[b,k,o] = sum over c in the group of k, and r:  w[k,c,r] X[b,c, o stride + r dilation - lo]
///
/// Correlation is the primitive; `flip` reverses w along every spatial axis, which makes it a
/// convolution. A plain value: compare it, hash it, print it, parse it.
struct Problem {
  Pass pass = Pass::forward;      ///< which of the three maps
  std::int64_t batch = 1;         ///< n >= 0
  std::int64_t in_channels = 1;   ///< c >= 0, over all groups
  std::int64_t out_channels = 1;  ///< k >= 0, over all groups
  std::int64_t groups = 1;        ///< g >= 1, divides both
  std::vector<Axis> axes = {};    ///< one to six, slowest first

  DType input = DType::f32;        ///< of x and dx
  DType filter = DType::f32;       ///< of w and dw
  DType output = DType::f32;       ///< of y and dy
  DType accumulator = DType::f32;  ///< in which sums are formed

  Layout layout = Layout::channels_first;  ///< of all three tensors
  Strides x_strides = {};                  ///< in elements, in layout order; empty = compact
  Strides w_strides = {};                  ///< likewise
  Strides y_strides = {};                  ///< likewise

  bool flip = false;       ///< reverse w along every spatial axis
  bool conjugate = false;  ///< use conj(w); no effect on real data
  /// A promise: every filter is the sum of this many outer products, each of one line of taps per
  /// axis, but for rounding. 1: an outer product. 0: no promise. At most max_separable.
  std::int64_t separable = 0;
  Math math = Math::strict;                ///< how sums may be formed
  Overflow overflow = Overflow::wrap;      ///< for integer results
  Rounding rounding = Rounding::truncate;  ///< from a floating accumulator to an integer result
  Epilogue epilogue = {};                  ///< what is done to a sum before it is stored

  /// Number of spatial axes.
  [[nodiscard]] std::size_t rank() const noexcept { return axes.size(); }

  /// Shape of x (and dx), in layout order.
  [[nodiscard]] FALTUNG_API Shape x_shape() const;
  /// Shape of w (and dw), in layout order.
  [[nodiscard]] FALTUNG_API Shape w_shape() const;
  /// Shape of y (and dy), in layout order.
  [[nodiscard]] FALTUNG_API Shape y_shape() const;

  /// Type of the tensor that the pass writes.
  [[nodiscard]] DType result_dtype() const noexcept {
    return pass == Pass::forward ? output : pass == Pass::backward_data ? input : filter;
  }
  /// Shape of the tensor that the pass writes.
  [[nodiscard]] FALTUNG_API Shape result_shape() const;
  /// Channels of the result, which is also the number of bias values: k, c, or k for the passes
  /// in order (backward_filter takes no bias).
  [[nodiscard]] std::int64_t result_channels() const noexcept {
    return pass == Pass::backward_data ? in_channels : out_channels;
  }
  /// The accumulator for integer sums, else the type of the result, or of the accumulator if the
  /// result is an integer.
  [[nodiscard]] FALTUNG_API DType bias_dtype() const noexcept;

  /// Products summed over all outputs, the same for all three passes.
  [[nodiscard]] FALTUNG_API double multiply_adds() const;
  /// Bytes of x, w and y, each counted once.
  [[nodiscard]] FALTUNG_API double bytes() const;

  /// Checks every rule of this header, and these:
  ///
  ///   sizes         tensors and stride spans hold less than 2^63 bytes, empty extents counted as
  ///                 one; R', N' and the pads of an axis add up to at most 2^61
  ///   strides       one for each axis of the tensor; those of the result never let two elements
  ///                 share an address: sorted by size, each steps over all that the smaller ones
  ///                 reach. Operands may overlap and repeat
  ///   accumulator   f32, f64, c64, c128, i32 or i64. It holds every value of both operands, except
  ///                 that f64 and c128 also serve 64-bit integers beside a floating operand, as in
  ///                 NumPy
  ///   complex       a complex operand needs a complex result; result and accumulator are both
  ///                 complex or both real
  ///   integer sums  need two integer operands. Either the result is an integer that wraps, is no
  ///                 wider than the accumulator and has no activation (then sums are right modulo
  ///                 2^bits), or products per sum times the largest |operands| fit
  ///
  /// @throws InvalidProblem naming the field, its value, the rule and the way out.
  FALTUNG_API void validate() const;

  /// Reads the notation of `docs/notation.md`: "op=fwd dtype=f32 n=2 c=3 in=9x9 k=4 f=3x3 pad=1".
  /// Understands the sugar op=signal, op=filter and op=long, passes over a "# comment" at the end,
  /// and validates.
  ///
  /// @throws InvalidProblem naming the word, its column and the rule.
  [[nodiscard]] FALTUNG_API static Problem parse(std::string_view text);

  friend bool operator==(const Problem&, const Problem&) = default;
};

/// The canonical notation, one line; `Problem::parse` reads it back to an equal Problem (if the
/// problem is valid and no number in it is NaN, which equals nothing).
[[nodiscard]] FALTUNG_API std::string to_string(const Problem& problem);
FALTUNG_API std::ostream& operator<<(std::ostream& os, const Problem& problem);

}  // namespace faltung

/// @cond  Doxygen takes no specialisation of a name that is not ours.
template <>
struct std::hash<faltung::Problem> {
  FALTUNG_API std::size_t operator()(const faltung::Problem& problem) const noexcept;
};
/// @endcond
