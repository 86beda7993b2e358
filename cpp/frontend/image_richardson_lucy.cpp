#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/restoration.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/frontend/kept_plan.hpp"
#include "cpp/frontend/restoration_rules.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::image {
namespace {

void check(const ConstTensorView& x, const ConstTensorView& psf,
           const RichardsonLucyOptions& options) {
  check_restored(x, psf, options.run, "richardson_lucy");
  if (options.iterations < 0) {
    throw InvalidProblem(message("iterations is ", options.iterations, "; it must be at least 0"));
  }
  if (!(options.epsilon >= 0)) {
    throw InvalidProblem(message("epsilon is ", options.epsilon, "; it must be at least 0"));
  }
}

// The middle of an even extent is one before its half. With a row of zeros in front the middle is
// the same from both ends, so that the reversed filter is the adjoint. Where x lies.
Tensor centred(const ConstTensorView& psf, const Device& device, const Execution& run) {
  const Tensor taps = cpu_copy(psf, psf.dtype, run.stream);
  Shape shape = psf.shape;
  for (std::int64_t& extent : shape) extent += 1 - extent % 2;
  Tensor odd = Tensor::zeros(psf.dtype, shape);
  TensorView inner = odd.view();
  auto* data = static_cast<std::byte*>(inner.data);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    data += (shape[i] - psf.shape[i]) * inner.strides[i] *
            static_cast<std::int64_t>(size_of(psf.dtype));
  }
  inner.data = data;
  inner.shape = psf.shape;
  copy_elements(taps, inner);
  return device.kind == DeviceKind::cpu ? std::move(odd) : odd.to(device);
}

// By which nothing is divided by 0.
constexpr double least_blurred = 1e-12;

// A convolution or correlation in mode `same`, planned once. Its filter is not bound: the spectrum
// of a block of it is soon made, beside those of all blocks of the image.
struct Blur {
  Lowering call;
  Device device;
  std::shared_ptr<const Plan> plan = kept_plan(call.problem, device, call.plan);

