#include "cpp/core/problem_rules.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "cpp/core/overlap.hpp"

namespace faltung {

namespace rules {

namespace {

bool representable(double value, DType type) {
  if (!is_integer(type)) return true;
  const int bits = static_cast<int>(8 * size_of(type));
  const double low = is_signed(type) ? -std::ldexp(1.0, bits - 1) : 0;
  const double end = std::ldexp(1.0, is_signed(type) ? bits - 1 : bits);
  return value >= low && value < end && value == std::trunc(value);
}

}  // namespace

void check_boundary(std::size_t index, std::string_view side, const Boundary& rule, DType type) {
  if (rule.kind != BoundaryKind::constant) {
    if (rule.value != 0.0) {
      refuse("axis ", index, " boundary ", side, ": the rule ", to_string(Boundary{rule.kind, 0}),
             " takes no value, but has that of ", Boundary::constant(rule.value),
             "; set it to 0 or use constant");
    }
    return;
  }
  if (rule.value.imag() != 0 && !is_complex(type)) {
    refuse("axis ", index, " boundary ", side, '=', rule,
           ": the value is complex, but the input dtype=", type, " is real; use a real value");
  }
  if (!representable(rule.value.real(), type)) {
    refuse("axis ", index, " boundary ", side, '=', rule, ": the input dtype=", type,
           " cannot hold that value; use an integer within its range");
  }
}

namespace {

/// Every position along an axis stays below this, so that engines may add any two of them, or
/// double one to reflect it, without a check.
constexpr std::int64_t max_reach = std::int64_t{1} << 61;

template <typename Enum>
void check_enum(std::string_view field, Enum value, Enum last) {
  if (value > last) {
    refuse(field, " has the value ", static_cast<int>(value), ", which names nothing; the last is ",
           static_cast<int>(last));
  }
}

void check_enums(const Problem& p) {
  check_enum("pass op", p.pass, Pass::backward_filter);
  check_enum("input dtype", p.input, u64);
  check_enum("filter dtype", p.filter, u64);
  check_enum("output dtype", p.output, u64);
  check_enum("accumulator acc", p.accumulator, u64);
  check_enum("layout", p.layout, Layout::channels_last);
  check_enum("math", p.math, Math::reproducible);
  check_enum("overflow", p.overflow, Overflow::saturate);
  check_enum("rounding round", p.rounding, Rounding::nearest_even);
  check_enum("activation act", p.epilogue.activation.kind, ActivationKind::clamp);
  for (const Axis& axis : p.axes) {
    check_enum("boundary below", axis.below.kind, BoundaryKind::wrap);
    check_enum("boundary above", axis.above.kind, BoundaryKind::wrap);
  }
}

void check_counts(const Problem& p) {
  const auto count = [](std::string_view field, std::int64_t value) {
    if (value < 0) {
      refuse(field, '=', value, ": a count cannot be negative; use 0 for an empty tensor");
    }
  };
  count("batch n", p.batch);
  count("in_channels c", p.in_channels);
  count("out_channels k", p.out_channels);
  if (p.groups < 1) refuse("groups g=", p.groups, ": must be at least 1; use 1 for no groups");
  const auto divided = [&](std::string_view field, std::int64_t channels) {
    if (channels % p.groups != 0) {
      refuse("groups g=", p.groups, " must divide ", field, '=', channels, ", but leaves ",
             channels % p.groups, "; use a divisor, or pad the channels with zeros");
    }
  };
  divided("in_channels c", p.in_channels);
  divided("out_channels k", p.out_channels);
  if (p.separable < 0 || p.separable > max_separable) {
    refuse("separable sep=", p.separable, ": a filter is the sum of 1 to ", max_separable,
           " outer products; use 0 to promise nothing");
  }
}

void check_extent(std::size_t index, std::string_view field, std::int64_t value, std::int64_t min) {
  if (value < min) {
    refuse("axis ", index, ' ', field, '=', value, ": must be at least ", min, "; use ", min,
           " or more");
  }
  if (value > max_reach) {
    refuse("axis ", index, ' ', field, '=', value,
           ": positions along an axis end at 2^61; use a smaller value");
  }
}

/// (count - 1) * step + 1, or nothing if that exceeds max_reach.
std::optional<std::int64_t> reach(std::int64_t count, std::int64_t step) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(count - 1, step, &product) || product >= max_reach) return {};
  return product + 1;
}

void check_axis(std::size_t index, const Axis& axis) {
  check_extent(index, "input in", axis.input, 0);
  check_extent(index, "filter f", axis.filter, 1);
  check_extent(index, "stride", axis.stride, 1);
  check_extent(index, "dilation dil", axis.dilation, 1);
  check_extent(index, "input_dilation idil", axis.input_dilation, 1);
  check_extent(index, "pad_lo pad", axis.pad_lo, -max_reach);
  check_extent(index, "pad_hi pad", axis.pad_hi, -max_reach);

  const auto filter = reach(axis.filter, axis.dilation);
  if (!filter) {
    refuse("axis ", index, " filter f=", axis.filter, " with dilation dil=", axis.dilation,
           " spans more than 2^61 elements; use a smaller one of the two");
  }
  const auto input = axis.input == 0 ? 0 : reach(axis.input, axis.input_dilation);
  if (!input) {
    refuse("axis ", index, " input in=", axis.input,
           " with input_dilation idil=", axis.input_dilation,
           " spans more than 2^61 elements; use a smaller one of the two");
  }
  // Four terms of at most 2^61 stay within 64 bits.
  if (*input + std::abs(axis.pad_lo) + std::abs(axis.pad_hi) > max_reach - *filter) {
    refuse("axis ", index, " input in=", axis.input, ", pad=", axis.pad_lo, ':', axis.pad_hi,
           " and filter f=", axis.filter, " together span more than 2^61 elements; use less pad");
  }
}

void check_axes(const Problem& p) {
  if (p.axes.empty() || p.axes.size() > max_spatial_rank) {
    refuse("axes in=: there are ", p.axes.size(), " spatial axes, must be 1 to ", max_spatial_rank,
           "; move the others into the batch");
  }
  for (std::size_t i = 0; i < p.axes.size(); ++i) check_axis(i, p.axes[i]);
}

void check_boundaries(const Problem& p) {
  for (std::size_t i = 0; i < p.axes.size(); ++i) {
    check_boundary(i, "below", p.axes[i].below, p.input);
    check_boundary(i, "above", p.axes[i].above, p.input);
  }
}

/// One of the three tensors, for the rules that hold for each.
struct TensorRules {
  std::string_view name;    ///< "x"
  std::string_view fields;  ///< which fields make its shape
  DType dtype;
  Shape shape;
  const Strides& strides;
  bool written;
};

/// Bytes of a compact tensor must fit, with empty extents counted as one so that strides fit too.
void check_size(const TensorRules& tensor) {
  std::int64_t bytes = static_cast<std::int64_t>(size_of(tensor.dtype));
  for (const std::int64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(bytes, std::max<std::int64_t>(extent, 1), &bytes)) {
      refuse("tensor ", tensor.name, " of ", tensor.shape, " dtype=", tensor.dtype,
             " takes more than 2^63 - 1 bytes; use smaller ", tensor.fields);
    }
  }
}

