#include "cpp/cpu/direct/gradient/gradient_task.hpp"

#include <algorithm>
#include <atomic>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/boxes/finite.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"
#include "cpp/cpu/direct/gradient/gradient_policy.hpp"
#include "cpp/cpu/filter_rows.hpp"

namespace faltung::direct {
namespace {

constexpr std::int64_t fill_up(std::int64_t count, std::int64_t step) {
  return ceil_divide(count, step) * step;
}

// Groups of one channel side by side in memory that are read at once: a cache line of f32.
std::int64_t groups_at_once(const Problem& p, const GradientPolicy& policy) {
  constexpr std::int64_t most = 16;
  const bool side_by_side = p.groups > 1 && p.groups == p.in_channels &&
                            x_strides(p).channel == 1 && y_strides(p).channel == 1 &&
                            !policy.channels_in_lanes && policy.images == 1;
  return side_by_side ? std::min(most, p.groups) : 1;
}

}  // namespace

template <typename Acc>
bool GradientTask<Acc>::serves(const Problem& p) {
  // Sums of one unit: lanes and tiles may fill them up a hundredfold, in the smallest filters.
  constexpr double max_taps = 1 << 20;
  constexpr double max_weights = 1 << 28;
  double taps = 1;
  for (const Axis& axis : p.axes) taps *= static_cast<double>(axis.filter);
  const double weights =
      taps * static_cast<double>(p.in_channels / p.groups) * static_cast<double>(p.out_channels);
  return taps <= max_taps && weights <= max_weights && p.pass == Pass::backward_filter &&
         has_kernel_axes(p) && fits_in_boxes(p);
}

template <typename Acc>
GradientTask<Acc>::GradientTask(const Problem& problem)
    : KernelTask(std::make_unique<DirectTask<Acc>>(problem)),
      p_(problem),
      t_(problem),
      kernels_(gradient_kernel<Acc>()),
      policy_(choose_gradient(problem, kernels_.lanes, sizeof(Acc))),
      boxes_(t_, policy_.box, ceil_divide(problem.batch, policy_.images), 1),
      loader_(problem, t_, policy_.box),
      load_y_(load_row<Acc>(problem.output)),
      load_y_channels_(load_channels<Acc>(problem.output)),
      result_(problem),
      x_(x_strides(problem)),
      w_(w_strides(problem)),
      y_(y_strides(problem)),
      group_inputs_(problem.in_channels / problem.groups),
      group_outputs_(problem.out_channels / problem.groups),
      taps_(element_count(filter_extents(problem))),
      groups_together_(groups_at_once(problem, policy_)),
      pads_zeros_(meets_zeros(problem)) {
  cut();
  find_tap_rows();
  lay_out();
}

// Slices, parts and the channels that are loaded together, from the problem alone.
template <typename Acc>
void GradientTask<Acc>::cut() {
  constexpr auto bytes = static_cast<std::int64_t>(sizeof(Acc));
  lane_channels_ = fill_up(group_outputs_, kernels_.lanes);
  const std::int64_t filled_taps = fill_up(taps_, kernels_.taps);
  channel_size_ = policy_.channels_in_lanes ? taps_ * lane_channels_
                                            : group_outputs_ * filled_taps * kernels_.lanes;
  const std::int64_t filter_bytes = p_.in_channels * channel_size_ * bytes;
  cut_ = cut_gradient(p_, policy_, boxes_.count(), filter_bytes, channel_step() * bytes);

  for (std::int64_t c = 0; c < cut_.shared_channels; ++c) {
    for (std::int64_t q = 0; q < t_.axes[0].filter; ++q) {
      for (std::int64_t r = 0; r < t_.axes[1].filter; ++r) {
        for (const std::int64_t offset : loader_.window().offsets) {
          rows_.push_back(c * channel_step() + q * t_.axes[0].dilation * loader_.plane_size() +
                          r * t_.axes[1].dilation * loader_.row_size() + offset);
        }
      }
    }
  }
  const std::int64_t tile = policy_.channels_in_lanes ? kernels_.rows : kernels_.taps;
  const auto count = static_cast<std::int64_t>(rows_.size());
  rows_.resize(static_cast<std::size_t>(fill_up(count, tile)), rows_.back());
  shared_size_ = policy_.channels_in_lanes ? fill_up(count, tile) * lane_channels_ : channel_size_;
  group_size_ = ceil_divide(cut_.part_channels, cut_.shared_channels) * shared_size_;
  unit_size_ = groups_together_ * group_size_;
}

// Taps are stored row by row, or all at once if they lie in one row.
template <typename Acc>
void GradientTask<Acc>::find_tap_rows() {
  const Shape extents = filter_extents(p_);
  const std::int64_t step = w_.spatial.back();
  bool one_row = true;
  for (std::size_t a = extents.size() - 1; a-- > 0;) {
    one_row &= w_.spatial[a] == w_.spatial[a + 1] * extents[a + 1];
  }
  tap_row_ = one_row ? taps_ : extents.back();
  tap_step_ = p_.flip ? -step : step;
  std::int64_t last = 0;
  for (std::size_t a = 0; a < extents.size(); ++a) last += (extents[a] - 1) * w_.spatial[a];
  if (one_row) {
    tap_rows_.push_back(p_.flip ? last : 0);
    return;
  }
  for_each_index(slow_extents(extents), [&](std::int64_t, const Extents& r) {
    const std::int64_t offset = offset_of(r, w_.spatial);
    tap_rows_.push_back(p_.flip ? last - offset : offset);
  });
}

template <typename Acc>
void GradientTask<Acc>::lay_out() {
  const std::int64_t units = this->units() * cut_.slices;
  layout_.slots = plan_threads(units, gradient_us(p_));
  const std::int64_t outputs = policy_.images * policy_.box[0] * policy_.box[1] * policy_.box[2];
  const std::int64_t width = policy_.channels_in_lanes ? lane_channels_ : group_outputs_;
  sums_ = layout_.shared.add<Acc>(units * unit_size_);
  inputs_ = layout_.slot.add<Acc>(groups_together_ * cut_.shared_channels * channel_step());
  segments_ = layout_.slot.add<Segment>(loader_.max_segments());
  gradient_ = layout_.slot.add<Acc>(groups_together_ * outputs * width + kernels_.lanes);
  values_ = layout_.slot.add<Acc>(taps_);
}

template <typename Acc>
std::string GradientTask<Acc>::policy() const {
  return message(policy_.channels_in_lanes ? "channels" : "outputs", " in the lanes, ", cut_.slices,
                 cut_.slices == 1 ? " slice" : " slices", ", ", cut_.parts,
                 cut_.parts == 1 ? " part" : " parts", ", boxes of ",
                 box_text({policy_.images * policy_.box[0], policy_.box[1], policy_.box[2]}),
                 " outputs");
}

// The blocks of a box, the boxes of a slice, the slices, and the lanes where these hold outputs.
template <typename Acc>
ErrorBound GradientTask<Acc>::error_bound() const {
  const std::int64_t lanes = policy_.channels_in_lanes ? 1 : kernels_.lanes;
  std::int64_t products = policy_.images;  // of a lane in a box
  for (std::size_t a = 0; a < 3; ++a) {
    products *= a < 2 ? policy_.box[a] : ceil_divide(policy_.box[a], lanes);
  }
  const std::int64_t blocks =
      ceil_divide(products, sum_block) * ceil_divide(boxes_.count(), cut_.slices);
  std::int64_t roundings = std::min(products, sum_block + ceil_divide(policy_.box[2], lanes));
  if (blocks > 1) roundings += blocks;
  if (cut_.slices > 1) roundings += cut_.slices;
  if (lanes > 1) roundings += lanes;
  ErrorBound bound = KernelTask::error_bound();
  const double own = sum_error(static_cast<double>(roundings), p_.accumulator);
  bound.constant = std::max(bound.constant, own);
  return bound;
}

template <typename Acc>
bool GradientTask<Acc>::compute(const RunArguments& arguments) const {
  std::atomic<bool> finite{true};
  for_each_block(arguments, units() * cut_.slices, [&](std::int64_t index, std::byte* workspace) {
    if (!sum_unit(arguments, unit(index, arguments, workspace))) finite = false;
  });
  if (!finite) return false;
  for_each_block(arguments, p_.in_channels, [&](std::int64_t channel, std::byte* workspace) {
    store_channel(arguments, channel, values_.at(workspace));
  });
  return true;
}

template <typename Acc>
typename GradientTask<Acc>::Unit GradientTask<Acc>::unit(std::int64_t index,
                                                         const RunArguments& arguments,
                                                         std::byte* workspace) const {
  const std::int64_t first = index / cut_.slices % cut_.parts * cut_.part_channels;
  const std::int64_t group = index / cut_.slices / cut_.parts * groups_together_;
  return {.group = group,
          .groups = std::min(groups_together_, p_.groups - group),
          .slice = index % cut_.slices,
          .first_channel = first,
          .channels = std::min(cut_.part_channels, group_inputs_ - first),
          .sums = sums_of(arguments, index),
          .workspace = workspace};
}

// False if a gradient is not finite that would meet zeros.
template <typename Acc>
bool GradientTask<Acc>::sum_unit(const RunArguments& arguments, const Unit& unit) const {
  std::fill_n(unit.sums, unit_size_, Acc(0));
  const Acc* gradient = gradient_.at(unit.workspace);
  const std::int64_t end = (unit.slice + 1) * boxes_.count() / cut_.slices;
  for (std::int64_t box = unit.slice * boxes_.count() / cut_.slices; box < end; ++box) {
    Place where{boxes_.at(box), policy_.images};
    where.image *= policy_.images;
    where.images = std::min(policy_.images, p_.batch - where.image);
    load_gradient(arguments, unit, where);
    const std::int64_t outputs = where.count();
    const std::int64_t width = policy_.channels_in_lanes ? lane_channels_ : group_outputs_;
    if (pads_zeros_ && !all_finite(gradient, unit.groups * outputs * width)) return false;
    for (std::int64_t c = 0; c < unit.channels; c += cut_.shared_channels) {
      const std::int64_t channels = std::min(cut_.shared_channels, unit.channels - c);
      load_inputs(arguments, unit, where, c, channels);
      for (std::int64_t g = 0; g < unit.groups; ++g) add_products(unit, where, g, c, channels);
    }
  }
  return true;
}

// As [output, channel] filled up with zeros, or as [channel, output].
template <typename Acc>
void GradientTask<Acc>::load_gradient(const RunArguments& arguments, const Unit& unit,
                                      const Place& place) const {
  Acc* to = gradient_.at(unit.workspace);
  const std::int64_t columns = place.outputs[2];
  const std::int64_t step = policy_.channels_in_lanes ? lane_channels_ : 1;
  for (std::int64_t b = place.image; b < place.image + place.images; ++b) {
    const std::int64_t first =
        b * y_.outer + unit.group * group_outputs_ * y_.channel + place.first[2] * t_.y[2];
    for (std::int64_t z = place.first[0]; z < place.first[0] + place.outputs[0]; ++z) {
      for (std::int64_t y = place.first[1]; y < place.first[1] + place.outputs[1]; ++y) {
        load_gradient_row(arguments, first + z * t_.y[0] + y * t_.y[1], columns,
                          unit.groups * group_outputs_,
                          policy_.channels_in_lanes ? 1 : place.count(), to);
        to += columns * step;
      }
    }
  }
}

template <typename Acc>
void GradientTask<Acc>::load_gradient_row(const RunArguments& arguments, std::int64_t first,
                                          std::int64_t columns, std::int64_t channels,
                                          std::int64_t channel_step, Acc* to) const {
  const std::int64_t step = policy_.channels_in_lanes ? lane_channels_ : 1;
  if (groups_together_ > 1) {
    load_y_channels_(arguments.second, first, t_.y[2], columns, channels, to, channel_step);
    return;
  }
  if (y_.channel == 1) {
    for (std::int64_t x = 0; x < columns; ++x) {
      load_y_(arguments.second, first + x * t_.y[2], 1, group_outputs_, to + x * step,
              channel_step);
    }
  } else {
    for (std::int64_t k = 0; k < group_outputs_; ++k) {
      load_y_(arguments.second, first + k * y_.channel, t_.y[2], columns, to + k * channel_step,
              step);
    }
  }
  if (!policy_.channels_in_lanes || lane_channels_ == group_outputs_) return;
  for (std::int64_t x = 0; x < columns; ++x) {
    std::fill_n(to + x * step + group_outputs_, step - group_outputs_, Acc(0));
  }
}

template <typename Acc>
void GradientTask<Acc>::load_inputs(const RunArguments& arguments, const Unit& unit,
                                    const Place& place, std::int64_t first,
                                    std::int64_t channels) const {
  const std::int64_t group_first = unit.group * group_inputs_ + unit.first_channel + first;
  Acc* inputs = inputs_.at(unit.workspace);
  if (groups_together_ > 1) {  // each has one channel, and one image stands in a box
    loader_.load(arguments.first, place.image * x_.outer + group_first, unit.groups, place.first,
                 place.outputs, segments_.at(unit.workspace), inputs);
    return;
  }
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t b = 0; b < place.images; ++b) {
      loader_.load(arguments.first, (place.image + b) * x_.outer + (group_first + c) * x_.channel,
                   1, place.first, place.outputs, segments_.at(unit.workspace),
                   inputs + c * channel_step() + b * loader_.size());
    }
  }
}

