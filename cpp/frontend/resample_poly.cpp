#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/promotion.hpp>
#include <faltung/resample.hpp>
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/frontend/image_pass.hpp"
#include "cpp/frontend/resample_lines.hpp"
#include "cpp/frontend/signal_lowering.hpp"
#include "cpp/frontend/signal_upfirdn.hpp"

namespace faltung::signal {
namespace {

// In the order of the enumerators; those before `mean` are Extension's.
constexpr std::array<std::string_view, 13> names = {
    "constant",    "symmetric", "reflect", "edge",   "wrap",    "smooth", "antisymmetric",
    "antireflect", "line",      "mean",    "median", "maximum", "minimum"};

void check_options(const ResamplePolyOptions& options) {
  if (options.padtype > PadType::minimum) {
    throw InvalidProblem(message("padtype has the value ", static_cast<int>(options.padtype),
                                 "; it must be one of the thirteen"));
  }
  if (options.padtype != PadType::constant && options.cval != 0.0) {
    throw InvalidProblem(message("cval is ", options.cval, " and padtype ", name(options.padtype),
                                 ", which has no use for it; leave cval out, or use constant"));
  }
  if (options.taps && options.beta != ResamplePolyOptions{}.beta) {
    throw InvalidProblem(message("beta is ", options.beta,
                                 " and taps are given, which leaves no filter to design; leave "
                                 "beta out, or the taps"));
  }
}

struct Rates {
  std::int64_t up, down;
};

Rates reduced(std::int64_t up, std::int64_t down) {
  if (up < 1 || down < 1) {
    throw InvalidProblem(message("up is ", up, " and down ", down, "; both must be at least 1"));
  }
  const std::int64_t divisor = std::gcd(up, down);
  return {up / divisor, down / divisor};
}

// ceil(n up / down).
std::int64_t kept_extent(std::int64_t n, const Rates& rates) {
  std::int64_t samples = 0;
  if (__builtin_mul_overflow(n, rates.up, &samples)) {
    throw InvalidProblem(message("x has ", n, " elements along the axis: with up ", rates.up,
                                 " they exceed 2^63 - 1; split x"));
  }
  return samples / rates.down + (samples % rates.down != 0 ? 1 : 0);
}

// A real filter times a whole number, in its own type.
template <typename T>
void multiply(Tensor& taps, std::int64_t factor) {
  for (T& tap : taps.values<T>()) {
    if constexpr (std::is_arithmetic_v<T>) {
      tap = static_cast<T>(tap * static_cast<T>(factor));
    } else {
      tap *= static_cast<typename T::value_type>(factor);
    }
  }
}

void multiply_taps(Tensor& taps, std::int64_t factor) {
  switch (taps.dtype()) {
    case f32:
      return multiply<float>(taps, factor);
    case f64:
      return multiply<double>(taps, factor);
    case c64:
      return multiply<std::complex<float>>(taps, factor);
    default:
      return multiply<std::complex<double>>(taps, factor);
  }
}

Tensor designed_taps(DType x, const Rates& rates, double beta) {
  constexpr std::int64_t max_rate = std::int64_t{1} << 40;
  const std::int64_t rate = std::max(rates.up, rates.down);
  if (rate > max_rate) {
    throw InvalidProblem(message("up / down is ", rates.up, " / ", rates.down,
                                 " in lowest terms, which needs a filter of 20 taps for each of ",
                                 rate, "; give `taps`, or a ratio of smaller numbers"));
  }
  const Tensor taps = filters::low_pass(20 * rate + 1, 1 / static_cast<double>(rate), beta);
  // In the type of x, then in that of the sums.
  const DType real = is_integer(x) || x == c128 ? f64 : x == c64 ? f32 : x;
  return compact_copy(compact_copy(taps, real), upfirdn_result_type(real, real));
}

// On the CPU, wherever they are: they are multiplied by the rate there.
Tensor given_taps(const ConstTensorView& taps, DType x, const Stream& stream) {
  check_operand(taps, "taps");
  if (taps.shape.size() != 1 || taps.shape[0] == 0) {
    throw InvalidProblem(
        message("taps has shape ", taps.shape, "; it must have rank 1 and elements"));
  }
  const DType result = upfirdn_result_type(taps.dtype, x);
  check_exact(taps.dtype, x, result);
  const bool wide = result == f64 || result == c128;
  const DType real = wide ? f64 : f32;
  const DType type = !is_complex(taps.dtype) ? real : wide ? c128 : c64;
  return cpu_copy(taps, type, stream);
}

bool is_rule(PadType type) { return type < PadType::mean; }

}  // namespace

std::string_view name(PadType type) noexcept {
  const auto index = static_cast<std::size_t>(type);
  return index < names.size() ? names[index] : "unknown";
}

PadType parse_pad_type(std::string_view text) {
  std::string known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == text) return static_cast<PadType>(i);
    known += (i == 0 ? "" : ", ") + std::string(names[i]);
  }
  throw InvalidProblem(message("padtype is '", text, "'; it must be one of ", known));
}

