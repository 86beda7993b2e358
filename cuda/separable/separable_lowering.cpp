#include "cuda/separable/separable_lowering.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/core/message.hpp"
#include "cpp/core/outer_product.hpp"
#include "cuda/primitives/axis_lowering.hpp"

namespace faltung::cuda::separable {
namespace {

constexpr std::int64_t max_extent = std::int64_t{1} << 30;  // indices along an axis are 32 bits

// At most two axes where the others are a batch, else three.
FoldedAxes folded_axes(const Problem& p) { return fold_axes(p, 2); }

std::string axis_refusal(const Problem& p, std::size_t i) {
  const Axis& axis = p.axes[i];
  if (axis.stride != 1 || axis.dilation != 1 || axis.input_dilation != 1) {
    return message("axis ", i, " has stride ", axis.stride, ", dilation ", axis.dilation,
                   ", input dilation ", axis.input_dilation, "; the kernels walk with 1 of each");
  }
  if (std::max(axis.input, axis.output()) >= max_extent) {
    return message("axis ", i, " has ", std::max(axis.input, axis.output()),
                   " elements; the kernels count to ", max_extent);
  }
  return p.pass == Pass::backward_data ? gradient_refusal(axis, i) : std::string();
}

std::string type_refusal(const Problem& p) {
  if (is_complex(p.accumulator)) {
    return message("sums in ", name(p.accumulator), "; the kernels sum real numbers");
  }
  const bool strict = p.math == Math::strict;
  if (strict && !is_integer(p.filter) && !is_integer(p.accumulator) &&
      unit_roundoff(p.filter) > unit_roundoff(p.accumulator)) {
    return message("the filter's type ", name(p.filter),
                   " rounds an outer product more than sums in ", name(p.accumulator),
                   " may err under math=strict; give the filter as ", name(p.accumulator),
                   " or use math=fast");
  }
  return {};
}

// Of the taps along the two axes that sums of several outer products have.
TermsBound terms_bound_of(const Problem& p) {
  const Geometry g = lower(p);
  return terms_bound(g.axis[1].filter, g.axis[2].filter, g.terms, p.accumulator);
}

// Why the kernels do not take the filter as a sum of several outer products.
std::string terms_refusal(const Problem& p) {
  if (is_integer(p.accumulator)) {
    return message("a sum of ", p.separable, " outer products (sep) is found by division, sums in ",
                   name(p.accumulator), " are exact; promise sep=1 or nothing");
  }
  if (!is_integer(p.filter) && unit_roundoff(p.filter) > unit_roundoff(p.accumulator)) {
    return message("the filter's type ", name(p.filter), " rounds a sum of ", p.separable,
                   " outer products more than sums in ", name(p.accumulator),
                   " may err; give the filter as ", name(p.accumulator));
  }
  if (folded_axes(p).left != 2) {
    return message("sums of ", p.separable, " outer products (sep) are of 2 axes, the filter has ",
                   folded_axes(p).left);
  }
  const Geometry g = lower(p);
  if (!terms_bound_of(p).can_hold(g.axis[1].filter, g.axis[2].filter)) {
    return message(p.separable, " outer products (sep) of ", g.axis[1].filter, " and ",
                   g.axis[2].filter, " taps may err more than the dense sum; promise nothing");
  }
  return {};
}

}  // namespace

std::string refusal(const Problem& p) {
  if (p.separable == 0) {
    return "the filters are not declared to be outer products; promise it with "
           "Problem::separable (sep=1) if they are";
  }
  if (p.pass == Pass::backward_filter) return "computes y and dx, not dw";
  const bool forward = p.pass == Pass::forward;
  const std::int64_t inputs = (forward ? p.in_channels : p.out_channels) / p.groups;
  if (inputs != 1) {
    return message("each result sums over ", inputs, " channels; the kernels read one");
  }
  if (std::string reason = type_refusal(p); !reason.empty()) return reason;
  const std::size_t rank = folded_axes(p).left;
  if (rank < 2) return "filters one axis, which leaves nothing to separate";
  if (rank > max_rank) {
    return message("filters ", rank, " axes, the kernels take ", max_rank,
                   " and others only as a batch");
  }
  for (std::size_t i = 0; i < p.rank(); ++i) {
    if (std::string reason = axis_refusal(p, i); !reason.empty()) return reason;
  }
  return p.separable > 1 ? terms_refusal(p) : std::string();
}

Geometry lower(const Problem& p) {
  Geometry g;
  g.terms = static_cast<int>(p.separable);
  lower_batch(p, folded_axes(p), g);
  return g;
}

bool is_volume(const Problem& p) { return folded_axes(p).left == max_rank; }

Tolerance tolerance_of(const Problem& p) {
  if (is_integer(p.accumulator)) return {};
  const double filter = is_integer(p.filter) ? 0 : unit_roundoff(p.filter);
  Tolerance result;
  result.relative =
      4 * static_cast<double>(p.rank()) * std::max(filter, unit_roundoff(p.accumulator));
  // Taps near the end of the range lose digits: some of the smallest numbers of their type.
  const bool half = p.filter == DType::f16;
  result.absolute = std::ldexp(1.0, half                                                    ? -20
                                    : p.accumulator == DType::f64 && p.filter == DType::f64 ? -1050
                                                                                            : -130);
  if (p.separable > 1) {
    const TermsBound bound = terms_bound_of(p);
    result.passes = bound.passes;
    result.granted = bound.granted;
  }
  return result;
}

}  // namespace faltung::cuda::separable
