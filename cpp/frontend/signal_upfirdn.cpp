#include "cpp/frontend/signal_upfirdn.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/promotion.hpp>
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/problem_rules.hpp"
#include "cpp/frontend/kept_plan.hpp"
#include "cpp/frontend/signal_extension.hpp"
#include "cpp/frontend/signal_lowering.hpp"

namespace faltung::signal {
namespace {

// ceil(((n-1) up + m) / down); SciPy's formula gives 0 or less only for empty x.
std::int64_t output_extent(std::int64_t n, std::int64_t m, const UpfirdnOptions& options) {
  std::int64_t last = 0;  // of the up-sampled, filtered signal
  if (__builtin_mul_overflow(n - 1, options.up, &last) ||
      __builtin_add_overflow(last, m - 1, &last)) {
    throw InvalidProblem(message("x has ", n, " elements along the axis: with up ", options.up,
                                 " and ", m, " taps the result exceeds 2^63 - 1; split x"));
  }
  return last < 0 ? 0 : last / options.down + 1;
}

// How many elements beyond the ends of x, n long, the filter meets at most.
std::int64_t reach(std::int64_t n, std::int64_t taps, const UpfirdnOptions& options,
                   const Kept& kept) {
  const std::int64_t below = taps - 1 - kept.first;
  const std::int64_t above = kept.first + (kept.count - 1) * options.down - (n - 1) * options.up;
  return (std::max<std::int64_t>({below, above, 0}) + options.up - 1) / options.up;
}

// A boundary acts on the up-sampled input. There zeros and a mirror of at least two samples look as
// if they had acted before, the other rules do not.
bool needs_extended_copy(const UpfirdnOptions& options, std::int64_t extent) {
  switch (options.mode) {
    case Extension::constant:
      return options.up > 1 && options.cval != 0.0;
    case Extension::reflect:
      return options.up > 1 && extent == 1;
    case Extension::symmetric:
    case Extension::edge:
    case Extension::wrap:
      return options.up > 1;
    default:
      return true;
  }
}

// The type in which an extended copy of x lies. Integers that stay integers keep their type where
// the mode repeats them, so that their sums are exact; where it computes, f64 holds those of 32
// bits.
DType extended_type(const ConstTensorView& h, const ConstTensorView& x,
                    const UpfirdnOptions& options) {
  const DType original = upfirdn_result_type(h.dtype, x.dtype);
  const DType output = options.output.value_or(original);
  if (is_integer(x.dtype) && is_integer(output)) {
    if (repeats_elements(options.mode)) return x.dtype;
    if (is_integer(h.dtype) && (size_of(x.dtype) == 8 || size_of(h.dtype) == 8)) {
      throw InvalidProblem(
          message("mode ", name(options.mode), " continues x in f64, which would round h and x of ",
                  "types ", name(h.dtype), " and ", name(x.dtype),
                  "; convert one to f64 to accept "
                  "that, or use a mode that repeats elements: constant, symmetric, reflect, edge "
                  "or wrap"));
    }
    return f64;
  }
  return output == f64 || output == c128 ? numpy_result_type(original, f64) : original;
}

Boundary boundary_of(const UpfirdnOptions& options) {
  switch (options.mode) {
    case Extension::symmetric:
      return Boundary::reflect();
    case Extension::reflect:
      return Boundary::mirror();
    case Extension::edge:
      return Boundary::nearest();
    case Extension::wrap:
      return Boundary::wrap();
    default:
      return options.cval == 0.0 ? Boundary::zero() : Boundary::constant(options.cval);
  }
}

// @param extension  elements that x has more at both ends than the caller's
Lowering lower(const ConstTensorView& h, const ConstTensorView& x, const UpfirdnOptions& options,
               std::size_t along, std::int64_t extension, const Boundary& boundary,
               const Kept& kept, const TensorView* into) {
  const std::int64_t taps = h.shape[0];
  Axis axis;
  axis.input = x.shape[along];
  axis.filter = taps;
  axis.stride = options.down;
  axis.input_dilation = options.up;
  axis.pad_lo = taps - 1 - extension * options.up - kept.first;
  axis.pad_hi = (kept.count - 1) * options.down + taps - axis.dilated_input() - axis.pad_lo;
  axis.below = axis.above = boundary;
  Call call{.x = x, .w = h, .axes = {}};
  call.w.shape = Shape::filled(x.shape.size(), 1);
  call.w.strides = Strides::filled(x.shape.size(), 0);
  call.w.shape[along] = taps;
  call.w.strides[along] = h.strides[0];
  call.axes.resize(x.shape.size());
  call.axes[along] = axis;
  call.flip = true;
  call.sums = sums_of(options, upfirdn_result_type(h.dtype, x.dtype));
  call.into = into;
  Lowering lowering = assemble(call);
  lowering.k.shape = h.shape;
  lowering.k.strides = h.strides;
  lowering.plan = plan_options(lowering.problem, options.method, options.run);
  return lowering;
}

// All that upfirdn returns.
Kept everything(const ConstTensorView& h, const ConstTensorView& x, const UpfirdnOptions& options,
                std::size_t along) {
  return {0, output_extent(x.shape[along], h.shape[0], options)};
}

}  // namespace

Shape shape_of_result(const ConstTensorView& x, std::size_t along, const Kept& kept) {
  Shape shape = x.shape;
  shape[along] = kept.count;
  return shape;
}

std::size_t check_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                          const UpfirdnOptions& options) {
  check_execution(options.run, x.device);
  check_operand(h, "h");
  check_operand(x, "x");
  if (!options.output) check_exact(h.dtype, x.dtype, upfirdn_result_type(h.dtype, x.dtype));
  if (h.shape.size() != 1 || h.shape[0] == 0) {
    throw InvalidProblem(message("h has shape ", h.shape, "; it must have rank 1 and elements"));
  }
  if (options.up < 1 || options.down < 1) {
    throw InvalidProblem(
        message("up is ", options.up, " and down ", options.down, "; both must be at least 1"));
  }
  if (options.mode > Extension::line) {
    throw InvalidProblem(message("extension mode has the value ", static_cast<int>(options.mode),
                                 "; it must be one of the nine"));
  }
  if (options.mode != Extension::constant && options.cval != 0.0) {
    throw InvalidProblem(message("cval is ", options.cval, " and mode ", name(options.mode),
                                 ", which has no use for it; leave cval out, or use constant"));
  }
  if (x.shape.empty()) {
    throw InvalidProblem("x has rank 0; upfirdn needs an axis to filter along");
  }
  if (!is_complex(upfirdn_result_type(h.dtype, x.dtype)) && options.cval.imag() != 0) {
    throw InvalidProblem(
        message("cval is ", options.cval, "; it must be real for real h and x: pass complex x"));
  }
  return axis_index(options.axis, x.shape.size());
}

