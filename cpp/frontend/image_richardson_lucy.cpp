#include <algorithm>
#include <cstddef>
#include <memory>

#include <faltung/error.hpp>
#include <faltung/restoration.hpp>
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/frontend/kept_plan.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::image {
namespace {

void check_type(const ConstTensorView& view, std::string_view name) {
  if (view.dtype != f32 && view.dtype != f64) {
    throw InvalidProblem(message(name, " has type ", faltung::name(view.dtype),
                                 "; richardson_lucy takes f32 and f64: convert it"));
  }
}

void check_place(const ConstTensorView& view, std::string_view name) {
  if (view.device.kind != DeviceKind::cpu) {
    throw NoEngine(message(name, " lies on ", view.device,
                           "; richardson_lucy divides and multiplies element by element, which is "
                           "done on the CPU alone: copy it there"));
  }
}

void check(const ConstTensorView& x, const ConstTensorView& psf,
           const RichardsonLucyOptions& options) {
  check_execution(options.run, x.device);
  signal::check_operand(x, "x");
  signal::check_operand(psf, "psf");
  check_place(x, "x");
  check_place(psf, "psf");
  check_type(x, "x");
  check_type(psf, "psf");
  if (x.dtype != psf.dtype) {
    throw InvalidProblem(message("x has type ", faltung::name(x.dtype), " and psf ",
                                 faltung::name(psf.dtype), "; convert one of them"));
  }
  if (x.shape.size() != psf.shape.size() || x.shape.empty() || x.shape.size() > 6) {
    throw InvalidProblem(message("x has rank ", x.shape.size(), " and psf ", psf.shape.size(),
                                 "; both take the same, 1 to 6"));
  }
  if (element_count(psf.shape) == 0) {
    throw InvalidProblem(message("psf has shape ", psf.shape, "; give it at least one element"));
  }
  if (options.iterations < 0) {
    throw InvalidProblem(message("iterations is ", options.iterations, "; it must be at least 0"));
  }
  if (!(options.epsilon >= 0)) {
    throw InvalidProblem(message("epsilon is ", options.epsilon, "; it must be at least 0"));
  }
}

// The middle of an even extent is one before its half. With a row of zeros in front the middle is
// the same from both ends, so that the reversed filter is the adjoint.
Tensor centred(const ConstTensorView& psf, const Execution& run) {
  Shape shape = psf.shape;
  for (std::int64_t& extent : shape) extent += 1 - extent % 2;
  Tensor odd = new_zeros(psf.dtype, shape, psf.device, run);
  TensorView inner = odd.view();
  auto* data = static_cast<std::byte*>(inner.data);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    data += (shape[i] - psf.shape[i]) * inner.strides[i] *
            static_cast<std::int64_t>(size_of(psf.dtype));
  }
  inner.data = data;
  inner.shape = psf.shape;
  copy_elements(psf, inner);
  return odd;
}

// A convolution or correlation in mode `same`, planned once. Its filter is not bound: the spectrum
// of a block of it is soon made, beside those of all blocks of the image.
struct Blur {
  Lowering call;
  std::shared_ptr<const Plan> plan = kept_plan(call.problem, Device::cpu(), call.plan);

  void run(const Tensor& from, const Tensor& psf, Tensor& to, const Workspace& workspace) const {
    call.run(*plan, {}, from.view(), psf.view(), to.view(), workspace);
  }
};

// Elements of three operands of f64, within a core's L2.
constexpr std::int64_t block_elements = 1 << 14;

// f(first, last) for blocks of the elements, of which one takes about a nanosecond: a division, or
// what memory gives three numbers in.
template <typename F>
void for_blocks(std::int64_t count, const F& f) {
  const std::int64_t blocks = (count + block_elements - 1) / block_elements;
  parallel_for(blocks, plan_threads(blocks, 1e-3 * static_cast<double>(count)),
               [&](std::int64_t block, int) {
                 f(block * block_elements, std::min(count, (block + 1) * block_elements));
               });
}

// blurred becomes x / (blurred + 1e-12), by which nothing is divided by 0.
template <typename T>
void divide(const T* x, T* blurred, std::int64_t count, T epsilon) {
  for_blocks(count, [=](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const T below = blurred[i] + static_cast<T>(1e-12);
      blurred[i] = below < epsilon ? T{0} : x[i] / below;
    }
  });
}

template <typename T>
void multiply(T* guess, const T* by, std::int64_t count) {
  for_blocks(count, [=](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) guess[i] *= by[i];
  });
}

template <typename T>
Tensor iterate(const ConstTensorView& x, const ConstTensorView& psf,
               const RichardsonLucyOptions& options) {
  const Execution& run = options.run;
  Tensor guess = new_tensor(x.dtype, x.shape, x.device, run);
  std::ranges::fill(guess.values<T>(), T{0.5});
  const std::int64_t count = guess.size();
  if (count == 0) return guess;
  const Tensor image = new_copy(x, x.dtype, run), odd = centred(psf, run);
  Tensor blurred = new_tensor(x.dtype, x.shape, x.device, run);
  Tensor correction = new_tensor(x.dtype, x.shape, x.device, run);
  signal::ConvolveOptions how{.mode = signal::Mode::same, .method = options.method, .run = run};
  how.run.workspace_limit = workspace_limit(run);
  how.run.stream = {};  // of a run, and not of a plan
  how.run.workspace = {};
  const FloatEnvironment environment(subnormals_of(run));
  const Blur blur{signal::lower_convolve(guess.view(), odd.view(), how)};
  const Blur adjoint{signal::lower_correlate(guess.view(), odd.view(), how)};
  for (std::int64_t i = 0; i < options.iterations; ++i) {
    blur.run(guess, odd, blurred, run.workspace);
    divide(image.values<T>().data(), blurred.values<T>().data(), count,
           static_cast<T>(options.epsilon));
    adjoint.run(blurred, odd, correction, run.workspace);
    multiply(guess.values<T>().data(), correction.values<T>().data(), count);
  }
  if (options.clip) {
    for (T& value : guess.values<T>()) value = std::clamp(value, T{-1}, T{1});
  }
  return guess;
}

}  // namespace

Tensor richardson_lucy(const ConstTensorView& x, const ConstTensorView& psf,
                       const RichardsonLucyOptions& options) {
  check(x, psf, options);
  return x.dtype == f32 ? iterate<float>(x, psf, options) : iterate<double>(x, psf, options);
}

void richardson_lucy(const ConstTensorView& x, const ConstTensorView& psf, const ResultView& y,
                     const RichardsonLucyOptions& options) {
  check(x, psf, options);
  signal::check_result(y, x.shape, x.dtype);
  check_place(y, "y");
  check_apart(y, "y", x, "x");
  check_apart(y, "y", psf, "psf");
  copy_elements(richardson_lucy(x, psf, options), y);
}

}  // namespace faltung::image
