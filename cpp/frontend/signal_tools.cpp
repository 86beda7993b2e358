#include <algorithm>
#include <cstring>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/memory_guard.hpp"
#include "cpp/core/message.hpp"
#include "cpp/frontend/kept_plan.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {

std::vector<std::int64_t> correlation_lags(std::int64_t n, std::int64_t m, Mode mode) {
  if (n < 1 || m < 1) {
    throw InvalidProblem(message("extents ", n, " and ", m,
                                 " of a correlation must be at least 1; empty operands have no "
                                 "lags"));
  }
  const Window window = mode_window(mode, n, m);
  const auto count = static_cast<std::uint64_t>(window.count);
  auto lags = with_memory(message(count, " lags"), count * sizeof(std::int64_t),
                          [&] { return std::vector<std::int64_t>(count); });
  for (std::size_t i = 0; i < lags.size(); ++i) {
    lags[i] = window.start + static_cast<std::int64_t>(i) - (m - 1);
  }
  return lags;
}

Method choose_method(const ConstTensorView& x, const ConstTensorView& k, Mode mode) {
  const auto plan = kept_plan(lower_convolve(x, k, {.mode = mode}).problem, x.device, {});
  return plan->engine().find(".fft") != std::string::npos ? Method::fft : Method::direct;
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
  std::int64_t elements = 0;
  if (__builtin_mul_overflow(rows.count, n, &elements) ||
      __builtin_mul_overflow(elements, static_cast<std::int64_t>(size_of(a.dtype)), &elements)) {
    throw InvalidProblem(message("n is ", n, " and a has ", m, " elements: a matrix of ",
                                 rows.count, " x ", n,
                                 " takes more than 2^63 - 1 bytes; use a "
                                 "smaller n, or convolve"));
  }
  // Element (i, j) is a[rows.start + i - j], or 0 where a has none.
  const Tensor taps = cpu_copy(a, a.dtype);
  Tensor matrix = Tensor::zeros(a.dtype, {rows.count, n});
  const std::size_t size = size_of(a.dtype);
  const auto* from = static_cast<const std::byte*>(taps.data());
  auto* to = static_cast<std::byte*>(matrix.data());
  for (std::int64_t i = 0; i < rows.count; ++i) {
    const std::int64_t last = rows.start + i;  // the tap in column 0
    for (std::int64_t j = std::max<std::int64_t>(0, last - m + 1); j <= std::min(last, n - 1);
         ++j) {
      std::memcpy(to + static_cast<std::size_t>(i * n + j) * size,
                  from + static_cast<std::size_t>(last - j) * size, size);
    }
  }
  return a.device.kind == DeviceKind::cpu ? std::move(matrix) : matrix.to(a.device);
}

}  // namespace faltung::signal