namespace {

// What resample_poly settles before it filters.
struct Resampling {
  bool copies = false;  // the ratio is 1
  std::size_t along = 0;
  std::shared_ptr<const Tensor> taps = {};  // on the device of x
  Kept kept;
  UpfirdnOptions filtering;
};

Tensor on_device_of(const ConstTensorView& x, Tensor taps) {
  return x.device.kind == DeviceKind::cpu ? std::move(taps) : taps.to(x.device);
}

Resampling prepare(const ConstTensorView& x, std::int64_t up, std::int64_t down,
                   const ResamplePolyOptions& options) {
  const FloatEnvironment environment;  // for the filter
  check_execution(options.run, x.device);
  check_operand(x, "x");
  check_options(options);
  const Rates rates = reduced(up, down);
  if (x.shape.empty()) throw InvalidProblem("x has rank 0; resample_poly needs an axis");
  Resampling r;
  r.along = axis_index(options.axis, x.shape.size());
  r.copies = rates.up == 1 && rates.down == 1;
  if (r.copies) return r;
  Tensor taps = options.taps ? given_taps(*options.taps, x.dtype, options.run.stream)
                             : designed_taps(x.dtype, rates, options.beta);
  multiply_taps(taps, rates.up);
  r.taps = std::make_shared<const Tensor>(on_device_of(x, std::move(taps)));
  r.kept = {(r.taps->size() - 1) / 2, kept_extent(x.shape[r.along], rates)};
  r.filtering = {.up = rates.up,
                 .down = rates.down,
                 .axis = options.axis,
                 .cval = options.cval,
                 .method = options.method,
                 .run = options.run};
  if (is_rule(options.padtype)) r.filtering.mode = static_cast<Extension>(options.padtype);
  static_cast<void>(check_upfirdn(*r.taps, x, r.filtering));
  return r;
}

// The type of x when it is filtered: NumPy's means and medians of integers are f64.
DType filtered_type(DType x, PadType type) {
  const bool fractions = type == PadType::mean || type == PadType::median;
  return fractions && is_integer(x) ? f64 : x;
}

DType result_type(const ConstTensorView& x, const Resampling& r, PadType type) {
  return r.copies ? x.dtype : upfirdn_result_type(r.taps->dtype(), filtered_type(x.dtype, type));
}

Shape result_shape(const ConstTensorView& x, const Resampling& r) {
  return r.copies ? x.shape : shape_of_result(x, r.along, r.kept);
}

void require_cpu(const ConstTensorView& x, std::string_view what) {
  if (x.device.kind == DeviceKind::cpu) return;
  throw NoEngine(message(what, " on the cpu only, x is on ", x.device,
                         "; copy it with Tensor::to(Device::cpu())"));
}

// A step that works on numbers alone, on the CPU.
//
// @param f  (the one image, the other)
template <typename F>
Step on_cpu(Place from, Place to, const char* what, const Execution& run, F f) {
  Step step{.from = from, .to = to, .what = what};
  step.run = [f, subnormals = subnormals_of(run)](const ConstTensorView& x, const TensorView& y,
                                                  const Stream&, const Workspace&) {
    const FloatEnvironment environment(subnormals);
    f(x, y);
  };
  return step;
}

// The lines less their means, say, filtered, and that added again.
void add_without(Steps& steps, const Resampling& r, PadType type) {
  require_cpu(steps.x(), message("padtype ", name(type), " is taken off"));
  const ConstTensorView& x = steps.x();
  const DType rest_type = result_type(x, r, type);
  Shape values_shape = x.shape;
  values_shape[r.along] = 1;
  steps.set_between(Place::first, rest_type, x.shape);
  steps.set_between(Place::second, rest_type, values_shape);
  const Execution& run = r.filtering.run;
  const std::size_t along = r.along;
  steps.add(on_cpu(Place::x, Place::first, "copy", run, copy_elements));
  steps.add(on_cpu(Place::first, Place::second, "value of each line", run,
                   [=](const ConstTensorView& rest, const TensorView& values) {
                     line_values(rest, along, type, values);
                   }));
  steps.add(on_cpu(Place::second, Place::first, "take it off", run,
                   [=](const ConstTensorView& values, const TensorView& rest) {
                     add_to_lines(rest, along, values, -1);
                   }));
  add_upfirdn(steps, Place::first, {*r.taps, r.taps}, r.filtering, along, r.kept);
  steps.add(on_cpu(Place::second, Place::y, "add it again", run,
                   [=](const ConstTensorView& values, const TensorView& y) {
                     add_to_lines(y, along, values, 1);
                   }));
}

Steps make_steps(const ConstTensorView& x, const TensorView& y, const Resampling& r,
                 const ResamplePolyOptions& options) {
  Steps steps(x, y);
  if (r.copies) {
    check_no_engine(options.run, "up and down are equal, so that x is only copied");
    if (x.device.kind == DeviceKind::cpu) {
      steps.add(on_cpu(Place::x, Place::y, "copy", options.run, copy_elements));
    } else {
      image::add_copy(steps, Place::x, Place::y, {.run = options.run});
    }
  } else if (is_rule(options.padtype) || element_count(x.shape) == 0) {
    add_upfirdn(steps, Place::x, {*r.taps, r.taps}, r.filtering, r.along, r.kept);
  } else {
    add_without(steps, r, options.padtype);
  }
  return steps;
}

}  // namespace

