#include "cpp/cpu/direct/dots/dots_policy.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/core/geometry.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/simpler_problem.hpp"

namespace faltung::direct {
namespace {

constexpr std::int64_t max_row_bytes = std::int64_t{1} << 18;  // that the outputs of a block copy
constexpr std::int64_t max_sum = std::int64_t{1} << 22;        // products of an output
constexpr std::int64_t max_rows = std::int64_t{1} << 15;       // and the rows that they lie in
constexpr std::int64_t max_block_outputs = 32;
constexpr std::int64_t enough_blocks = 8;

std::int64_t rows_of(const Problem& p) {
  return p.in_channels / p.groups * element_count(filter_extents(p)) / p.axes.back().filter;
}

}  // namespace

std::optional<Problem> with_rows(const Problem& p) {
  if (p.pass != Pass::forward || p.in_channels == 0 || element_count(p.y_shape()) == 0 ||
      longest_sum(p) > max_sum ||
      std::ranges::any_of(p.axes, [](const Axis& axis) { return axis.input_dilation != 1; })) {
    return {};
  }
  const bool one_tap =
      std::ranges::all_of(p.axes, [](const Axis& axis) { return axis.filter == 1; });
  if (!one_tap) return rows_of(p) <= max_rows ? std::optional(p) : std::nullopt;
  if (p.rank() == max_spatial_rank) return {};
  const std::int64_t inputs = p.in_channels / p.groups;
  const TensorStrides x = x_strides(p), w = w_strides(p), y = y_strides(p);
  Problem q = p;
  q.layout = Layout::channels_first;
  q.in_channels = p.groups;
  q.flip = false;
  q.separable = 0;
  q.axes.push_back({.input = inputs, .filter = inputs});
  q.x_strides = {x.outer, inputs * x.channel};
  q.y_strides = {y.outer, y.channel};
  q.w_strides = {w.outer, inputs};
  for (std::size_t a = 0; a < p.rank(); ++a) {
    q.x_strides.push_back(x.spatial[a]);
    q.y_strides.push_back(y.spatial[a]);
    q.w_strides.push_back(inputs);
  }
  q.x_strides.push_back(x.channel);
  q.y_strides.push_back(1);
  q.w_strides.push_back(w.channel);
  return q;
}

bool is_for_dots(const Problem& p) {
  constexpr std::int64_t few_outputs = 4, wide_stride = 8, min_taps = 8;
  const auto q = with_rows(p);
  if (!q || q->axes.back().filter < min_taps) return false;
  if (q->rank() > p.rank()) return has_rows_in_place(*q);
  const Axis& axis = q->axes.back();
  return (axis.output() <= few_outputs && !keeps_order_in_parts(p)) || axis.stride >= wide_stride;
}

bool has_rows_in_place(const Problem& p) {
  const Axis& axis = p.axes.back();
  return p.input == p.accumulator && axis.dilation == 1 && x_strides(p).spatial.back() == 1;
}

DotsPolicy choose_dots(const Problem& p) {
  const std::int64_t bytes =
      rows_of(p) * p.axes.back().filter * static_cast<std::int64_t>(size_of(p.accumulator));
  const std::int64_t outputs = p.batch * element_count(output_extents(p));
  const std::int64_t channels = p.out_channels / p.groups;
  DotsPolicy policy{};
  policy.outputs =
      std::min(outputs, std::clamp<std::int64_t>(max_row_bytes / bytes, 1, max_block_outputs));
  // Rows that are not in place are made for each part of the channels.
  const std::int64_t blocks = p.groups * ceil_divide(outputs, policy.outputs);
  const std::int64_t parts =
      std::clamp<std::int64_t>(ceil_divide(enough_blocks, blocks), 1, ceil_divide(channels, 8));
  policy.channels = ceil_divide(ceil_divide(channels, parts), 8) * 8;
  return policy;
}

double dots_us(const Problem& problem) {
  constexpr double sum_cycles = 11.1;  // to add up the lanes of one and to store it
  constexpr double row_cycles = 4;     // to find one, and one of neighbours
  constexpr double run_cycles = 55.5;
  constexpr double start_cycles = 2.2;   // to start one in a sum
  constexpr double loaded = 2;           // times product_ns: vectors are loaded for few products
  constexpr double value_cycles = 1.48;  // to bring one there, or to bring a weight into order
  const Problem p = *with_rows(problem);
  const CpuMachine& machine = cpu_machine();
  const double lanes = machine.lanes(static_cast<std::int64_t>(size_of(p.accumulator)));
  const auto taps = static_cast<double>(p.axes.back().filter);
  const auto rows = static_cast<double>(rows_of(p));
  const double sums = static_cast<double>(element_count(p.y_shape()));
  const double places = sums / static_cast<double>(p.out_channels / p.groups);
  const auto run = static_cast<double>(std::min(p.axes.back().output(), max_block_outputs));
  const bool in_place = has_rows_in_place(p);
  const bool weights_in_place =
      p.filter == p.accumulator && !p.flip && p.w_strides == compact_strides(p.w_shape());
  const double cycles =
      sums * (sum_cycles + rows * start_cycles) +
      places * rows * (row_cycles + run_cycles / run + (in_place ? 0 : taps * value_cycles)) +
      (weights_in_place ? 0 : static_cast<double>(element_count(p.w_shape())) * value_cycles);
  const double products = sums * rows * std::ceil(taps / lanes) * lanes;
  return 1e-3 *
         (products * loaded * machine.product_ns(p.accumulator) + cycles * machine.cycle_ns());
}

}  // namespace faltung::direct
