#include "cpp/cpu/direct/phases/polyphase_policy.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cpp/core/geometry.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/cpu/direct/phases/polyphase_kernel.hpp"
#include "cpp/cpu/extended_input.hpp"

namespace faltung::direct {
namespace {

// Keeps the tables of phases, and what a block reads, small.
constexpr std::int64_t max_phases = std::int64_t{1} << 16;
constexpr std::int64_t max_block_window = std::int64_t{1} << 21;

bool is_trivial(const Axis& axis) {
  return axis.filter == 1 && axis.stride == 1 && axis.input_dilation == 1 && axis.pad_lo == 0 &&
         axis.output() == axis.input;
}

// The one axis with input dilation, if nothing happens along the others.
std::optional<std::size_t> find_axis(const Problem& p) {
  std::optional<std::size_t> along;
  for (std::size_t a = 0; a < p.rank(); ++a) {
    if (is_trivial(p.axes[a])) continue;
    if (along || p.axes[a].input_dilation == 1) return {};
    along = a;
  }
  if (along && *along + 2 < p.rank()) return {};
  return along;
}

bool sums_in_vectors(DType accumulator) { return !is_integer(accumulator); }

std::int64_t round_up(std::int64_t value, std::int64_t unit) {
  return ceil_divide(value, unit) * unit;
}

}  // namespace

std::optional<PolyphasePolicy> choose_polyphase(const Problem& p) {
  if (p.pass != Pass::forward || p.in_channels != p.groups || !sums_in_vectors(p.accumulator)) {
    return {};
  }
  const auto along = find_axis(p);
  if (!along) return {};
  const Axis& axis = p.axes[*along];
  PolyphasePolicy policy{.along = *along};
  const std::int64_t period = axis.input_dilation / std::gcd(axis.input_dilation, axis.stride);
  policy.phases = std::min(period, axis.output());
  policy.step = axis.stride / std::gcd(axis.input_dilation, axis.stride);
  const bool neighbours = axis.dilation == std::gcd(axis.dilation, axis.input_dilation);
  if (policy.phases > max_phases || !neighbours || !has_phases(axis)) return {};

  std::int64_t end = 0;
  bool any = false;
  for (std::int64_t first = 0; first < policy.phases; ++first) {
    const Phase::Part part = output_part(axis, first);
    if (part.taps == 0) continue;
    const std::int64_t from = -output_axis(axis, part).pad_lo;
    policy.base = any ? std::min(policy.base, from) : from;
    end = any ? std::max(end, from + part.taps) : from + part.taps;
    policy.all_taps += part.taps;
    any = true;
  }
  policy.span = end - policy.base;

  // A vector of lines is worth it from half a vector of AVX2 on.
  constexpr std::int64_t min_lines = 4;
  const std::int64_t parts = is_complex(p.accumulator) ? 2 : 1;
  policy.lines = *along + 1 < p.rank() ? p.axes.back().input : 1;
  policy.rows = policy.lines * parts >= min_lines;
  constexpr std::int64_t max_columns = 128;
  policy.columns = policy.rows ? std::min(policy.lines, max_columns / parts) : 1;
  const std::int64_t block = policy.rows ? 256 : 1024;
  policy.outputs = std::min(round_up(ceil_divide(block, policy.phases), 4),
                            ceil_divide(axis.output(), policy.phases));
  if (policy.span > max_block_window || policy.window() > max_block_window) return {};
  return policy;
}

double polyphase_us(const Problem& p, const PolyphasePolicy& policy) {
  const double bits = is_complex(p.accumulator) ? 2 : 1;
  const CpuMachine& machine = cpu_machine();
  const double lanes = machine.lanes(static_cast<std::int64_t>(size_of(p.accumulator))) * bits;
  const double outputs = static_cast<double>(element_count(p.y_shape()));
  const double taps =
      static_cast<double>(policy.all_taps) / static_cast<double>(policy.phases) * bits;
  const double passes = is_complex(p.filter) ? 2 : 1;
  const double values = static_cast<double>(element_count(p.x_shape())) * bits;
  constexpr double vector_cycles = 1.85;
  constexpr double dot_cycles = 9.25, row_cycles = 1.85;
  constexpr double value_cycles = 1.48;
  const double vectors = policy.rows
                             ? std::ceil(static_cast<double>(policy.columns) * bits / lanes) /
                                   static_cast<double>(policy.columns) * (taps / bits)
                             : std::ceil(taps / lanes);
  const double ends = policy.rows ? row_cycles : dot_cycles;
  return 1e-3 * machine.cycle_ns() *
         (outputs * passes * (vectors * vector_cycles + ends) + values * value_cycles);
}

}  // namespace faltung::direct
