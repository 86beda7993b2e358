#include <algorithm>

#include <faltung/error.hpp>
#include <faltung/promotion.hpp>
#include "cpp/core/message.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

bool is_convolved(const Form& form, std::size_t axis) {
  return form.convolved.empty() || form.convolved[axis];
}

void check_lengths(const ConstTensorView& x, const ConstTensorView& k, const Form& form) {
  bool x_longer = false, k_longer = false;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    if (!is_convolved(form, i)) continue;
    if (x.shape[i] == 0 || k.shape[i] == 0) {
      throw InvalidProblem(message("x has shape ", x.shape, " and k ", k.shape, ": axis ", i,
                                   " is empty; convolution needs at least one element of each"));
    }
    x_longer |= x.shape[i] > k.shape[i];
    k_longer |= k.shape[i] > x.shape[i];
  }
  if (form.mode == Mode::valid && x_longer && k_longer) {
    throw InvalidProblem(message("mode valid: x has shape ", x.shape, " and k ", k.shape,
                                 "; one must be at least as long as the other along every "
                                 "convolved axis: swap or transpose one, or use mode same"));
  }
}

// Whether k should be the problem's x: the sums then run over the shorter operand. The data beyond
// an operand must be zero for that; and a problem conjugates w only, the wrong operand then, so the
// result must be conjugated, which is done on the CPU.
bool swaps(const ConstTensorView& x, const ConstTensorView& k, const Form& form) {
  if (form.boundary.kind != BoundaryKind::zero && form.mode != Mode::valid) return false;
  const bool complex = is_complex(x.dtype) || is_complex(k.dtype);
  if (form.correlation && complex && x.device.kind != DeviceKind::cpu) return false;
  double x_size = 1, k_size = 1;
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    if (!is_convolved(form, i)) continue;
    x_size *= static_cast<double>(x.shape[i]);
    k_size *= static_cast<double>(k.shape[i]);
  }
  return k_size > x_size;
}

// Along one axis, in the full result of x and k as the caller has them.
Window form_window(const Form& form, std::int64_t n, std::int64_t m) {
  Window window = mode_window(form.mode, n, m);
  if (form.mode != Mode::same) return window;
  if (form.same == Same::first_from_half) window.start = m / 2;
  if (form.same == Same::longest) {
    const std::int64_t shorter = std::min(n, m);
    // NumPy exchanges the operands if m > n, and turns a correlation round again.
    const bool turned = form.correlation && m > n;
    window = {turned ? shorter / 2 : (shorter - 1) / 2, std::max(n, m)};
  }
  return window;
}

}  // namespace

Axis window_axis(const Window& window, std::int64_t input, std::int64_t filter) {
  Axis axis;
  axis.input = input;
  axis.filter = filter;
  axis.pad_lo = filter - 1 - window.start;
  axis.pad_hi = window.count - 1 - (input - filter) - axis.pad_lo;
  return axis;
}

Lowering lower(const ConstTensorView& x, const ConstTensorView& k, const Form& form) {
  check_operands(x, k);
  check_lengths(x, k, form);
  const bool swapped = swaps(x, k, form);
  // A correlation with its operands exchanged is the same one, backwards and conjugated.
  const bool reversed = swapped && form.correlation;
  Call call{.x = swapped ? k : x, .w = swapped ? x : k, .swapped = swapped, .axes = {}};
  for (std::size_t i = 0; i < x.shape.size(); ++i) {
    if (!is_convolved(form, i)) {
      call.axes.emplace_back();
      continue;
    }
    const std::int64_t n = x.shape[i], m = k.shape[i];
    Window window = form_window(form, n, m);
    if (reversed) window.start = (n - 1) + (m - 1) - (window.start + window.count - 1);
    Axis axis = window_axis(window, call.x.shape[i], call.w.shape[i]);
    if (form.mode != Mode::valid) axis.below = axis.above = form.boundary;
    call.axes.emplace_back(axis);
  }
  call.flip = !form.correlation;
  call.conjugate = form.correlation && is_complex(call.w.dtype);
  call.reverse_result = reversed;
  call.conjugate_result = reversed && is_complex(form.sums.output);
  call.sums = form.sums;
  call.into = form.into;
  return assemble(call);
}

namespace {

Lowering lower_nd(const ConstTensorView& x, const ConstTensorView& k,
                  const ConvolveOptions& options, bool correlation, const TensorView* into) {
  Lowering lowering = lower(x, k,
                            {.correlation = correlation,
                             .mode = options.mode,
                             .sums = sums_of(options, numpy_result_type(x.dtype, k.dtype)),
                             .into = into});
  lowering.plan = plan_options(lowering.problem, options.method, options.run);
  return lowering;
}

Tensor run_nd(const ConstTensorView& x, const ConstTensorView& k, const ConvolveOptions& options,
              bool correlation) {
  return run_lowering(lower_nd(x, k, options, correlation, nullptr), x, k, options.run);
}

void run_nd_into(const ConstTensorView& x, const ConstTensorView& k, const TensorView& y,
                 const ConvolveOptions& options, bool correlation) {
  const ConvolveOptions o = with_output_of(y, options);
  run_lowering_into(lower_nd(x, k, o, correlation, &y), x, k, y, o.run);
}

}  // namespace

Tensor convolve(const ConstTensorView& x, const ConstTensorView& k,
                const ConvolveOptions& options) {
  return run_nd(x, k, options, false);
}
void convolve(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
              const ConvolveOptions& options) {
  run_nd_into(x, k, y, options, false);
}
Lowering lower_convolve(const ConstTensorView& x, const ConstTensorView& k,
                        const ConvolveOptions& options) {
  check_for_plan(options.run);
  return lower_nd(x, k, options, false, nullptr);
}

Tensor correlate(const ConstTensorView& x, const ConstTensorView& k,
                 const ConvolveOptions& options) {
  return run_nd(x, k, options, true);
}
void correlate(const ConstTensorView& x, const ConstTensorView& k, const ResultView& y,
               const ConvolveOptions& options) {
  run_nd_into(x, k, y, options, true);
}
Lowering lower_correlate(const ConstTensorView& x, const ConstTensorView& k,
                         const ConvolveOptions& options) {
  check_for_plan(options.run);
  return lower_nd(x, k, options, true, nullptr);
}

}  // namespace faltung::signal
