#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <faltung/allocator.hpp>
#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/export.hpp>
#include <faltung/nn.hpp>
#include <faltung/plan.hpp>
#include <faltung/result_view.hpp>
#include <faltung/tensor.hpp>

/// Convolutions of bytes that stand for real numbers, real = scale (byte - zero point), planned
/// once and run often.
///
///     x  [n, c, spatial...] i8 or u8      w  [k, c/groups, spatial...] i8 or u8, on the CPU
///     y  [n, k, spatial...]               all in options.layout
///
/// Padding holds the zero point of x, so that it means 0. Sums are exact in i32 and wrap there.
/// Options as in ConvOptions, without activation, output, boundary and, for results of bytes,
/// alpha, beta and overflow. The option `bias` is not needed, and true only where one is passed;
/// stream and workspace of a plan are given to its runs, and not in `run`.
namespace faltung::nn {

/// What the bytes of a QLinearConv mean.
struct Quantisation {
  double x_scale = 1;                      ///< all scales are finite and greater than 0
  std::int64_t x_zero = 0;                 ///< the byte of x that means 0
  std::vector<double> w_scale = {1};       ///< one value, or one per output channel
  std::vector<std::int64_t> w_zero = {0};  ///< likewise
  double y_scale = 1;                      ///< of the result
  std::int64_t y_zero = 0;                 ///< the byte of the result that means 0
  DType y = DType::u8;                     ///< type of the result, i8 or u8
};

/// A layer with its filter, bias and zero points, ready to run. Made by the functions below.
///
/// Like a Plan it is safe from many threads at once when results and workspaces differ, and with a
/// workspace from the caller allocates nothing. Copies share what they hold.
class FALTUNG_API QuantisedPlan {
 public:
  /// x is compact; so is y of i32, while y of bytes may have any strides. Without a stream: the
  /// default one of the device.
  ///
  /// @param workspace  at least workspace_bytes(), aligned to 256; if empty, it is taken from the
  ///                   allocator of the options
  /// @throws InvalidProblem if a view's type, shape, strides or device is not that of the layer, or
  ///         memory overlaps; DeviceError if memory runs out.
  void run(const ConstTensorView& x, const TensorView& y, const Stream& stream = {},
           const Workspace& workspace = {}) const;

  /// Scratch memory that a run needs, in bytes.
  [[nodiscard]] std::size_t workspace_bytes() const noexcept;
  /// Shape of x, in the layout of the options.
  [[nodiscard]] Shape x_shape() const;
  /// Shape of y, in the layout of the options.
  [[nodiscard]] Shape y_shape() const;
  /// Type of the result.
  [[nodiscard]] DType y_dtype() const noexcept;
  /// The plan of the sums: its engine, problem and explanation.
  [[nodiscard]] const Plan& sums() const noexcept;

  /// The same layer for another batch, by the same engine, with the same filter.
  [[nodiscard]] QuantisedPlan with_batch(std::int64_t batch) const;

  struct State;  ///< internal
  explicit QuantisedPlan(std::shared_ptr<const State> state);

 private:
  std::shared_ptr<const State> state_;
};

/// The planned form of conv_integer: y = sum of (w - zero.w)(x - zero.x), i32.
///
/// @param x  shape of x, whose type is `x_type`
/// @throws InvalidProblem naming what breaks a rule, NoEngine if no engine can do it.
/// Source: ONNX operator ConvInteger, opset 10.
[[nodiscard]] FALTUNG_API QuantisedPlan plan_conv_integer(const Shape& x, DType x_type,
                                                          const ConstTensorView& w,
                                                          const ZeroPoints& zero = {},
                                                          const ConvOptions& options = {},
                                                          const Device& device = Device::cpu());

/// With s = sum of (w - w_zero)(x - x_zero) + bias, exact in i32 and wrapping there:
///
///     y = saturate(round(s x_scale w_scale / y_scale) + y_zero)
///
/// The factor and its product with s are formed in f64, and halves round to even before the zero
/// point is added, as QuantizeLinear says. The sums are a problem of their own and a second pass
/// over them makes the bytes: the epilogue of a Problem is exact for integer sums and has no scale
/// per channel. The second pass runs on the CPU only.
///
/// @param bias  [k] of i32, of scale x_scale w_scale, on the CPU; empty for none
/// @throws InvalidProblem, or NoEngine on another device than the CPU.
/// Source: ONNX operators QLinearConv, opset 10, and QuantizeLinear.
[[nodiscard]] FALTUNG_API QuantisedPlan plan_qlinear_conv(const Shape& x, DType x_type,
                                                          const ConstTensorView& w,
                                                          const Quantisation& quantisation,
                                                          const ConstTensorView& bias = {},
                                                          const ConvOptions& options = {},
                                                          const Device& device = Device::cpu());

/// The same in one call; x may have any strides.
[[nodiscard]] FALTUNG_API Tensor qlinear_conv(const ConstTensorView& x, const ConstTensorView& w,
                                              const Quantisation& quantisation,
                                              const ConstTensorView& bias = {},
                                              const ConvOptions& options = {});
/// The same, into y of any strides and of type quantisation.y.
FALTUNG_API void qlinear_conv(const ConstTensorView& x, const ConstTensorView& w,
                              const ResultView& y, const Quantisation& quantisation,
                              const ConstTensorView& bias = {}, const ConvOptions& options = {});

}  // namespace faltung::nn