template <typename Acc>
void GradientTask<Acc>::add_products(const Unit& unit, const Place& place, std::int64_t group,
                                     std::int64_t first, std::int64_t channels) const {
  // Several images stand where planes would.
  const GradientBox box{
      .outputs = {place.images * place.outputs[0], place.outputs[1], place.outputs[2]},
      .plane_step = policy_.images > 1 ? loader_.size() : t_.axes[0].stride * loader_.plane_size(),
      .row_step = t_.axes[1].stride * loader_.row_size(),
  };
  const Acc* inputs = inputs_.at(unit.workspace) + group * channel_step();
  const Acc* gradient = gradient_.at(unit.workspace) + group * group_outputs_ * place.count();
  Acc* sums = unit.sums + group * group_size_ + channel_at(first);
  if (policy_.channels_in_lanes) {
    // A tile may reach into channels that were not loaded: their sums are never stored.
    return kernels_.channels({.box = box,
                              .x = inputs,
                              .rows = rows_.data(),
                              .row_count = fill_up(channels * taps_, kernels_.rows),
                              .dy = gradient,
                              .channels = lane_channels_,
                              .sums = sums});
  }
  const auto taps = static_cast<std::int64_t>(rows_.size());
  for (std::int64_t k = 0; k < group_outputs_; ++k) {
    kernels_.stencil({.box = box,
                      .x = inputs,
                      .taps = rows_.data(),
                      .tap_count = taps,
                      .dy = gradient + k * place.count(),
                      .sums = sums + k * taps * kernels_.lanes});
  }
}

