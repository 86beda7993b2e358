#pragma once

#include <optional>
#include <string>

#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/execution.hpp>
#include <faltung/export.hpp>
#include <faltung/method.hpp>
#include <faltung/result_view.hpp>
#include <faltung/signal.hpp>
#include <faltung/tensor.hpp>

/// NumPy's convolve and correlate: operands of rank 1, not empty. `convolve` reads rank 0 as one
/// element, as NumPy does.
///
/// Beside `signal` they differ in one point: mode `same` returns max(N, M) elements, centred on the
/// longer operand. Result type: numpy_result_type, or `output`. Method::automatic may choose FFT
/// where NumPy always sums directly; Method::direct does as NumPy. Both come three times, as those
/// of `signal` do: into a new Tensor, into a view, and lowered.
namespace faltung::numpy {

/// For `convolve`.
struct ConvolveOptions {
  signal::Mode mode = signal::Mode::full;
  std::optional<DType> output = std::nullopt;  ///< nothing: numpy_result_type
  std::optional<DType> accumulator = std::nullopt;
  Rounding rounding = Rounding::truncate;
  Overflow overflow = Overflow::wrap;
  Method method = Method::automatic;
  Execution run = {};
};

/// For `correlate`.
struct CorrelateOptions {
  signal::Mode mode = signal::Mode::valid;
  std::optional<DType> output = std::nullopt;  ///< nothing: numpy_result_type
  std::optional<DType> accumulator = std::nullopt;
  Rounding rounding = Rounding::truncate;
  Overflow overflow = Overflow::wrap;
  Method method = Method::automatic;
  Execution run = {};
};

/// sum over j of  a[j] v[i - j], in one of the modes.
[[nodiscard]] FALTUNG_API Tensor convolve(const ConstTensorView& a, const ConstTensorView& v,
                                          const ConvolveOptions& options = {});
/// The same, into y.
FALTUNG_API void convolve(const ConstTensorView& a, const ConstTensorView& v, const ResultView& y,
                          const ConvolveOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering lower_convolve(const ConstTensorView& a,
                                                  const ConstTensorView& v,
                                                  const ConvolveOptions& options = {});

/// sum over j of  a[i + j] conj(v[j]), in one of the modes.
[[nodiscard]] FALTUNG_API Tensor correlate(const ConstTensorView& a, const ConstTensorView& v,
                                           const CorrelateOptions& options = {});
/// The same, into y.
FALTUNG_API void correlate(const ConstTensorView& a, const ConstTensorView& v, const ResultView& y,
                           const CorrelateOptions& options = {});
/// The same, lowered.
[[nodiscard]] FALTUNG_API Lowering lower_correlate(const ConstTensorView& a,
                                                   const ConstTensorView& v,
                                                   const CorrelateOptions& options = {});

}  // namespace faltung::numpy
