#include "cpp/core/fft_blocks.hpp"

#include <algorithm>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/extended_axis.hpp"
#include "cpp/core/integer_digits.hpp"

namespace faltung::fft {
AxisRange needed_range(const Problem& p, std::size_t a) {
  const Axis& axis = p.axes[a];
  const std::int64_t extent = extended_extent(axis);
  AxisRange range{0, extent, extent};
  if (std::any_of(p.axes.begin(), p.axes.begin() + a, has_constant)) return range;
  // At most R'-1, so that every output has a place in the block.
  if (axis.below.kind == BoundaryKind::zero) {
    range.begin = std::clamp<std::int64_t>(axis.pad_lo, 0, axis.effective_filter() - 1);
  }
  if (axis.above.kind == BoundaryKind::zero) {
    range.end = std::clamp(axis.pad_lo + axis.dilated_input(), range.begin, extent);
  }
  range.points = std::max({range.end, extent - range.begin, axis.effective_filter()});
  return range;
}

BlockCounts block_counts(const Problem& p, const Sizes& n) {
  switch (p.pass) {
    case Pass::backward_data:
      return {n.outputs, n.taps};
    case Pass::backward_filter:
      return {n.length, n.outputs};
    case Pass::forward:
      break;
  }
  return {n.length, n.taps};
}

double largest_error_of_norms(const Problem& p, const Sizes& n, double first, double second,
                              double products) {
  const double terms = summed_transforms(p, n) * products;
  const double folds = p.pass == Pass::backward_data ? n.folds : 1;
  return terms * folds * first * second * (proven_error(n.length) + terms) *
         unit_roundoff(DType::f64);
}

double largest_error(const Problem& p, const Sizes& n, double first, double second,
                     double products) {
  const BlockCounts counts = block_counts(p, n);
  return largest_error_of_norms(p, n, first * std::sqrt(counts.first),
                                second * std::sqrt(counts.second), products);
}

double integer_error(const Problem& p, const Sizes& n) {
  return largest_error(p, n, largest_magnitude(first_operand(p)),
                       largest_magnitude(second_operand(p)));
}

double block_error(const Problem& p, const Sizes& n) {
  return expected_error(n.length) * unit_roundoff(p.accumulator) +
         sum_error(summed_transforms(p, n), p.accumulator);
}

// The norms of all blocks together exceed that of x where they overlap.
ErrorBound normwise_bound(const Problem& p, const Sizes& n) {
  if (is_integer(p.accumulator)) return {};
  const double fold = p.pass == Pass::backward_data ? std::sqrt(n.folds) : 1;
  return {ErrorBound::Kind::normwise, fold * std::sqrt(n.overlap) * block_error(p, n)};
}

}  // namespace faltung::fft