// Adds up what the slices have and stores the gradients of one input channel.
template <typename Acc>
void GradientTask<Acc>::store_channel(const RunArguments& arguments, std::int64_t channel,
                                      Acc* values) const {
  const std::int64_t group = channel / group_inputs_;
  const std::int64_t c = channel % group_inputs_;
  const std::int64_t unit =
      (group / groups_together_ * cut_.parts + c / cut_.part_channels) * cut_.slices;
  Acc* sums = sums_of(arguments, unit) + group % groups_together_ * group_size_ +
              channel_at(c % cut_.part_channels);
  for (std::int64_t slice = 1; slice < cut_.slices; ++slice) {
    const Acc* more = sums + slice * unit_size_;
    for (std::int64_t i = 0; i < channel_size_; ++i) sums[i] += more[i];
  }
  for (std::int64_t k = 0; k < group_outputs_; ++k) {
    for (std::int64_t t = 0; t < taps_; ++t) {
      if (policy_.channels_in_lanes) {
        values[t] = sums[t * lane_channels_ + k];
        continue;
      }
      const Acc* lanes = sums + (k * static_cast<std::int64_t>(rows_.size()) + t) * kernels_.lanes;
      values[t] = lanes[0];
      for (std::int64_t l = 1; l < kernels_.lanes; ++l) values[t] += lanes[l];
    }
    const std::int64_t to_channel = group * group_outputs_ + k;
    const std::int64_t first = to_channel * w_.outer + c * w_.channel;
    const Acc* row = values;
    for (const std::int64_t offset : tap_rows_) {
      result_.store(arguments, to_channel, row, tap_row_, first + offset, tap_step_);
      row += tap_row_;
    }
  }
}

template class GradientTask<float>;
template class GradientTask<double>;

}  // namespace faltung::direct
