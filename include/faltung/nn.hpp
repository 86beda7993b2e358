#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <faltung/allocator.hpp>
#include <faltung/boundary.hpp>
#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/execution.hpp>
#include <faltung/export.hpp>
#include <faltung/extents.hpp>
#include <faltung/lowering.hpp>
#include <faltung/method.hpp>
#include <faltung/per_axis.hpp>
#include <faltung/problem.hpp>
#include <faltung/result_view.hpp>
#include <faltung/tensor.hpp>

/// Convolutions of neural networks, with the words of PyTorch and ONNX, in 1 to 6 dimensions.
///
/// Shapes, with `spatial` one extent per axis, slowest first (Layout::channels_first; channels_last
/// puts c or k after the spatial axes everywhere):
///
///     x     [n, c, spatial...]           w  [k, c/groups, spatial...]
///     y     [n, k, spatial...]           bias  [k]
///
/// Each operation comes three times, and gives the same bits each time: `conv(x, w, options)`
/// returns a new Tensor on the device of its operands; `conv(x, w, y, options)` writes into a
/// result of the caller, of any strides, whose type is that of the result and to which `beta` may
/// add; `lower_conv(x, w, options)` reads no data and returns what is planned once and run often
/// (lowering.hpp). `conv_problem` makes the same Problem of compact tensors out of their shapes.
/// All of them throw InvalidProblem naming the shape or the option that breaks a rule.
///
/// Problems are of f32 data unless a type says otherwise; two types are those of both operands in
/// the order in which they are run. Operands of two types need `output`, unless both have 8 or 16
/// bits. What `Problem` allows is allowed: u8 or f16 data with f32 weights, say.
namespace faltung::nn {

/// What stands around the input.
enum class AutoPad : std::uint8_t {
  none,        ///< the given numbers
  same_upper,  ///< output = ceil(input / stride); an odd element goes after the last index
  same_lower,  ///< output = ceil(input / stride); an odd element goes before index 0
  causal       ///< all before index 0: output o depends on inputs up to o stride
};

/// Padding in elements, one rule for all axes or numbers per axis and side:
///
///     .padding = 1      .padding = {1, 2}      .padding = Padding::sides({{0, 1}, {1, 1}})
///     .padding = Padding::same_upper()
class Padding {
 public:
  Padding() : Padding(0) {}
  /// The same on both sides of all axes.
  template <detail::AxisInteger T>
  Padding(T both_sides) {
    const auto pad = detail::axis_option<std::int64_t>(both_sides);
    sides_.emplace_back(pad, pad);
  }
  /// The same on both sides, one number per axis.
  Padding(std::initializer_list<detail::AxisNumber<std::int64_t>> per_axis) {
    for (const auto& pad : per_axis) sides_.emplace_back(pad.value, pad.value);
  }
  /// {before index 0, after the last}, one pair for all axes or one per axis; negative crops.
  [[nodiscard]] static Padding sides(std::vector<std::pair<std::int64_t, std::int64_t>> pairs) {
    Padding result;
    result.sides_ = std::move(pairs);
    return result;
  }
  /// ONNX order: all begins, then all ends.
  ///
  /// @throws InvalidProblem if the number of values is odd or zero.
  [[nodiscard]] FALTUNG_API static Padding onnx(const std::vector<std::int64_t>& pads);
  /// None.
  [[nodiscard]] static Padding valid() { return {}; }
  /// AutoPad::same_upper.
  [[nodiscard]] static Padding same_upper() { return Padding(AutoPad::same_upper); }
  /// AutoPad::same_lower.
  [[nodiscard]] static Padding same_lower() { return Padding(AutoPad::same_lower); }
  /// AutoPad::causal.
  [[nodiscard]] static Padding causal() { return Padding(AutoPad::causal); }

  /// The rule; `none` if numbers are given.
  [[nodiscard]] AutoPad rule() const noexcept { return rule_; }
  /// {before index 0, after the last}: one pair for all axes or one per axis.
  [[nodiscard]] const std::vector<std::pair<std::int64_t, std::int64_t>>& numbers() const noexcept {
    return sides_;
  }
  friend bool operator==(const Padding&, const Padding&) = default;