/// Distance between the first and the last element must fit, in bytes.
void check_span(const TensorRules& tensor) {
  std::int64_t span = 1;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.shape[i] <= 1) continue;
    const std::int64_t stride = tensor.strides[i];
    std::int64_t step = 0;
    std::int64_t bytes = 0;
    if (stride == std::numeric_limits<std::int64_t>::min() ||
        __builtin_mul_overflow(tensor.shape[i] - 1, std::abs(stride), &step) ||
        __builtin_add_overflow(span, step, &span) ||
        __builtin_mul_overflow(span, static_cast<std::int64_t>(size_of(tensor.dtype)), &bytes)) {
      refuse(tensor.name, "_strides ", tensor.name, "strides: ", stride, " for ", tensor.shape[i],
             " elements of ", tensor.dtype,
             " spans more than 2^63 - 1 bytes; use a smaller stride");
    }
  }
}

/// No two indices may share an address. In nearly every layout, sorted by stride, every axis steps
/// over all that the axes before it reach; others are decided by arithmetic.
void check_overlap(const TensorRules& tensor) {
  std::vector<std::size_t> order;
  for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    if (tensor.shape[axis] > 1) order.push_back(axis);
  }
  std::ranges::sort(order, {}, [&](std::size_t axis) { return std::abs(tensor.strides[axis]); });
  std::int64_t covered = 1;  // elements from the lowest to the highest address so far
  for (const std::size_t axis : order) {
    const std::int64_t stride = std::abs(tensor.strides[axis]);
    if (stride < covered) {
      const Overlap found = self_overlap(tensor.shape, tensor.strides);
      if (found == Overlap::no) return;
      refuse(tensor.name, "_strides ", tensor.name, "strides: stride ", tensor.strides[axis],
             found == Overlap::yes ? " makes" : " may make",
             " elements of the result share an address; use at least ", covered,
             " here, or leave the strides empty for a compact result");
    }
    covered += (tensor.shape[axis] - 1) * stride;
  }
}

void check_strides(const TensorRules& tensor) {
  if (tensor.strides.empty()) return;
  if (tensor.strides.size() != tensor.shape.size()) {
    refuse(tensor.name, "_strides ", tensor.name, "strides: ", tensor.strides.size(),
           " strides for a tensor of rank ", tensor.shape.size(), " (", tensor.shape,
           "); give one for each axis in layout order, or none for a compact tensor");
  }
  if (std::ranges::find(tensor.shape, 0) != tensor.shape.end()) return;  // nothing is addressed
  check_span(tensor);
  if (tensor.written) check_overlap(tensor);
}

void check_tensors(const Problem& p) {
  const TensorRules tensors[] = {
      {"x", "n, c or in", p.input, p.x_shape(), p.x_strides, p.pass == Pass::backward_data},
      {"w", "k, c or f", p.filter, p.w_shape(), p.w_strides, p.pass == Pass::backward_filter},
      {"y", "n, k, in or pad", p.output, p.y_shape(), p.y_strides, p.pass == Pass::forward}};
  for (const TensorRules& tensor : tensors) {
    check_size(tensor);
    check_strides(tensor);
  }
}

}  // namespace

void check_strides(std::string_view name, const ConstTensorView& view, bool written) {
  const TensorRules tensor{name, "extents", view.dtype, view.shape, view.strides, written};
  check_size(tensor);
  check_strides(tensor);
}

}  // namespace rules

void Problem::validate() const {
  rules::check_enums(*this);
  rules::check_counts(*this);
  rules::check_axes(*this);
  rules::check_tensors(*this);
  rules::check_types(*this);
  rules::check_boundaries(*this);
  rules::check_epilogue(*this);
}

}  // namespace faltung
