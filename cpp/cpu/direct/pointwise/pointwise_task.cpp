#include "cpp/cpu/direct/pointwise/pointwise_task.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/core/geometry.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/flatten.hpp"
#include "cpp/cpu/simd/cpu_target.hpp"

namespace faltung::direct {
namespace {

// Output channels in a group: with more, panels read x less often for the tiles of a filter that
// leaves the first-level cache. On short rows, whose last vector is half empty, they are as fast
// from fewer on: 16 of 256 channels on 8 images of 7x7 take 48 us of a Zen 4 core there, 54 here;
// on rows of 784 places 16 of 128 take 37 and 28.
constexpr std::int64_t max_outputs = 16, max_outputs_of_short_rows = 8;
constexpr std::int64_t short_row = 64;
// Places of a block: what they read of some channels stays in a first-level cache.
constexpr std::int64_t block_places = 2048;

template <typename Acc>
bool has_kernel() {
  const CpuMachine* elsewhere = cpu_machine_elsewhere();
  if (elsewhere == nullptr) return pointwise_kernel<Acc>() != nullptr;
  return elsewhere->instruction_set == "avx512" || elsewhere->instruction_set == "avx2";
}

bool meets_every_element(const Axis& axis) {
  return axis.filter == 1 && axis.stride == 1 && axis.input_dilation == 1 && axis.pad_lo == 0 &&
         axis.output() == axis.input;
}

}  // namespace

template <typename Acc>
bool PointwiseTask<Acc>::serves(const Problem& p) {
  if (p.pass != Pass::forward || p.accumulator != dtype_of<Acc> || p.input != dtype_of<Acc> ||
      p.out_channels / p.groups > max_outputs || x_strides(p).spatial.back() != 1 ||
      !std::ranges::all_of(p.axes, meets_every_element)) {
    return false;
  }
  if (p.out_channels / p.groups > max_outputs_of_short_rows &&
      flattened(p).axes.back().input < short_row) {
    return false;
  }
  // One input channel in a group is an image times numbers: other ways take rows of those.
  const Extents inputs{p.in_channels / p.groups};
  return inputs[0] > 1 && sum_steps(inputs) == inputs && has_kernel<Acc>();
}

template <typename Acc>
PointwiseTask<Acc>::PointwiseTask(const Problem& problem)
    : KernelTask(std::make_unique<DirectTask<Acc>>(problem)),
      p_(flattened(problem)),
      packer_(p_),
      result_(p_),
      kernel_(pointwise_kernel<Acc>()),
      x_(x_strides(p_)),
      y_(y_strides(p_)),
      slow_(slow_extents(input_extents(p_))),
      rows_(element_count(slow_)),
      columns_(p_.axes.back().input),
      block_columns_(std::min(columns_, block_places)),
      blocks_(ceil_divide(columns_, block_columns_)),
      group_inputs_(p_.in_channels / p_.groups),
      group_outputs_(p_.out_channels / p_.groups),
      stores_in_place_(results_are_sums<Acc>(p_) && y_.spatial.back() == 1) {
  layout_.slots =
      plan_threads(count_of({p_.batch, p_.groups, rows_, blocks_}), pointwise_us(problem));
  add_weights<Acc>(element_count(p_.w_shape()), packer_.size());
  sums_ = layout_.slot.add<Acc>(stores_in_place_ ? 0 : group_outputs_ * block_columns_);
}

template <typename Acc>
std::string PointwiseTask<Acc>::policy() const {
  return message("blocks of ", block_columns_, " places, read in place");
}

template <typename Acc>
const void* PointwiseTask<Acc>::make_weights(const void* w, void* to, std::byte*, int) const {
  return packer_.filter(w, static_cast<Acc*>(to));
}

template <typename Acc>
bool PointwiseTask<Acc>::compute(const RunArguments& arguments) const {
  const auto* weights = find_weights<Acc>(arguments);
  for_each_block(arguments, p_.batch * p_.groups * rows_ * blocks_,
                 [&](std::int64_t index, std::byte* workspace) {
                   compute_block(arguments, weights, index, workspace);
                 });
  return true;
}

template <typename Acc>
void PointwiseTask<Acc>::compute_block(const RunArguments& arguments, const Acc* weights,
                                       std::int64_t index, std::byte* workspace) const {
  const std::int64_t column = index % blocks_ * block_columns_;
  std::int64_t row = index / blocks_ % rows_;
  const std::int64_t image = index / blocks_ / rows_;
  const std::int64_t b = image / p_.groups, g = image % p_.groups;
  const std::int64_t first_k = g * group_outputs_;
  std::int64_t from = b * x_.outer + g * group_inputs_ * x_.channel + column;
  std::int64_t to = b * y_.outer + first_k * y_.channel + column * y_.spatial.back();
  for (std::size_t a = slow_.size(); a-- > 0; row /= slow_[a]) {
    from += row % slow_[a] * x_.spatial[a];
    to += row % slow_[a] * y_.spatial[a];
  }
  const std::int64_t count = std::min(block_columns_, columns_ - column);
  Acc* sums = stores_in_place_ ? static_cast<Acc*>(arguments.result) + to : sums_.at(workspace);
  const std::int64_t sums_step = stores_in_place_ ? y_.channel : block_columns_;
  kernel_({.x = static_cast<const Acc*>(arguments.first) + from,
           .x_step = x_.channel,
           .inputs = group_inputs_,
           .w = weights + first_k * group_inputs_,
           .w_step = group_inputs_,
           .y = sums,
           .y_step = sums_step,
           .outputs = group_outputs_,
           .count = count});
  if (stores_in_place_) return;
  for (std::int64_t k = 0; k < group_outputs_; ++k) {
    result_.store(arguments, first_k + k, sums + k * sums_step, count, to + k * y_.channel,
                  y_.spatial.back());
  }
}

template class PointwiseTask<float>;
template class PointwiseTask<double>;

// Products, and vectors of x for each tile of output channels; the bytes of x and y if they take
// longer; blocks.
double pointwise_us(const Problem& p) {
  constexpr double load_cycles = 0.75, block_cycles = 60;
  constexpr double tile = 4;
  const CpuMachine& machine = cpu_machine();
  const auto bytes = static_cast<double>(size_of(p.accumulator));
  const double lanes = machine.lanes(static_cast<std::int64_t>(bytes));
  const double outputs = static_cast<double>(p.out_channels / p.groups);
  const auto values = static_cast<double>(element_count(p.x_shape()));
  const double blocks = values / static_cast<double>(p.in_channels / p.groups) /
                        std::min(static_cast<double>(block_places),
                                 static_cast<double>(flattened(p).axes.back().input));
  const double ns =
      p.multiply_adds() * machine.product_ns(p.accumulator) +
      (values / lanes * std::ceil(outputs / tile) * load_cycles + blocks * block_cycles) *
          machine.cycle_ns();
  const double moved = (values + static_cast<double>(element_count(p.y_shape()))) * bytes /
                       machine.copy_bytes_per_ns;
  return 1e-3 * std::max(ns, moved);
}

}  // namespace faltung::direct