PreparedUpfirdn prepare_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                                const UpfirdnOptions& options, std::size_t along, const Kept& kept,
                                const TensorView* into) {
  PreparedUpfirdn prepared;
  Boundary boundary = boundary_of(options);
  ConstTensorView held{nullptr, x.dtype, x.shape, x.strides, x.device};
  if (needs_extended_copy(options, x.shape[along])) {
    held.dtype = extended_type(h, x, options);
    rules::check_boundary(along, "of x", boundary, held.dtype);
    prepared.extension = reach(x.shape[along], h.shape[0], options, kept);
    held.shape[along] += 2 * prepared.extension;
    prepared.copies = true;
    boundary = Boundary::zero();
  } else {
    const DType result = options.output.value_or(upfirdn_result_type(h.dtype, x.dtype));
    held.dtype = type_for_constant(x.dtype, boundary, result);
    prepared.copies = held.dtype != x.dtype;
  }
  if (prepared.copies) held.strides = compact_strides(held.shape);
  prepared.lowering = lower(h, held, options, along, prepared.extension, boundary, kept, into);
  return prepared;
}

namespace {

void require_cpu(const PreparedUpfirdn& prepared, const UpfirdnOptions& options,
                 const Device& device) {
  if (!prepared.copies || device.kind == DeviceKind::cpu) return;
  throw NoEngine(message("mode ", name(options.mode), " with up ", options.up, " and cval ",
                         options.cval,
                         " filters a copy of x that is made on the cpu only, x is on ", device,
                         "; copy it with Tensor::to(Device::cpu())"));
}

// The copy of x that is filtered.
Step copy_step(Place from, Place to, const UpfirdnOptions& options, std::size_t along) {
  Step step{.from = from, .to = to, .what = "copy, extended at both ends"};
  step.run = [mode = options.mode, cval = options.cval, along, how = subnormals_of(options.run)](
                 const ConstTensorView& x, const TensorView& y, const Stream&, const Workspace&) {
    const FloatEnvironment environment(how);
    extend_into(x, y, along, mode, cval);
  };
  return step;
}

Step filter_step(Place from, Place to, Lowering lowering, Taps h, const Device& device) {
  lowering.plan.allocator = {};  // the workspace is lent
  Step step{.from = from, .to = to};
  step.plan = kept_plan(lowering.problem, device, lowering.plan);
  step.workspace_bytes = step.plan->workspace_bytes();
  step.run = [plan = step.plan, lowering = std::move(lowering), h = std::move(h)](
                 const ConstTensorView& x, const TensorView& y, const Stream& stream,
                 const Workspace& workspace) {
    lowering.run(*plan, stream, x, h.view, y, workspace);
  };
  return step;
}

// Sums of nothing.
Step zeros_step(const Execution& run) {
  Step step{.from = Place::x, .to = Place::y, .what = "zeros"};
  step.run = [run](const ConstTensorView&, const TensorView& y, const Stream& stream,
                   const Workspace&) {
    Execution how = run;
    how.stream = stream;
    fill_zeros(y, how);
  };
  return step;
}

Steps upfirdn_steps(const Taps& h, const ConstTensorView& x, const TensorView& y,
                    const UpfirdnOptions& options, std::size_t along, const Kept& kept) {
  Steps steps(x, y);
  add_upfirdn(steps, Place::x, h, options, along, kept);
  return steps;
}

DType result_type(const ConstTensorView& h, const ConstTensorView& x,
                  const UpfirdnOptions& options) {
  return options.output.value_or(upfirdn_result_type(h.dtype, x.dtype));
}

// A copy with the strides of h, which are part of the problem.
Taps copied_taps(const ConstTensorView& h) {
  const std::int64_t taps = h.shape[0], step = std::abs(h.strides[0]);
  const bool one = taps == 1 || step == 0;
  const std::int64_t elements = one ? 1 : (taps - 1) * step + 1;
  Tensor memory = Tensor::zeros(h.dtype, {elements});
  const std::int64_t first = one || h.strides[0] > 0 ? 0 : elements - 1;
  const TensorView copy{
      static_cast<std::byte*>(memory.data()) + first * static_cast<std::int64_t>(size_of(h.dtype)),
      h.dtype, h.shape, h.strides, h.device};
  copy_elements(h, copy);
  return {copy, std::make_shared<const Tensor>(std::move(memory))};
}

Taps taps_on(const Device& device, const ConstTensorView& h) {
  if (device.kind == DeviceKind::cpu) return copied_taps(h);
  auto memory = std::make_shared<const Tensor>(cpu_copy(h, h.dtype).to(device));
  return {memory->view(), memory};
}

}  // namespace

