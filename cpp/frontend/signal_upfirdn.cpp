#include "cpp/frontend/signal_upfirdn.hpp"

#include <algorithm>

#include <faltung/error.hpp>
#include <faltung/promotion.hpp>
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/problem_rules.hpp"
#include "cpp/core/view_rules.hpp"
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
  if (needs_extended_copy(options, x.shape[along])) {
    const DType dtype = extended_type(h, x, options);
    rules::check_boundary(along, "of x", boundary_of(options), dtype);
    const std::int64_t more = reach(x.shape[along], h.shape[0], options, kept);
    prepared.storage =
        extended_copy(x, dtype, along, more, options.mode, options.cval, options.run);
    prepared.x = prepared.storage.view();
    prepared.lowering = lower(h, prepared.x, options, along, more, Boundary::zero(), kept, into);
    return prepared;
  }
  const Boundary boundary = boundary_of(options);
  const DType result = options.output.value_or(upfirdn_result_type(h.dtype, x.dtype));
  prepared.x = operand_for_constant(x, boundary, result, options.run, prepared.storage);
  prepared.lowering = lower(h, prepared.x, options, along, 0, boundary, kept, into);
  return prepared;
}

Tensor run_upfirdn(const ConstTensorView& h, const ConstTensorView& x,
                   const UpfirdnOptions& options, std::size_t along, const Kept& kept) {
  const PreparedUpfirdn prepared = prepare_upfirdn(h, x, options, along, kept);
  return run_lowering(prepared.lowering, prepared.x, h, options.run);
}

void run_upfirdn_into(const ConstTensorView& h, const ConstTensorView& x, const TensorView& y,
                      const UpfirdnOptions& options, std::size_t along, const Kept& kept) {
  check_apart(y, "y", x, "x");  // which may be copied
  const PreparedUpfirdn prepared = prepare_upfirdn(h, x, options, along, kept, &y);
  run_lowering_into(prepared.lowering, prepared.x, h, y, options.run);
}

Tensor upfirdn(const ConstTensorView& h, const ConstTensorView& x, const UpfirdnOptions& options) {
  const std::size_t along = check_upfirdn(h, x, options);
  const Kept kept = everything(h, x, options, along);
  if (element_count(x.shape) > 0) return run_upfirdn(h, x, options, along, kept);
  const DType output = options.output.value_or(upfirdn_result_type(h.dtype, x.dtype));
  return new_zeros(output, shape_of_result(x, along, kept), x.device, options.run);
}

void upfirdn(const ConstTensorView& h, const ConstTensorView& x, const ResultView& y,
             const UpfirdnOptions& options) {
  const UpfirdnOptions o = with_output_of(y, options);
  const std::size_t along = check_upfirdn(h, x, o);
  const Kept kept = everything(h, x, o, along);
  check_result(y, shape_of_result(x, along, kept));
  if (element_count(x.shape) == 0) return fill_zeros(y, o.run);
  run_upfirdn_into(h, x, y, o, along, kept);
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

Lowering lower_upfirdn_to(const ConstTensorView& h, const ConstTensorView& x,
                          const UpfirdnOptions& options, std::size_t along, const Kept& kept) {
  if (needs_extended_copy(options, x.shape[along])) {
    throw InvalidProblem(message("extension mode ", name(options.mode), " with up ", options.up,
                                 " has no problem of its own; use upfirdn, which extends a copy"));
  }
  return lower(h, x, options, along, 0, boundary_of(options), kept, nullptr);
}

}  // namespace faltung::signal
