#include "cpp/cpu/direct/dots/dots_task.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/boxes/finite.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"

namespace faltung::direct {
namespace {

// Whether all rows lie within x.
bool stays_inside(const Axis& axis) {
  return all_met(axis, [](const Boundary&) { return false; });
}

}  // namespace

template <typename Acc>
DotsTask<Acc>::DotsTask(const Problem& problem)
    : KernelTask(std::make_unique<DirectTask<Acc>>(problem)),
      p_(*with_rows(problem)),
      policy_(choose_dots(p_)),
      kernel_(dots_kernel<Acc>()),
      packer_(p_),
      input_(p_, x_strides(p_).spatial),
      result_(p_),
      x_(x_strides(p_)),
      y_(y_strides(p_)),
      outputs_(output_extents(p_)),
      slow_taps_(slow_extents(filter_extents(p_))),
      group_inputs_(p_.in_channels / p_.groups),
      group_outputs_(p_.out_channels / p_.groups),
      rows_(group_inputs_ * element_count(slow_taps_)),
      taps_(p_.axes.back().filter),
      image_outputs_(element_count(outputs_)),
      in_place_(has_rows_in_place(p_)),
      by_outputs_(group_outputs_ < 4),
      pads_zeros_(meets_zeros(p_)) {
  const std::int64_t blocks = p_.groups * ceil_divide(p_.batch * image_outputs_, policy_.outputs) *
                              ceil_divide(group_outputs_, policy_.channels);
  layout_.slots = plan_threads(blocks, dots_us(problem));
  add_weights<Acc>(packer_.size());
  row_table_ = layout_.slot.add<const Acc*>(policy_.outputs * rows_);
  const bool copies = !in_place_ || !std::ranges::all_of(p_.axes, stays_inside);
  copies_ = layout_.slot.add<Acc>(copies ? policy_.outputs * rows_ * taps_ : 0);
  sums_ = layout_.slot.add<Acc>(policy_.outputs * policy_.channels);
}

template <typename Acc>
std::string DotsTask<Acc>::policy() const {
  return message("rows of ", taps_, " products, ", policy_.outputs, " outputs of ",
                 std::min(policy_.channels, group_outputs_), " channels at a time");
}

// The blocks of a lane, and the lanes.
template <typename Acc>
ErrorBound DotsTask<Acc>::error_bound() const {
  const std::int64_t products = rows_ * ceil_divide(taps_, kernel_.lanes);
  std::int64_t roundings = std::min(products, sum_block) + kernel_.lanes;
  if (products > sum_block) roundings += ceil_divide(products, sum_block);
  ErrorBound bound = KernelTask::error_bound();
  const double own = sum_error(static_cast<double>(roundings), p_.accumulator);
  bound.constant = std::max(bound.constant, own);
  return bound;
}

template <typename Acc>
const void* DotsTask<Acc>::make_weights(const void* w, void* to, std::byte*, int) const {
  const Acc* filter = packer_.filter(w, static_cast<Acc*>(to));
  const std::int64_t count = p_.out_channels * rows_ * taps_;
  return pads_zeros_ && !all_finite(filter, count) ? nullptr : filter;
}

template <typename Acc>
bool DotsTask<Acc>::compute(const RunArguments& arguments) const {
  const auto* filter = find_weights<Acc>(arguments);
  if (filter == nullptr) return false;
  const std::int64_t blocks = p_.groups * ceil_divide(p_.batch * image_outputs_, policy_.outputs) *
                              ceil_divide(group_outputs_, policy_.channels);
  for_each_block(arguments, blocks, [&](std::int64_t block, std::byte* workspace) {
    const Work part = work(block, workspace);
    find_rows(arguments, part);
    kernel_.run({.x = row_table_.at(workspace),
                 .outputs = part.outputs,
                 .rows = rows_,
                 .taps = taps_,
                 .w = filter + part.channel * rows_ * taps_,
                 .w_channel = rows_ * taps_,
                 .channels = part.channels,
                 .y = sums_.at(workspace),
                 .y_output = by_outputs_ ? 1 : part.channels,
                 .y_channel = by_outputs_ ? part.outputs : 1});
    store(arguments, part);
  });
  return true;
}

template <typename Acc>
typename DotsTask<Acc>::Work DotsTask<Acc>::work(std::int64_t block, std::byte* workspace) const {
  const std::int64_t parts = ceil_divide(group_outputs_, policy_.channels);
  const std::int64_t all = p_.batch * image_outputs_;
  const std::int64_t pieces = ceil_divide(all, policy_.outputs);
  const std::int64_t channel = block % parts * policy_.channels;
  const std::int64_t first = block / parts % pieces * policy_.outputs;
  const std::int64_t group = block / parts / pieces;
  return {.first = first,
          .outputs = std::min(policy_.outputs, all - first),
          .channel = group * group_outputs_ + channel,
          .channels = std::min(policy_.channels, group_outputs_ - channel),
          .group = group,
          .workspace = workspace};
}

template <typename Acc>
Extents DotsTask<Acc>::output(std::int64_t position) const {
  Extents o = Extents::filled(outputs_.size(), 0);
  for (std::size_t a = outputs_.size(); a-- > 0; position /= outputs_[a]) {
    o[a] = position % outputs_[a];
  }
  return o;
}

// Calls f(image, first output, outputs) for neighbours on the last axis.
template <typename Acc>
template <typename F>
void DotsTask<Acc>::for_each_run(const Work& work, F&& f) const {
  const std::int64_t end = work.first + work.outputs;
  for (std::int64_t i = work.first; i < end;) {
    const Extents o = output(i % image_outputs_);
    const std::int64_t count = std::min(outputs_.back() - o.back(), end - i);
    f(i / image_outputs_, o, count);
    i += count;
  }
}

template <typename Acc>
void DotsTask<Acc>::find_rows(const RunArguments& arguments, const Work& work) const {
  const Axis& axis = p_.axes.back();
  const Acc** to = row_table_.at(work.workspace);
  Acc* copy = copies_.at(work.workspace);
  for_each_run(work, [&](std::int64_t b, const Extents& o, std::int64_t count) {
    std::int64_t image = b * x_.outer + work.group * group_inputs_ * x_.channel;
    const Acc** row = to;
    for (std::int64_t c = 0; c < group_inputs_; ++c, image += x_.channel) {
      for_each_index(slow_taps_, [&](std::int64_t, const Extents& r) {
        const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, o, r));
        const bool elements = in_place_ && place.kind == RowPlace::Kind::elements;
        for (std::int64_t i = 0; i < count; ++i) {
          const std::int64_t first = (o.back() + i) * axis.stride;
          const std::int64_t at = first - axis.pad_lo;
          if (elements && at >= 0 && at + taps_ <= axis.input) {
            row[i * rows_] = static_cast<const Acc*>(arguments.first) + image + place.offset + at;
            continue;
          }
          input_.load(arguments.first, image, place, first, axis.dilation, taps_, copy);
          row[i * rows_] = copy;
          copy += taps_;
        }
        ++row;
      });
    }
    to += count * rows_;
  });
}

// Few channels are stored by rows of outputs. The channels of an output are stored together where
// none has a bias of its own.
template <typename Acc>
void DotsTask<Acc>::store(const RunArguments& arguments, const Work& work) const {
  const Acc* sums = sums_.at(work.workspace);
  const std::int64_t together = p_.epilogue.bias ? 1 : work.channels;
  for_each_run(work, [&](std::int64_t b, const Extents& o, std::int64_t count) {
    const std::int64_t place = b * y_.outer + work.channel * y_.channel + offset_of(o, y_.spatial);
    if (by_outputs_) {
      for (std::int64_t k = 0; k < work.channels; ++k) {
        result_.store(arguments, work.channel + k, sums + k * work.outputs, count,
                      place + k * y_.channel, y_.spatial.back());
      }
      sums += count;
      return;
    }
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t k = 0; k < work.channels; k += together, sums += together) {
        result_.store(arguments, work.channel + k, sums, together,
                      place + i * y_.spatial.back() + k * y_.channel, y_.channel);
      }
    }
  });
}

template class DotsTask<float>;
template class DotsTask<double>;

}  // namespace faltung::direct
