#include "cpp/cpu/direct/separable/separable_task.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"

namespace faltung::direct {
namespace {

template <typename Acc>
std::unique_ptr<Task> task_for_any_filter(const Problem& p) {
  if (StencilTask<Acc>::serves(p)) return std::make_unique<StencilTask<Acc>>(p);
  return std::make_unique<DirectTask<Acc>>(p);
}

// Rows of sums that are kept until they are stored as another type: what the kernel sums at once.
constexpr std::int64_t sum_rows = 8;

template <typename Acc>
SeparablePolicy policy_of(const Problem& p) {
  return choose_separable(ThreeAxes(p), p.batch * p.out_channels, sizeof(Acc));
}

// A filter type that rounds more than the sums lies too far from any outer product.
bool keeps_accuracy(const Problem& p) {
  return p.math == Math::fast || is_integer(p.filter) || is_integer(p.accumulator) ||
         unit_roundoff(p.filter) <= unit_roundoff(p.accumulator);
}

}  // namespace

template <typename Acc>
bool SeparableTask<Acc>::serves(const Problem& p) {
  return p.separable == 1 && p.pass == Pass::forward && p.rank() <= 3 &&
         p.in_channels == p.groups && keeps_accuracy(p) &&
         std::ranges::count_if(p.axes, [](const Axis& axis) { return axis.filter > 1; }) > 1 &&
         std::ranges::all_of(p.axes,
                             [](const Axis& axis) {
                               return axis.stride == 1 && axis.dilation == 1 &&
                                      axis.input_dilation == 1;
                             }) &&
         slices_fit(ThreeAxes(p), static_cast<std::int64_t>(sizeof(Acc)));
}

template <typename Acc>
SeparableTask<Acc>::SeparableTask(const Problem& problem)
    : BoxTask(problem, ThreeAxes(problem), policy_of<Acc>(problem).box, problem.out_channels, 1,
              task_for_any_filter<Acc>(problem)),
      policy_(policy_of<Acc>(problem)),
      packer_(problem),
      loader_(problem, t_, {1, 1, box_[2]}),
      result_(problem),
      kernel_(stencil_kernel<Part>()),
      taps_{t_.axes[0].filter, t_.axes[1].filter, t_.axes[2].filter},
      line_size_(taps_[0] + taps_[1] + taps_[2]),
      pitch_(slice_pitch(box_[2])),
      slice_(slice_values(policy_)) {
  stores_in_place_ = results_are_sums<Acc>(p_) && t_.y[2] == 1;
  streams_ = stores_in_place_ && leaves_caches(p_);
  share(separable_us(p_));
  add_weights<Acc>(p_.out_channels * line_size_);
  filter_ = layout_.shared.add<Acc>(packer_.size());
  scratch_ = layout_.shared.add<FactorNumber<Acc>>(layout_.slots * line_size_);
  const std::int64_t rows = policy_.walk == 0 ? reach(t_.axes[1], box_[1]) : 0;
  WorkspaceLayout& slot = layout_.slot;
  segments_ = slot.add<Segment>(loader_.max_segments());
  stage_ = slot.add<Acc>(loader_.row_size());
  rows_ = slot.add<Acc>(rows * pitch_ + row_slack);
  slices_ = slot.add<Acc>(kept_values(t_, policy_) + row_slack);
  sums_ = slot.add<Acc>(stores_in_place_ ? 0 : sum_rows * pitch_);
}

// What a product may differ from its tap, the comparison's own roundings included; then the sums
// along the axes, each of which rounds what the next one sums. Filters that turn out to be no
// products have the bound of the general task.
template <typename Acc>
ErrorBound SeparableTask<Acc>::error_bound() const {
  if (is_integer(p_.accumulator)) return {};
  double factor =
      1 + factor_tolerance(p_) + static_cast<double>(p_.rank()) * unit_roundoff(p_.accumulator);
  for (const Axis& axis : p_.axes) {
    factor *= 1 + sum_error(static_cast<double>(axis.filter), p_.accumulator);
  }
  return {ErrorBound::Kind::elementwise, std::max(factor - 1, BoxTask::error_bound().constant)};
}

template <typename Acc>
std::string SeparableTask<Acc>::policy() const {
  return message("separable, boxes of ", box_text(box_), " outputs, ", policy_.step, " a step");
}

template <typename Acc>
const void* SeparableTask<Acc>::make_weights(const void* w, void* to, std::byte* workspace,
                                             int threads) const {
  const Acc* filter = packer_.filter(w, filter_.at(workspace));
  const std::int64_t count = taps_[0] * taps_[1] * taps_[2];
  std::atomic<bool> found{true};
  parallel_for(p_.out_channels, threads, [&](std::int64_t k, int slot) {
    if (!find_factors(filter + k * count, taps_, policy_.walk, factor_tolerance(p_),
                      scratch_.at(workspace) + slot * line_size_,
                      static_cast<Acc*>(to) + k * line_size_)) {
      found.store(false, std::memory_order_relaxed);
    }
  });
  return found ? to : nullptr;
}

template <typename Acc>
bool SeparableTask<Acc>::compute(const RunArguments& arguments) const {
  const auto* lines = find_weights<Acc>(arguments);
  if (lines == nullptr) return false;
  for_each_box(arguments, [&](const Work& work) {
    Segment* segments = segments_.at(work.workspace);
    const std::int64_t count = loader_.find_segments(work.first[2], work.outputs[2], segments);
    compute_box(arguments, {work, lines + work.group * line_size_, {segments, segments + count}});
  });
  return true;
}

template <typename Acc>
void SeparableTask<Acc>::compute_box(const RunArguments& arguments, const Rows& work) const {
  Acc* slices = slices_.at(work.workspace);
  const std::int64_t kept = taps_[policy_.walk] - 1;
  const std::int64_t outputs = work.outputs[policy_.walk];
  for (std::int64_t place = 0; place < outputs; place += policy_.step) {
    const std::int64_t count = std::min(policy_.step, outputs - place);
    for (std::int64_t s = place == 0 ? 0 : kept; s < kept + count; ++s) {
      sum_slice(arguments, work, place + s, slices + s * slice_);
    }
    store_outputs(arguments, work, place, count);
    if (place + count < outputs) {
      std::memmove(slices, slices + count * slice_,
                   static_cast<std::size_t>(kept * slice_) * sizeof(Acc));
    }
  }
}

// The slice at one place of the walk, in positions of the extended input from the block's first.
template <typename Acc>
void SeparableTask<Acc>::sum_slice(const RunArguments& arguments, const Rows& work,
                                   std::int64_t place, Acc* slice) const {
  if (policy_.walk == 1) {
    return load_and_sum(arguments, work, {work.first[0], work.first[1] + place}, slice);
  }
  Acc* rows = rows_.at(work.workspace);
  for (std::int64_t y = 0; y < reach(t_.axes[1], work.outputs[1]); ++y) {
    load_and_sum(arguments, work, {work.first[0] + place, work.first[1] + y}, rows + y * pitch_);
  }
  sum_across({.x = rows,
              .step = pitch_,
              .line = work.lines + taps_[0],
              .taps = taps_[1],
              .y = slice,
              .y_step = pitch_,
              .rows = work.outputs[1],
              .columns = work.outputs[2]});
}

// A row of the extended input, summed along x.
template <typename Acc>
void SeparableTask<Acc>::load_and_sum(const RunArguments& arguments, const Rows& work,
                                      std::array<std::int64_t, 2> position, Acc* to) const {
  Acc* stage = stage_.at(work.workspace);
  const std::int64_t image = input_at(work, work.group / group_outputs_);
  loader_.load_row_at(arguments.first, image, position, work.segments, stage);
  // The next row comes while this one is summed.
  loader_.prefetch_row_at(arguments.first, image, {position[0], position[1] + 1}, work.segments);
  constexpr std::int64_t start = 0;
  kernel_({.x = reinterpret_cast<const Part*>(stage),
           .planes = &start,
           .plane_count = 1,
           .tap_rows = 1,
           .tap_row_step = 0,
           .taps = taps_[2],
           .tap_step = 1,
           .offsets = nullptr,
           .w = reinterpret_cast<const Part*>(work.lines + taps_[0] + taps_[1]),
           .y = reinterpret_cast<Part*>(to),
           .y_row_step = 0,
           .rows = 1,
           .columns = work.outputs[2]});
}

template <typename Acc>
void SeparableTask<Acc>::sum_across(const Across& a) const {
  constexpr std::int64_t start = 0;
  kernel_({.x = reinterpret_cast<const Part*>(a.x),
           .planes = &start,
           .plane_count = 1,
           .tap_rows = a.taps,
           .tap_row_step = a.step,
           .taps = 1,
           .tap_step = 1,
           .offsets = nullptr,
           .w = reinterpret_cast<const Part*>(a.line),
           .y = reinterpret_cast<Part*>(a.y),
           .y_row_step = a.y_step,
           .rows = a.rows,
           .columns = a.columns,
           .streams = a.streams});
}

// Sums the slices along the walk into `count` outputs from `place` on.
template <typename Acc>
void SeparableTask<Acc>::store_outputs(const RunArguments& arguments, const Rows& work,
                                       std::int64_t place, std::int64_t count) const {
  const std::size_t walk = policy_.walk;
  const std::int64_t origin = output_at(work, work.group, 0, 0) + place * t_.y[walk];
  Across across{.x = slices_.at(work.workspace),
                .step = slice_,
                .line = work.lines + (walk == 0 ? 0 : taps_[0]),
                .taps = taps_[walk],
                .y_step = t_.y[walk],
                .rows = count,
                .columns = work.outputs[2],
                .streams = streams_};
  const std::int64_t slice_rows = walk == 0 ? work.outputs[1] : 1;
  for (std::int64_t y = 0; y < slice_rows; ++y, across.x += pitch_) {
    const std::int64_t to = origin + y * t_.y[1];
    if (stores_in_place_) {
      across.y = static_cast<Acc*>(arguments.result) + to;
      sum_across(across);
      continue;
    }
    Across part = across;
    part.y = sums_.at(work.workspace);
    part.y_step = pitch_;
    for (std::int64_t m = 0; m < count; m += sum_rows) {
      part.x = across.x + m * slice_;
      part.rows = std::min(sum_rows, count - m);
      sum_across(part);
      for (std::int64_t i = 0; i < part.rows; ++i) {
        result_.store(arguments, work.group, part.y + i * pitch_, work.outputs[2],
                      to + (m + i) * t_.y[walk], t_.y[2]);
      }
    }
  }
}

template class SeparableTask<float>;
template class SeparableTask<double>;
template class SeparableTask<std::uint32_t>;

}  // namespace faltung::direct