 private:
  explicit Padding(AutoPad rule) : rule_(rule) {}
  AutoPad rule_ = AutoPad::none;
  std::vector<std::pair<std::int64_t, std::int64_t>> sides_;
};

/// For `conv` and its gradients.
struct ConvOptions {
  PerAxis<std::int64_t> stride = 1;               ///< input elements between outputs, >= 1
  PerAxis<std::int64_t> dilation = 1;             ///< input elements between taps, >= 1
  Padding padding = 0;                            ///< elements added around the input
  PerAxis<Boundary> boundary = Boundary::zero();  ///< what the padding holds
  std::int64_t groups = 1;                 ///< of channels; groups = c is a depthwise convolution
  Layout layout = Layout::channels_first;  ///< of all tensors
  bool bias = false;  ///< of problems and lowerings, which take one; `conv` sees whether it has one
  Activation activation = Activation::none();  ///< forward only, applied after the bias
  double alpha = 1;  ///< result = activation(alpha sum + beta result before + bias), whichever
  double beta = 0;   ///< result it is, y or a gradient; a new Tensor has none before, so 0 there
  /// Type of the result. Default: that of the operands; i32 for operands of 8 or 16 bits.
  std::optional<DType> output = std::nullopt;
  std::optional<DType> accumulator = std::nullopt;  ///< default: default_accumulator
  Overflow overflow = Overflow::wrap;               ///< for integer results
  Rounding rounding = Rounding::truncate;           ///< of floating sums to integer results
  Math math = Math::strict;                         ///< how sums may be formed
  // Both that follow say how it is run; the Problem does not hold them.
  Method method = Method::automatic;  ///< direct is PlanOptions::elementwise
  Execution run = {};
};

/// y = activation(correlation of x with w, plus bias). `dtype` is that of x and w.
[[nodiscard]] FALTUNG_API Problem conv_problem(const Shape& x, const Shape& w,
                                               const ConvOptions& options = {},
                                               DType dtype = DType::f32);
/// The same for operands of two types.
[[nodiscard]] FALTUNG_API Problem conv_problem(const Shape& x, const Shape& w,
                                               const ConvOptions& options, DType x_type,
                                               DType w_type);
/// @param bias  [k], or empty for none
[[nodiscard]] FALTUNG_API Tensor conv(const ConstTensorView& x, const ConstTensorView& w,
                                      const ConvOptions& options = {},
                                      const ConstTensorView& bias = {});
/// Computes it, into y; `output` is left out, or y's type.
FALTUNG_API void conv(const ConstTensorView& x, const ConstTensorView& w, const ResultView& y,
                      const ConvOptions& options = {}, const ConstTensorView& bias = {});
/// The same, lowered; with `bias` in the options the run takes one.
[[nodiscard]] FALTUNG_API Lowering lower_conv(const ConstTensorView& x, const ConstTensorView& w,
                                              const ConvOptions& options = {});

/// dx from dy [n, k, spatial...] and w, for the same options as the forward call.
///
/// The activation belongs to whoever made dy: options with one are refused, and `bias` is ignored.
/// Type of the result: options.output, by default that of the operands. With beta = 1 the gradients
/// of several batches add up in the result.
///
/// @param x  shape of dx, which dy and w alone do not determine if stride > 1
[[nodiscard]] FALTUNG_API Problem conv_data_gradient_problem(const Shape& x, const Shape& w,
                                                             const ConvOptions& options = {},
                                                             DType dtype = DType::f32);
/// The same for operands of two types.
[[nodiscard]] FALTUNG_API Problem conv_data_gradient_problem(const Shape& x, const Shape& w,
                                                             const ConvOptions& options,
                                                             DType dy_type, DType w_type);
/// Computes it, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor conv_data_gradient(const ConstTensorView& dy,
                                                    const ConstTensorView& w, const Shape& x,
                                                    const ConvOptions& options = {});
/// Computes it, into dx.
FALTUNG_API void conv_data_gradient(const ConstTensorView& dy, const ConstTensorView& w,
                                    const ResultView& dx, const ConvOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering lower_conv_data_gradient(const ConstTensorView& dy,
                                                            const ConstTensorView& w,
                                                            const Shape& x,
                                                            const ConvOptions& options = {});

/// dw from x and dy, likewise.
///
/// @param w  shape of dw
[[nodiscard]] FALTUNG_API Problem conv_filter_gradient_problem(const Shape& x, const Shape& w,
                                                               const ConvOptions& options = {},
                                                               DType dtype = DType::f32);
/// The same for operands of two types.
[[nodiscard]] FALTUNG_API Problem conv_filter_gradient_problem(const Shape& x, const Shape& w,
                                                               const ConvOptions& options,
                                                               DType x_type, DType dy_type);
/// Computes it, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor conv_filter_gradient(const ConstTensorView& x,
                                                      const ConstTensorView& dy, const Shape& w,
                                                      const ConvOptions& options = {});