Tensor resample_poly(const ConstTensorView& x, std::int64_t up, std::int64_t down,
                     const ResamplePolyOptions& options) {
  const Resampling r = prepare(x, up, down, options);
  Tensor y =
      new_tensor(result_type(x, r, options.padtype), result_shape(x, r), x.device, options.run);
  run_steps(make_steps(x, y, r, options), x, y, options.run);
  return y;
}

void resample_poly(const ConstTensorView& x, std::int64_t up, std::int64_t down,
                   const ResultView& y, const ResamplePolyOptions& options) {
  const Resampling r = prepare(x, up, down, options);
  check_result(y, result_shape(x, r), result_type(x, r, options.padtype));
  run_steps(make_steps(x, y, r, options), x, y, options.run);
}

FilterPlan plan_resample_poly(const ConstTensorView& x, std::int64_t up, std::int64_t down,
                              const ResamplePolyOptions& options) {
  check_for_plan(options.run);
  const Resampling r = prepare(x, up, down, options);
  const Shape shape = result_shape(x, r);
  const TensorView y{nullptr, result_type(x, r, options.padtype), shape, compact_strides(shape),
                     x.device};
  return FilterPlan(std::make_shared<const FilterPlan::State>(
      FilterPlan::State{make_steps(x, y, r, options), options.run}));
}

Lowering lower_resample_poly(const ConstTensorView& x, std::int64_t up, std::int64_t down,
                             const ResamplePolyOptions& options) {
  check_for_plan(options.run);
  const Resampling r = prepare(x, up, down, options);
  if (r.copies || !is_rule(options.padtype)) {
    throw InvalidProblem(message(
        "up is ", up, ", down ", down, " and padtype ", name(options.padtype),
        r.copies ? ", which copies x" : ", which is taken off before filtering and added after",
        ", so that there is no problem; use plan_resample_poly"));
  }
  if (element_count(x.shape) == 0) {
    throw InvalidProblem(message("x has shape ", x.shape, ": there is nothing to filter"));
  }
  Lowering lowering = lower_upfirdn_to(*r.taps, x, r.filtering, r.along, r.kept);
  lowering.filter = r.taps;
  lowering.names[1] = "taps";
  return lowering;
}

}  // namespace faltung::signal
