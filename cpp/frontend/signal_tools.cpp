#include <cstring>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {

std::vector<std::int64_t> correlation_lags(std::int64_t n, std::int64_t m, Mode mode) {
  if (n < 1 || m < 1) {
    throw InvalidProblem(message("extents ", n, " and ", m,
                                 " of a correlation must be at least 1; empty operands have no "
                                 "lags"));
  }
  const Window window = mode_window(mode, n, m);
  std::vector<std::int64_t> lags(static_cast<std::size_t>(window.count));
  for (std::size_t i = 0; i < lags.size(); ++i) {
    lags[i] = window.start + static_cast<std::int64_t>(i) - (m - 1);
  }
  return lags;
}

Method choose_method(const ConstTensorView& x, const ConstTensorView& k, Mode mode) {
  const Plan plan = Plan::make(lower_convolve(x, k, {.mode = mode}).problem, x.device);
  return plan.engine().find(".fft") != std::string::npos ? Method::fft : Method::direct;
}

Tensor convolution_matrix(const ConstTensorView& a, std::int64_t n, Mode mode) {
  check_operand(a, "a");
  if (a.shape.size() != 1 || a.shape[0] == 0) {
    throw InvalidProblem(message("a has shape ", a.shape, "; it must have rank 1 and elements"));
  }
  if (n < 1) throw InvalidProblem(message("n is ", n, "; it must be at least 1"));
  const std::int64_t m = a.shape[0];
  Window rows = mode_window(mode, m, n);
  if (mode == Mode::same) rows = {(std::min(m, n) - 1) / 2, std::max(m, n)};  // NumPy's
  // Element (i, j) is a[i - j]: a view of a with n - 1 zeros on both sides.
  const Tensor compact = compact_copy(a, a.dtype);
  Tensor padded = Tensor::zeros(a.dtype, {mode_window(Mode::full, m, n).count + n - 1});
  const auto element = static_cast<std::int64_t>(size_of(a.dtype));
  auto* data = static_cast<std::byte*>(padded.data());
  std::memcpy(data + (n - 1) * element, compact.data(), compact.bytes());
  return compact_copy(
      {data + (rows.start + n - 1) * element, a.dtype, {rows.count, n}, {1, -1}, Device::cpu()},
      a.dtype);
}

}  // namespace faltung::signal