/// Computes it, into dw.
FALTUNG_API void conv_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy,
                                      const ResultView& dw, const ConvOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering lower_conv_filter_gradient(const ConstTensorView& x,
                                                              const ConstTensorView& dy,
                                                              const Shape& w,
                                                              const ConvOptions& options = {});

/// The gradient of the bias: dy summed over batch and space, as a filter gradient of one tap whose
/// x is a single 1 seen with strides of 0. The result of the problem has shape [k, 1, 1...].
[[nodiscard]] FALTUNG_API Problem bias_gradient_problem(const Shape& dy,
                                                        const ConvOptions& options = {},
                                                        DType dtype = DType::f32);
/// Returns [k].
[[nodiscard]] FALTUNG_API Tensor bias_gradient(const ConstTensorView& dy,
                                               const ConvOptions& options = {});
/// Computes it, into db [k].
FALTUNG_API void bias_gradient(const ConstTensorView& dy, const ResultView& db,
                               const ConvOptions& options = {});
/// The same, lowered: run it as (dy, db).
[[nodiscard]] FALTUNG_API Lowering lower_bias_gradient(const ConstTensorView& dy,
                                                       const ConvOptions& options = {});

/// For `conv_transpose`.
struct ConvTransposeOptions {
  PerAxis<std::int64_t> stride = 1;    ///< elements of the result between inputs, >= 1
  PerAxis<std::int64_t> dilation = 1;  ///< elements of the result between taps, >= 1
  /// Elements cut from the full result on each side; same_upper and same_lower make the result
  /// stride times the input; causal is refused.
  Padding padding = 0;
  /// Elements added after the last index; less than stride or less than dilation.
  PerAxis<std::int64_t> output_padding = 0;
  /// The spatial extents wanted, one per axis; empty derives them from the padding. If given, the
  /// padding's numbers must be 0 and are derived as in ONNX: what the full result has in excess is
  /// cut half on each side, an odd element at the end for same_upper and in front otherwise; what
  /// it lacks are zeros after the last index.
  std::vector<std::int64_t> output_shape = {};
  std::int64_t groups = 1;                     ///< of channels
  Layout layout = Layout::channels_first;      ///< of all tensors
  bool bias = false;                           ///< as in ConvOptions, and so all that follow
  Activation activation = Activation::none();  ///< forward only, applied after the bias
  double alpha = 1;                            ///< times the sum
  double beta = 0;                             ///< times the result before
  std::optional<DType> output = std::nullopt;
  std::optional<DType> accumulator = std::nullopt;
  Overflow overflow = Overflow::wrap;
  Rounding rounding = Rounding::truncate;
  Math math = Math::strict;  ///< how sums may be formed
  Method method = Method::automatic;
  Execution run = {};
};

/// The transposed convolution: every input element adds its multiple of the filter to the result.
///
///     x  [n, k, spatial...]   w  [k, c/groups, spatial...]   result  [n, c, spatial...]   bias [c]
///     result extent = (N-1) stride + (R-1) dilation + 1 + output_padding - pad_lo - pad_hi
///
/// The transpose of `conv`, not its adjoint: complex filters are not conjugated, as in PyTorch.
/// The Problem is of Pass::backward_data; run it as (x, w, result).
/// Source: ONNX operator ConvTranspose, opset 11; torch.nn.ConvTranspose2d.
[[nodiscard]] FALTUNG_API Problem conv_transpose_problem(const Shape& x, const Shape& w,
                                                         const ConvTransposeOptions& options = {},
                                                         DType dtype = DType::f32);
/// The same for operands of two types.
[[nodiscard]] FALTUNG_API Problem conv_transpose_problem(const Shape& x, const Shape& w,
                                                         const ConvTransposeOptions& options,
                                                         DType x_type, DType w_type);
/// @param bias  [c], or empty for none
[[nodiscard]] FALTUNG_API Tensor conv_transpose(const ConstTensorView& x, const ConstTensorView& w,
                                                const ConvTransposeOptions& options = {},
                                                const ConstTensorView& bias = {});
