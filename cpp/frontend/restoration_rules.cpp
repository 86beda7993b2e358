#include "cpp/frontend/restoration_rules.hpp"

#include <algorithm>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/signal.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/kept_plan.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::image {
namespace {

void check_type(const ConstTensorView& view, std::string_view name, std::string_view function) {
  if (view.dtype != f32 && view.dtype != f64) {
    throw InvalidProblem(message(name, " has type ", faltung::name(view.dtype), "; ", function,
                                 " takes f32 and f64: convert it"));
  }
}

template <typename T>
void clip_here(Tensor& image) {
  for (T& value : image.values<T>()) value = std::clamp(value, T{-1}, T{1});
}

}  // namespace

void check_restored(const ConstTensorView& x, const ConstTensorView& psf, const Execution& run,
                    std::string_view function) {
  check_execution(run, x.device);
  signal::check_operand(x, "x");
  signal::check_operand(psf, "psf");
  if (psf.device.kind != DeviceKind::cpu && psf.device != x.device) {
    throw InvalidProblem(message("psf lies on ", psf.device, " and x on ", x.device,
                                 "; copy psf there, or to the CPU"));
  }
  check_type(x, "x", function);
  check_type(psf, "psf", function);
  if (x.dtype != psf.dtype) {
    throw InvalidProblem(message("x has type ", name(x.dtype), " and psf ", name(psf.dtype),
                                 "; convert one of them"));
  }
  if (x.shape.size() != psf.shape.size() || x.shape.empty() || x.shape.size() > 6) {
    throw InvalidProblem(message("x has rank ", x.shape.size(), " and psf ", psf.shape.size(),
                                 "; both take the same, 1 to 6"));
  }
  if (element_count(psf.shape) == 0) {
    throw InvalidProblem(message("psf has shape ", psf.shape, "; give it at least one element"));
  }
}

void check_restored_into(const ConstTensorView& x, const ConstTensorView& psf,
                         const ResultView& y) {
  signal::check_result(y, x.shape, x.dtype);
  const TensorView& view = y;
  if (view.device != x.device) {
    throw InvalidProblem(message("y lies on ", view.device, " and x on ", x.device,
                                 "; results are written where x lies: pass memory there"));
  }
  check_apart(y, "y", x, "x");
  check_apart(y, "y", psf, "psf");
}

// On a GPU by a filter of one tap, which has an epilogue.
void clip(Tensor& image, const Execution& run) {
  if (image.size() == 0) return;
  const Device device = image.device();
  if (device.kind == DeviceKind::cpu) {
    return image.dtype() == f32 ? clip_here<float>(image) : clip_here<double>(image);
  }
  const Shape ones = Shape::filled(image.shape().size(), 1);
  const Tensor tap = cpu_copy(Tensor::from<double>({1}, ones), image.dtype()).to(device);
  Lowering call = signal::lower_convolve(image.view(), tap.view(), {});
  call.problem.epilogue.activation = Activation::clamp(-1, 1);
  const auto plan = kept_plan(call.problem, device, {});
  Tensor clipped = new_tensor(image.dtype(), image.shape(), device, run);
  call.run(*plan, stream_on(device, run.stream), image.view(), tap.view(), clipped.view());
  image = std::move(clipped);
}

void copy_there(const Tensor& from, const TensorView& to, const Execution& run) {
  if (from.size() == 0) return;
  if (from.device().kind == DeviceKind::cpu) return copy_elements(from, to);
  cuda_backend().masked_passes().divide({.sums = from.view(), .y = to},
                                        stream_on(from.device(), run.stream));
}

}  // namespace faltung::image