void add_upfirdn(Steps& steps, Place from, const Taps& h, const UpfirdnOptions& options,
                 std::size_t along, const Kept& kept) {
  const TensorView x = steps.view(from), y = steps.view(Place::y);
  if (element_count(x.shape) == 0) return steps.add(zeros_step(options.run));
  PreparedUpfirdn prepared = prepare_upfirdn(h.view, x, options, along, kept, &y);
  require_cpu(prepared, options, x.device);
  if (prepared.copies) {
    steps.set_between(Place::term, prepared.lowering.x.dtype, prepared.lowering.x.shape);
    steps.add(copy_step(from, Place::term, options, along));
    from = Place::term;
  }
  steps.add(filter_step(from, Place::y, std::move(prepared.lowering), h, x.device));
}

Tensor upfirdn(const ConstTensorView& h, const ConstTensorView& x, const UpfirdnOptions& options) {
  const std::size_t along = check_upfirdn(h, x, options);
  const Kept kept = everything(h, x, options, along);
  Tensor y = new_tensor(result_type(h, x, options), shape_of_result(x, along, kept), x.device,
                        options.run);
  run_steps(upfirdn_steps({h}, x, y, options, along, kept), x, y, options.run);
  return y;
}

void upfirdn(const ConstTensorView& h, const ConstTensorView& x, const ResultView& y,
             const UpfirdnOptions& options) {
  const UpfirdnOptions o = with_output_of(y, options);
  const std::size_t along = check_upfirdn(h, x, o);
  const Kept kept = everything(h, x, o, along);
  check_result(y, shape_of_result(x, along, kept));
  run_steps(upfirdn_steps({h}, x, y, o, along, kept), x, y, o.run);
}

Lowering lower_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                       const UpfirdnOptions& options) {
  check_for_plan(options.run);
  const std::size_t along = check_upfirdn(h, x, options);
  if (element_count(x.shape) == 0) {
    throw InvalidProblem(message("x has shape ", x.shape, ": there is nothing to filter"));
  }
  return lower_upfirdn_to(h, x, options, along, everything(h, x, options, along));
}

FilterPlan plan_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                        const UpfirdnOptions& options) {
  check_for_plan(options.run);
  const std::size_t along = check_upfirdn(h, x, options);
  if (x.device.kind == DeviceKind::cpu) check_on_cpu(h, "h");
  const Kept kept = everything(h, x, options, along);
  const Shape shape = shape_of_result(x, along, kept);
  const TensorView y{nullptr, result_type(h, x, options), shape, compact_strides(shape), x.device};
  return FilterPlan(std::make_shared<const FilterPlan::State>(FilterPlan::State{
      upfirdn_steps(taps_on(x.device, h), x, y, options, along, kept), options.run}));
}

Lowering lower_upfirdn_to(const ConstTensorView& h, const ConstTensorView& x,
                          const UpfirdnOptions& options, std::size_t along, const Kept& kept) {
  if (needs_extended_copy(options, x.shape[along])) {
    throw InvalidProblem(message("extension mode ", name(options.mode), " with up ", options.up,
                                 " has no problem of its own, because a copy of x is extended "
                                 "first; use plan_upfirdn, or plan_resample_poly"));
  }
  return lower(h, x, options, along, 0, boundary_of(options), kept, nullptr);
}

}  // namespace faltung::signal
