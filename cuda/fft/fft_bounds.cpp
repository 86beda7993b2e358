#include <algorithm>
#include <cmath>

#include "cpp/core/error_terms.hpp"
#include "cuda/fft/fft_policy.hpp"

namespace faltung::cuda::fft {
namespace {

double number(std::int64_t value) { return static_cast<double>(value); }

// Positions of the extended axis that at most show the same element.
double fold_multiplicity(const AxisGeometry& axis) {
  const std::int64_t extent = axis.dilated_input();
  const std::int64_t window = (axis.output - 1) * axis.stride + reach(axis);
  const auto copies = [&](const Side& side, std::int64_t frame) -> std::int64_t {
    const std::int64_t length = std::clamp<std::int64_t>(frame, 0, window);
    const auto periods = [&](std::int64_t period) { return (length + period - 1) / period; };
    switch (side.kind) {
      case BoundaryKind::nearest:
        return length;
      case BoundaryKind::reflect:
      case BoundaryKind::wrap:
        return periods(extent);
      case BoundaryKind::mirror:
        return periods(std::max<std::int64_t>(extent - 1, 1));
      default:
        return 0;
    }
  };
  return number(1 + copies(axis.below, axis.pad_lo) +
                copies(axis.above, window - axis.pad_lo - extent));
}

// Sizes that bounds ask for, as real numbers because products may pass any integer.
struct Sizes {
  double points, outputs = 1, taps = 1;
  double overlap = 1;  // blocks that at most hold the same position
  double folds = 1;
  double terms;  // transforms whose products are summed in one
};
Sizes sizes_of(const Problem& p, const Geometry& g) {
  Sizes sizes{.points = number(g.points), .terms = number(g.group_inputs)};
  if (p.pass == Pass::backward_data) sizes.terms = number(g.group_outputs);
  if (p.pass == Pass::backward_filter) sizes.terms = number(g.units());
  for (int a = 0; a < max_rank; ++a) {
    const AxisGeometry& axis = g.axis[a];
    const BlockAxis& block = g.block[a];
    sizes.outputs *= number(block.tile);
    sizes.taps *= number(axis.filter);
    const double step = number(block.tile) * number(axis.stride);
    sizes.overlap *= std::min(number(block.tiles), std::ceil(number(block.length) / step));
    if (p.pass == Pass::backward_data) sizes.folds *= fold_multiplicity(axis);
  }
  return sizes;
}

}  // namespace

// 4 u log2 n of one cyclic convolution, and the sum of its products.
// Source: Schatzman, SIAM J. Sci. Comput. 17 (1996) 1150.
ErrorBound error_bound(const Problem& p, const Geometry& g) {
  if (is_integer(p.accumulator)) return {};
  const Sizes n = sizes_of(p, g);
  return {ErrorBound::Kind::normwise,
          std::sqrt(n.folds * n.overlap) * (4 * std::log2(n.points) * unit_roundoff(p.accumulator) +
                                            sum_error(n.terms, p.accumulator))};
}

// 36 u log2 n, as cpu.fft has it proved for radix 2 with roots that are right to 4.3 u; real data
// and radix 3, 5 and 7 are within it. Of cuFFT it is taken that its transforms of these lengths are
// no worse.
// Source: Brent, Percival & Zimmermann, Math. Comp. 76 (2007) 1469, theorem 5.1.
double integer_error(const Problem& p, const Geometry& g) {
  const auto largest = [](DType type) {
    return std::ldexp(1.0, static_cast<int>(8 * size_of(type)) - (is_signed(type) ? 1 : 0));
  };
  const Sizes n = sizes_of(p, g);
  const bool data = p.pass == Pass::backward_data, filter = p.pass == Pass::backward_filter;
  const double first = largest(data ? p.output : p.input) * std::sqrt(data ? n.outputs : n.points);
  const double second =
      largest(filter ? p.output : p.filter) * std::sqrt(filter ? n.outputs : n.taps);
  return n.terms * n.folds * first * second * (36 * std::log2(n.points) + n.terms) *
         unit_roundoff(DType::f64);
}

}  // namespace faltung::cuda::fft
