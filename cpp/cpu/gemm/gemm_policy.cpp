#include "cpp/cpu/gemm/gemm_policy.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/core/geometry.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/cpu/flatten.hpp"

namespace faltung::gemm {
namespace {

// The matrices of one group, in numbers that cannot overflow.
struct Sizes {
  double inputs, rows, k, outputs, images, groups, element;
};

Sizes sizes(const Problem& p) {
  const auto inputs = static_cast<double>(p.in_channels / p.groups);
  Sizes s{.inputs = inputs,
          .rows = inputs,
          .k = static_cast<double>(std::max<std::int64_t>(1, p.out_channels / p.groups)),
          .outputs = 1,
          .images = static_cast<double>(p.batch),
          .groups = static_cast<double>(p.groups),
          .element = static_cast<double>(size_of(p.accumulator))};
  for (const Axis& axis : p.axes) {
    s.rows *= static_cast<double>(axis.filter);
    s.outputs *= static_cast<double>(axis.output());
  }
  return s;
}

std::int64_t whole(double value, double min, double max) {
  return static_cast<std::int64_t>(std::clamp(value, min, std::max(min, max)));
}

// Bytes of a factor that should stay in a second-level cache together with another one.
double factor_bytes() { return 0.375 * static_cast<double>(reference_cpu_machine().l2_bytes); }

double padded(double count, double step) { return std::ceil(count / step) * step; }

}  // namespace

Policy choose(const Problem& p) {
  const Sizes s = sizes(p);
  const bool complex = is_complex(p.accumulator);
  const double row_values = row_bytes / s.element * (complex ? 2 : 1);
  Policy policy{.taps = whole(complex ? 128 : 256, 1, s.rows),
                .outputs = whole(row_values, 1, s.outputs),
                .parts = 1,
                .segments = 1};
  const double fitting = factor_bytes() / (s.k * s.element);
  if (p.pass == Pass::backward_data) {
    policy.outputs = whole(std::clamp(fitting, row_values / 4, row_values), 1, s.outputs);
    policy.parts = whole(data_parts, 1, s.inputs);
  }
  if (p.pass == Pass::backward_filter) {
    policy.outputs = whole(std::clamp(fitting, 32.0, 256.0), 1, s.outputs);
    const double wanted = std::ceil(filter_blocks / s.groups);
    const double segments = std::min(s.images * s.outputs / min_segment_outputs,
                                     segment_bytes / (s.rows * s.k * s.groups * s.element + 1));
    policy.segments = whole(segments, 1, wanted);
    policy.parts =
        whole(s.rows / min_part_rows, 1, std::ceil(wanted / static_cast<double>(policy.segments)));
  }
  return policy;
}

// The parts were timed on one core by taking them away: a value that is copied in pieces of rows,
// one that is turned on its side, one of the sums, and a piece.
double one_thread_us(const Problem& problem) {
  constexpr double load = 1.11, fold = 3.7, turn = 2.22, sum = 3.7, piece = 111;  // cycles
  constexpr double tile = 8;
  const CpuMachine& machine = cpu_machine();
  const Problem p = flattened(problem);
  const Policy policy = choose(p);
  const Sizes s = sizes(p);
  const double lanes =
      machine.lanes(static_cast<std::int64_t>(s.element)) * (is_complex(p.accumulator) ? 2 : 1);
  const double row =
      std::min(static_cast<double>(policy.outputs),
               static_cast<double>(std::max<std::int64_t>(1, p.axes.back().output())));
  const auto pieces = [&](double values, double cycles) {
    return (values * cycles + values / row * piece) * machine.cycle_ns();
  };
  const auto parts = static_cast<double>(policy.parts);
  double products = 0;  // of one image and group
  double ns = 0;
  if (p.pass == Pass::forward) {
    products = padded(s.k, tile) * s.rows * padded(s.outputs, lanes);
    ns = pieces(s.rows * s.outputs, load) + pieces(s.k * s.outputs, load);
  } else if (p.pass == Pass::backward_data) {
    products = padded(s.rows, tile) * s.k * padded(s.outputs, lanes);
    ns = pieces(s.rows * s.outputs, fold) + pieces(s.k * s.outputs * parts, load);
  } else {
    products = padded(s.rows, tile) * padded(s.k, lanes) * s.outputs;
    ns = pieces(s.rows * s.outputs, load) + pieces(s.k * s.outputs * parts, turn);
  }
  ns = (ns + products * machine.product_ns(p.accumulator)) * s.images;
  if (p.pass == Pass::backward_filter) {
    ns += s.rows * s.k * static_cast<double>(policy.segments) * sum * machine.cycle_ns();
  }
  return 1e-3 * ns * s.groups;
}

}  // namespace faltung::gemm
