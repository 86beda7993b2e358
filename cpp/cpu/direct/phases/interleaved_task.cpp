#include "cpp/cpu/direct/phases/interleaved_task.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/boxes/finite.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"

namespace faltung::direct {
namespace {

// Outputs of a block: what they read and are written to stays in a second-level cache.
constexpr std::int64_t block_outputs = 1 << 14;

bool meets_zeros_alone(const Axis& axis) {
  return all_met(axis, [](const Boundary& b) { return b.kind == BoundaryKind::zero; });
}

// Between outputs of one phase.
std::int64_t period(const Axis& axis) {
  return axis.input_dilation / std::gcd(axis.input_dilation, axis.stride);
}

// The most taps of an axis that an output meets.
std::int64_t most_taps(const Axis& axis) {
  const std::int64_t step = axis.input_dilation / std::gcd(axis.input_dilation, axis.dilation);
  return ceil_divide(axis.filter, step);
}

template <typename Acc>
bool has_kernel() {
  const CpuMachine* elsewhere = cpu_machine_elsewhere();
  if (elsewhere == nullptr) return interleaved_kernel<Acc>() != nullptr;
  return elsewhere->instruction_set == "avx512" || elsewhere->instruction_set == "avx2";
}

}  // namespace

template <typename Acc>
bool InterleavedTask<Acc>::serves(const Problem& p) {
  if (p.pass != Pass::forward || p.in_channels != p.groups || p.rank() > 3 ||
      p.accumulator != dtype_of<Acc> || p.input != dtype_of<Acc> ||
      x_strides(p).spatial.back() != 1) {
    return false;
  }
  const auto dilated = [](const Axis& axis) { return axis.input_dilation > 1; };
  const Axis& x = p.axes.back();
  if (std::ranges::none_of(p.axes, dilated) || !std::ranges::all_of(p.axes, meets_zeros_alone) ||
      x.stride != 1 || x.input_dilation > max_row_phases || x.filter > max_row_taps) {
    return false;
  }
  // Sums are not cut into blocks.
  std::int64_t taps = 1;
  for (const Axis& axis : p.axes) {
    constexpr std::int64_t max_phases = 64;
    if (period(axis) > max_phases || most_taps(axis) > sum_block) return false;
    taps *= most_taps(axis);
  }
  return taps <= sum_block && has_kernel<Acc>();
}

template <typename Acc>
InterleavedTask<Acc>::InterleavedTask(const Problem& problem)
    : KernelTask(std::make_unique<DirectTask<Acc>>(problem)),
      p_(problem),
      t_(problem),
      packer_(problem),
      result_(problem),
      kernel_(interleaved_kernel<Acc>()),
      x_(x_strides(problem)),
      y_(y_strides(problem)),
      group_outputs_(problem.out_channels / problem.groups),
      taps_(element_count(filter_extents(problem))),
      most_met_(most_taps(t_.axes[0]) * most_taps(t_.axes[1])),
      stores_in_place_(results_are_sums<Acc>(problem) && t_.y[2] == 1),
      pads_zeros_(meets_zeros(problem)) {
  find_phases();
  const std::int64_t columns = t_.axes[2].output(), rows = t_.axes[1].output();
  const std::int64_t step = t_.axes[2].input_dilation;
  block_places_ = ceil_divide(std::min(columns, block_outputs), step);
  place_blocks_ = ceil_divide(ceil_divide(columns, step), block_places_);
  block_rows_ = std::clamp<std::int64_t>(block_outputs / columns, 1, rows);
  row_blocks_ = ceil_divide(rows, block_rows_);
  layout_.slots = plan_threads(
      count_of({p_.batch, p_.out_channels, t_.axes[0].output(), row_blocks_, place_blocks_}),
      interleaved_us(p_));
  add_weights<Acc>(count_of({p_.out_channels, taps_}));
  filter_ = layout_.shared.add<Acc>(packer_.size());
  planes_ = layout_.slot.add<MetRow<Acc>>(most_taps(t_.axes[0]));
  met_ = layout_.slot.add<MetRow<Acc>>(block_rows_ * most_met_);
  counts_ = layout_.slot.add<std::int64_t>(block_rows_);
  sums_ = layout_.slot.add<Acc>(stores_in_place_ ? 0 : block_rows_ * block_places_ * step);
}

template <typename Acc>
void InterleavedTask<Acc>::find_phases() {
  for (std::size_t a = 0; a < 3; ++a) {
    const Axis& axis = t_.axes[a];
    for (std::int64_t first = 0; first < std::min(period(axis), axis.output()); ++first) {
      const Phase::Part part = output_part(axis, first);
      phases_[a].push_back({part, part.taps > 0 ? output_axis(axis, part) : Axis{}});
    }
  }
  for (const auto& [part, axis] : phases_[2]) {
    row_taps_.push_back(part.taps);
    for (std::int64_t j = 0; j < part.taps; ++j) {
      places_.push_back(j * axis.dilation - axis.pad_lo);
      tap_order_.push_back(part.first_tap + j * part.tap_step);
    }
  }
  row_taps_.resize(static_cast<std::size_t>(t_.axes[2].input_dilation));  // those of no output
}

template <typename Acc>
std::string InterleavedTask<Acc>::policy() const {
  return message(t_.axes[2].input_dilation, " phases of a row side by side, blocks of ",
                 block_rows_, "x",
                 std::min(block_places_ * t_.axes[2].input_dilation, t_.axes[2].output()),
                 " outputs, read in place");
}

// The sums of a phase are not cut.
template <typename Acc>
ErrorBound InterleavedTask<Acc>::error_bound() const {
  ErrorBound bound = KernelTask::error_bound();
  const auto taps = static_cast<double>(most_met_ * most_taps(t_.axes[2]));
  bound.constant = std::max(bound.constant, sum_error(taps, p_.accumulator));
  return bound;
}

// The taps of each row in the order of the phases that meet them.
template <typename Acc>
const void* InterleavedTask<Acc>::make_weights(const void* w, void* to, std::byte* workspace,
                                               int) const {
  const Acc* filter = packer_.filter(w, filter_.at(workspace));
  if (pads_zeros_ && !all_finite(filter, p_.out_channels * taps_)) return nullptr;
  auto* weights = static_cast<Acc*>(to);
  const std::int64_t row = t_.axes[2].filter;
  for (std::int64_t i = 0; i < p_.out_channels * taps_; i += row) {
    for (std::size_t t = 0; t < tap_order_.size(); ++t) {
      weights[i + static_cast<std::int64_t>(t)] = filter[i + tap_order_[t]];
    }
  }
  return to;
}

template <typename Acc>
bool InterleavedTask<Acc>::compute(const RunArguments& arguments) const {
  const auto* weights = find_weights<Acc>(arguments);
  if (weights == nullptr) return false;
  const std::int64_t blocks =
      p_.batch * p_.out_channels * t_.axes[0].output() * row_blocks_ * place_blocks_;
  for_each_block(arguments, blocks, [&](std::int64_t index, std::byte* workspace) {
    compute_block(arguments, weights, find(index, workspace));
  });
  return true;
}

template <typename Acc>
typename InterleavedTask<Acc>::Block InterleavedTask<Acc>::find(std::int64_t index,
                                                                std::byte* workspace) const {
  const auto next = [&](std::int64_t count) {
    const std::int64_t i = index % count;
    index /= count;
    return i;
  };
  const std::int64_t step = t_.axes[2].input_dilation;
  Block block{};
  block.workspace = workspace;
  block.first = next(place_blocks_) * block_places_;
  block.columns = std::min(block_places_ * step, t_.axes[2].output() - block.first * step);
  block.first_row = next(row_blocks_) * block_rows_;
  block.rows = std::min(block_rows_, t_.axes[1].output() - block.first_row);
  block.plane = next(t_.axes[0].output());
  block.channel = next(p_.out_channels);
  block.image = index;
  return block;
}

// Calls f(tap, element) for the taps that meet an element under output m of a phase.
template <typename Acc>
template <typename F>
void InterleavedTask<Acc>::for_each_met(const AxisPhase& phase, std::int64_t m, F&& f) {
  const auto& [part, axis] = phase;
  std::int64_t element = m * axis.stride - axis.pad_lo;
  std::int64_t tap = part.first_tap;
  for (std::int64_t j = 0; j < part.taps; ++j, element += axis.dilation, tap += part.tap_step) {
    if (element >= 0 && element < axis.input) f(tap, element);
  }
}

// Row by row, without the divisions that say which phase a row is of: there are many short ones.
template <typename Acc>
void InterleavedTask<Acc>::find_rows(const Acc* image, const Acc* weights,
                                     const Block& block) const {
  const auto phases_of = [&](std::size_t axis) { return std::ssize(phases_[axis]); };
  const std::int64_t row_taps = t_.axes[2].filter, plane_taps = t_.axes[1].filter * row_taps;
  MetRow<Acc>* planes_end = planes_.at(block.workspace);
  for_each_met(phases_[0][static_cast<std::size_t>(block.plane % phases_of(0))],
               block.plane / phases_of(0), [&](std::int64_t q, std::int64_t plane) {
                 *planes_end++ = {image + plane * t_.x[0], weights + q * plane_taps};
               });
  MetRow<Acc>* met = met_.at(block.workspace);
  std::int64_t* counts = counts_.at(block.workspace);
  std::int64_t phase = block.first_row % phases_of(1), m = block.first_row / phases_of(1);
  for (std::int64_t row = 0; row < block.rows; ++row) {
    const MetRow<Acc>* start = met;
    const AxisPhase& of_row = phases_[1][static_cast<std::size_t>(phase)];
    for (const MetRow<Acc>* plane = planes_.at(block.workspace); plane != planes_end; ++plane) {
      for_each_met(of_row, m, [&](std::int64_t r, std::int64_t y) {
        *met++ = {plane->x + y * t_.x[1], plane->w + r * row_taps};
      });
    }
    counts[row] = met - start;
    if (++phase < phases_of(1)) continue;
    phase = 0;
    ++m;
  }
}

template <typename Acc>
void InterleavedTask<Acc>::compute_block(const RunArguments& arguments, const Acc* weights,
                                         const Block& block) const {
  const std::int64_t group = block.channel / group_outputs_;
  find_rows(static_cast<const Acc*>(arguments.first) + block.image * x_.outer + group * x_.channel,
            weights + block.channel * taps_, block);
  const std::int64_t step = t_.axes[2].input_dilation;
  const std::int64_t to = block.image * y_.outer + block.channel * y_.channel +
                          block.plane * t_.y[0] + block.first_row * t_.y[1] +
                          block.first * step * t_.y[2];
  Acc* sums =
      stores_in_place_ ? static_cast<Acc*>(arguments.result) + to : sums_.at(block.workspace);
  const std::int64_t row_step = stores_in_place_ ? t_.y[1] : block_places_ * step;
  kernel_({.met = met_.at(block.workspace),
           .counts = counts_.at(block.workspace),
           .rows = block.rows,
           .width = t_.axes[2].input,
           .phases = step,
           .taps = row_taps_.data(),
           .places = places_.data(),
           .first = block.first,
           .y = sums,
           .y_row_step = row_step,
           .columns = block.columns});
  if (stores_in_place_) return;
  for (std::int64_t row = 0; row < block.rows; ++row) {
    result_.store(arguments, block.channel, sums + row * row_step, block.columns,
                  to + row * t_.y[1], t_.y[2]);
  }
}

template class InterleavedTask<float>;
template class InterleavedTask<double>;

// Products, the last vector of each phase of a row counted as full; vectors of the result; rows
// met, and rows; the bytes of x and y if they take longer. On 10 problems, 3x3 to 31 taps, rows of
// 56 to 262,144 outputs, an EPYC takes 0.95 to 1.3 times as long.
double interleaved_us(const Problem& p) {
  constexpr double product_cycles = 1.5, store_cycles = 4;  // of a vector
  constexpr double met_cycles = 8, row_cycles = 20;
  const CpuMachine& machine = cpu_machine();
  const auto bytes = static_cast<std::int64_t>(size_of(p.accumulator));
  const double lanes = machine.lanes(bytes);
  const Axis& x = p.axes.back();
  const auto width = static_cast<double>(std::max<std::int64_t>(1, x.output()));
  const double rows = static_cast<double>(element_count(p.y_shape())) / width;
  double met = 1;  // rows of x under a row of outputs
  for (std::size_t a = 0; a + 1 < p.rank(); ++a) {
    met *= static_cast<double>(p.axes[a].filter) /
           static_cast<double>(p.axes[a].input_dilation /
                               std::gcd(p.axes[a].input_dilation, p.axes[a].dilation));
  }
  const auto phases = static_cast<double>(x.input_dilation);
  const double vectors = std::ceil(width / phases / lanes);
  const double row =
      vectors * (met * static_cast<double>(x.filter) * product_cycles + phases * store_cycles) +
      met * met_cycles + row_cycles;
  const double moved =
      static_cast<double>(element_count(p.x_shape()) + element_count(p.y_shape())) *
      static_cast<double>(bytes) / machine.copy_bytes_per_ns;
  return 1e-3 * std::max(rows * row * machine.cycle_ns(), moved);
}

bool is_interleaved(const Problem& p) {
  return p.accumulator == DType::f32   ? InterleavedTask<float>::serves(p)
         : p.accumulator == DType::f64 ? InterleavedTask<double>::serves(p)
                                       : false;
}

}  // namespace faltung::direct