/// Computes it, into y.
FALTUNG_API void conv_transpose(const ConstTensorView& x, const ConstTensorView& w,
                                const ResultView& y, const ConvTransposeOptions& options = {},
                                const ConstTensorView& bias = {});
/// The same, lowered; with `bias` in the options the run takes one.
[[nodiscard]] FALTUNG_API Lowering lower_conv_transpose(const ConstTensorView& x,
                                                        const ConstTensorView& w,
                                                        const ConvTransposeOptions& options = {});

/// dx of conv_transpose from dy, which has the shape of its result, and w: a forward convolution,
/// with conj(w) if the data are complex. Rules as for conv_data_gradient. Run it as (dy, w, dx).
///
/// @param x  shape of dx
[[nodiscard]] FALTUNG_API Problem conv_transpose_data_gradient_problem(
    const Shape& x, const Shape& w, const ConvTransposeOptions& options = {},
    DType dtype = DType::f32);
/// The same for operands of two types.
[[nodiscard]] FALTUNG_API Problem conv_transpose_data_gradient_problem(
    const Shape& x, const Shape& w, const ConvTransposeOptions& options, DType dy_type,
    DType w_type);
/// Computes it, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor
conv_transpose_data_gradient(const ConstTensorView& dy, const ConstTensorView& w, const Shape& x,
                             const ConvTransposeOptions& options = {});
/// Computes it, into dx.
FALTUNG_API void conv_transpose_data_gradient(const ConstTensorView& dy, const ConstTensorView& w,
                                              const ResultView& dx,
                                              const ConvTransposeOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering
lower_conv_transpose_data_gradient(const ConstTensorView& dy, const ConstTensorView& w,
                                   const Shape& x, const ConvTransposeOptions& options = {});

/// dw of conv_transpose, likewise; with conj(x) if the data are complex. The operands keep the
/// order of the pass, whose x is dy here: run the Problem as (dy, x, dw).
///
/// @param w  shape of dw
[[nodiscard]] FALTUNG_API Problem conv_transpose_filter_gradient_problem(
    const Shape& x, const Shape& w, const ConvTransposeOptions& options = {},
    DType dtype = DType::f32);
/// The same for operands of two types.
[[nodiscard]] FALTUNG_API Problem conv_transpose_filter_gradient_problem(
    const Shape& x, const Shape& w, const ConvTransposeOptions& options, DType dy_type,
    DType x_type);
/// Computes it, into a new Tensor.
[[nodiscard]] FALTUNG_API Tensor
conv_transpose_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy, const Shape& w,
                               const ConvTransposeOptions& options = {});
/// Computes it, into dw.
FALTUNG_API void conv_transpose_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy,
                                                const ResultView& dw,
                                                const ConvTransposeOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering
lower_conv_transpose_filter_gradient(const ConstTensorView& x, const ConstTensorView& dy,
                                     const Shape& w, const ConvTransposeOptions& options = {});

// The gradient of the bias of conv_transpose is bias_gradient of its dy, too.

/// For `conv_integer`.
struct ZeroPoints {
  std::int64_t x = 0;                 ///< the value in x that means 0, in its type
  std::vector<std::int64_t> w = {0};  ///< the same for w: one value, or one per output channel
};

/// Quantised convolution: y = sum of (w - zero.w)(x - zero.x), exact in i32 and wrapping there.
///
/// x and w are i8 or u8, in any combination; padding holds zero.x, so that it means 0. `w` must be
/// on the CPU. Activation and output type are not available. Its sums are a convolution of a filter
/// made of w and the zero points, and a bias: nn_quantised.hpp has the form that is planned once
/// and run often, plan_conv_integer, and results requantised to bytes.
///
/// Source: ONNX operator ConvInteger, opset 10.
[[nodiscard]] FALTUNG_API Tensor conv_integer(const ConstTensorView& x, const ConstTensorView& w,
                                              const ZeroPoints& zero = {},
                                              const ConvOptions& options = {});
/// The same, into y of type i32.
FALTUNG_API void conv_integer(const ConstTensorView& x, const ConstTensorView& w,
                              const ResultView& y, const ZeroPoints& zero = {},
                              const ConvOptions& options = {});

}  // namespace faltung::nn