  // @param bias  one element, where the problem has it
  void run(const Tensor& from, const Tensor& psf, Tensor& to, const Execution& run,
           const ConstTensorView& bias = {}) const {
    call.run(*plan, stream_on(device, run.stream), from.view(), psf.view(), to.view(),
             run.workspace, bias);
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

// blurred becomes x / (blurred + 1e-12).
template <typename T>
void divide(const T* x, T* blurred, std::int64_t count, T epsilon) {
  for_blocks(count, [=](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const T below = blurred[i] + static_cast<T>(least_blurred);
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

// What is done between the blurs, element by element, on the CPU.
template <typename T>
class OnCpu {
 public:
  explicit OnCpu(const Execution& run) : run_(run) {}
  static constexpr bool blur_adds = false;  // least_blurred, of itself
  [[nodiscard]] ConstTensorView bias() const { return {}; }

  [[nodiscard]] Tensor compact(const ConstTensorView& x) const {
    return new_copy(x, x.dtype, run_);
  }
  void fill(Tensor& guess, Tensor&, double value) const {
    std::ranges::fill(guess.values<T>(), static_cast<T>(value));
  }
  void quotients(const Tensor& image, Tensor& blurred, Tensor&, double epsilon) const {
    divide(image.values<T>().data(), blurred.values<T>().data(), blurred.size(),
           static_cast<T>(epsilon));
  }
  void correct(Tensor& guess, const Tensor& by, Tensor&) const {
    multiply(guess.values<T>().data(), by.values<T>().data(), guess.size());
  }

 private:
  const Execution& run_;
};

// The same on a GPU, by the passes that masked convolution has there: loading with weights is a
// product, and a divisor below `min_share` leaves `fill`. What a pass reads it does not write, so
// that results go into the spare tensor, which changes places with the one that they replace.
class OnGpu {
 public:
  OnGpu(const Device& device, DType type, const Execution& run)
      : stream_(stream_on(device, run.stream)),
        run_(run),
        bias_(cpu_copy(Tensor::from<double>({least_blurred}), type).to(device)) {}
  static constexpr bool blur_adds = true;
  [[nodiscard]] ConstTensorView bias() const { return bias_.view(); }

  [[nodiscard]] Tensor compact(const ConstTensorView& x) const {
    Tensor copy = new_tensor(x.dtype, x.shape, x.device, run_);
    passes().load({.x = x, .given = {}, .values = copy.view(), .rule = {.nan = NanRule::spread}},
                  stream_);
    return copy;
  }
  // Divisors of 0 leave the value.
  void fill(Tensor& guess, Tensor& spare, double value) const {
    fill_zeros(spare, run_);
    passes().divide({.sums = spare.view(),
                     .divisors = spare.view(),
                     .y = guess.view(),
                     .rule = {.fill = value}},
                    stream_);
  }
  // NaN in place of NaN, and not `fill`, as what the result owes to the element in its place.
  void quotients(const Tensor& image, Tensor& blurred, Tensor& spare, double epsilon) const {
    passes().divide({.sums = image.view(),
                     .divisors = blurred.view(),
                     .x = blurred.view(),
                     .y = spare.view(),
                     .rule = {.min_share = epsilon, .vanishing = -1},
                     .originals = {.preserves = true}},
                    stream_);
    std::swap(blurred, spare);
  }
  void correct(Tensor& guess, const Tensor& by, Tensor& spare) const {
    passes().load({.x = guess.view(),
                   .given = by.view(),
                   .values = spare.view(),
                   .rule = {.nan = NanRule::spread}},
                  stream_);
    std::swap(guess, spare);
  }

 private:
  static const masked::Passes& passes() { return cuda_backend().masked_passes(); }
  Stream stream_;
  const Execution& run_;
  Tensor bias_;
};

// @param elements  OnCpu or OnGpu
template <typename Elements>
Tensor iterate(const ConstTensorView& x, const ConstTensorView& psf,
               const RichardsonLucyOptions& options, const Elements& elements) {
  const Execution& run = options.run;
  Tensor guess = new_tensor(x.dtype, x.shape, x.device, run);
  if (guess.size() == 0) return guess;
  const Tensor image = elements.compact(x), odd = centred(psf, x.device, run);
  Tensor blurred = new_tensor(x.dtype, x.shape, x.device, run);
  Tensor correction = new_tensor(x.dtype, x.shape, x.device, run);
  elements.fill(guess, blurred, 0.5);
  signal::ConvolveOptions how{.mode = signal::Mode::same, .method = options.method, .run = run};
  how.run.workspace_limit = workspace_limit(run);
  how.run.stream = {};  // of a run, and not of a plan
  how.run.workspace = {};
  const FloatEnvironment environment(subnormals_of(run));
  Lowering forward = signal::lower_convolve(guess.view(), odd.view(), how);
  forward.problem.epilogue.bias = Elements::blur_adds;
  const Blur blur{std::move(forward), x.device};
  const Blur adjoint{signal::lower_correlate(guess.view(), odd.view(), how), x.device};
  for (std::int64_t i = 0; i < options.iterations; ++i) {
    blur.run(guess, odd, blurred, run, elements.bias());
    elements.quotients(image, blurred, correction, options.epsilon);
    adjoint.run(blurred, odd, correction, run);
    elements.correct(guess, correction, blurred);
  }
  if (options.clip) clip(guess, run);
  return guess;
}

}  // namespace

Tensor richardson_lucy(const ConstTensorView& x, const ConstTensorView& psf,
                       const RichardsonLucyOptions& options) {
  check(x, psf, options);
  const Execution& run = options.run;
  if (x.device.kind != DeviceKind::cpu) {
    return iterate(x, psf, options, OnGpu(x.device, x.dtype, run));
  }
  return x.dtype == f32 ? iterate(x, psf, options, OnCpu<float>(run))
                        : iterate(x, psf, options, OnCpu<double>(run));
}

void richardson_lucy(const ConstTensorView& x, const ConstTensorView& psf, const ResultView& y,
                     const RichardsonLucyOptions& options) {
  check(x, psf, options);
  check_restored_into(x, psf, y);
  copy_there(richardson_lucy(x, psf, options), y, options.run);
}

}  // namespace faltung::image
