#include "cpp/cpu/direct/channel_task.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::direct {

template <typename Acc>
bool ChannelTask<Acc>::serves(const Problem& p) {
  // Fewer channels leave most of a tile empty.
  constexpr std::int64_t least_outputs = 4;
  return p.pass == Pass::forward && p.rank() <= 3 && p.out_channels / p.groups >= least_outputs &&
         std::ranges::all_of(p.axes, [](const Axis& axis) { return axis.input_dilation == 1; }) &&
         fits_in_boxes(p);
}

template <typename Acc>
ChannelTask<Acc>::ChannelTask(const Problem& problem)
    : p_(problem),
      t_(problem),
      box_(choose_box(
          t_, problem.batch * problem.groups, problem.in_channels / problem.groups,
          static_cast<std::int64_t>(sizeof(Acc)),
          longest_sum(problem) * static_cast<double>(problem.out_channels / problem.groups), 1)),
      boxes_(t_, box_),
      kernel_(channel_kernel<Acc>()),
      general_(problem),
      filter_(problem, kernel_.channels),
      loader_(problem, t_, box_),
      box_channels_(problem, t_),
      result_(problem),
      x_(x_strides(problem)),
      y_(y_strides(problem)),
      group_inputs_(problem.in_channels / problem.groups),
      group_outputs_(problem.out_channels / problem.groups) {
  const auto& [z, y, x] = t_.axes;
  for (std::int64_t q = 0; q < z.filter; ++q) {
    for (std::int64_t r = 0; r < y.filter; ++r) {
      for (const std::int64_t offset : loader_.window().offsets) {
        taps_.push_back(q * z.dilation * loader_.plane_size() +
                        r * y.dilation * loader_.row_size() + offset);
      }
    }
  }
  const std::int64_t boxes = p_.batch * p_.groups * boxes_.count();
  const std::int64_t group_tiles = filter_.group_tiles();
  constexpr std::int64_t enough_blocks = 8;
  constexpr std::int64_t least_tiles = 4;  // or reading the box again costs too much
  parts_ = std::clamp<std::int64_t>(ceil_divide(enough_blocks, boxes), 1,
                                    std::max<std::int64_t>(1, group_tiles / least_tiles));
  part_tiles_ = ceil_divide(group_tiles, parts_);
  parts_ = ceil_divide(group_tiles, part_tiles_);
  slots_ = plan_threads(boxes * parts_, vector_us(p_));

  const std::int64_t most_vectors = box_[0] * box_[1] * ceil_divide(box_[2], kernel_.lanes);
  WorkspaceLayout slot;
  buffer_at_ = slot.add<Acc>(group_inputs_ * loader_.size());
  segments_at_ = slot.add<Segment>(loader_.most_segments());
  vectors_at_ = slot.add<std::int64_t>(most_vectors);
  sums_at_ = slot.add<Acc>(kernel_.channels * most_vectors * kernel_.lanes);
  slot_bytes_ = slot.bytes();
  WorkspaceLayout all;
  tiles_at_ = all.add<Acc>(filter_.size());
  slots_at_ = all.add<std::byte>(static_cast<std::int64_t>(slot_bytes_) * slots_);
  bytes_ = std::max(all.bytes(), general_.workspace_bytes());
}

template <typename Acc>
std::string ChannelTask<Acc>::policy() const {
  return message("tiles of ", kernel_.channels, " channels, boxes of ", box_[0], "x", box_[1], "x",
                 box_[2], " outputs");
}

template <typename Acc>
void ChannelTask<Acc>::run(const RunArguments& arguments) const {
  const Acc* tiles = filter_.find(arguments, at<Acc>(arguments.workspace, tiles_at_), slots_);
  if (tiles == nullptr) return FilterTiles<Acc>::run_without(general_, arguments);
  const std::int64_t blocks = p_.batch * p_.groups * boxes_.count() * parts_;
  parallel_for(blocks, slots_, [&](std::int64_t block, int slot) {
    std::byte* workspace =
        arguments.workspace + slots_at_ + static_cast<std::size_t>(slot) * slot_bytes_;
    compute(arguments, tiles, work(block, workspace));
  });
}

template <typename Acc>
typename ChannelTask<Acc>::Work ChannelTask<Acc>::work(std::int64_t block,
                                                       std::byte* workspace) const {
  Work work{};
  work.workspace = workspace;
  work.first_tile = block % parts_ * part_tiles_;
  work.tiles = std::min(part_tiles_, filter_.group_tiles() - work.first_tile);
  block /= parts_;
  block = boxes_.find(block, work.first, work.outputs);
  work.group = block % p_.groups;
  work.image = block / p_.groups;
  return work;
}

template <typename Acc>
void ChannelTask<Acc>::compute(const RunArguments& arguments, const Acc* tiles,
                               const Work& work) const {
  Acc* buffer = at<Acc>(work.workspace, buffer_at_);
  box_channels_.load(loader_, arguments.first,
                     work.image * x_.outer + work.group * group_inputs_ * x_.channel, group_inputs_,
                     work.first, work.outputs, at<Segment>(work.workspace, segments_at_), buffer);
  std::int64_t* vectors = at<std::int64_t>(work.workspace, vectors_at_);
  const std::int64_t vector_count = find_vectors(work, vectors);
  for (std::int64_t tile = work.first_tile; tile < work.first_tile + work.tiles; ++tile) {
    kernel_.run({.x = buffer,
                 .channels = group_inputs_,
                 .channel_step = loader_.size(),
                 .taps = taps_.data(),
                 .tap_count = static_cast<std::int64_t>(taps_.size()),
                 .vectors = vectors,
                 .vector_count = vector_count,
                 .last_values = kernel_.lanes,
                 .w = tiles + (work.group * filter_.group_tiles() + tile) * filter_.tile_size(),
                 .w_step = kernel_.channels,
                 .w_channel = 1,
                 .y = at<Acc>(work.workspace, sums_at_)});
    store(arguments, work, tile, vector_count);
  }
}

// Where the vectors of outputs start in the buffer, row by row; the last of a row may hang over.
template <typename Acc>
std::int64_t ChannelTask<Acc>::find_vectors(const Work& work, std::int64_t* vectors) const {
  std::int64_t count = 0;
  for (std::int64_t z = 0; z < work.outputs[0]; ++z) {
    for (std::int64_t y = 0; y < work.outputs[1]; ++y) {
      const std::int64_t row =
          z * t_.axes[0].stride * loader_.plane_size() + y * t_.axes[1].stride * loader_.row_size();
      for (std::int64_t x = 0; x < work.outputs[2]; x += kernel_.lanes) vectors[count++] = row + x;
    }
  }
  return count;
}

template <typename Acc>
void ChannelTask<Acc>::store(const RunArguments& arguments, const Work& work, std::int64_t tile,
                             std::int64_t vectors) const {
  const Acc* sums = at<Acc>(work.workspace, sums_at_);
  const std::int64_t row_values = ceil_divide(work.outputs[2], kernel_.lanes) * kernel_.lanes;
  const std::int64_t first = tile * kernel_.channels;
  const std::int64_t count = std::min(kernel_.channels, group_outputs_ - first);
  const std::int64_t k = work.group * group_outputs_ + first;
  const std::int64_t step = vectors * kernel_.lanes;
  for (std::int64_t z = 0; z < work.outputs[0]; ++z) {
    for (std::int64_t y = 0; y < work.outputs[1]; ++y, sums += row_values) {
      const std::int64_t to = work.image * y_.outer + k * y_.channel +
                              (work.first[0] + z) * t_.y[0] + (work.first[1] + y) * t_.y[1] +
                              work.first[2] * t_.y[2];
      if (y_.channel == 1) {
        result_.store_block(arguments, k, count, sums, step, work.outputs[2], to, t_.y[2]);
        continue;
      }
      for (std::int64_t i = 0; i < count; ++i) {
        result_.store(arguments, k + i, sums + i * step, work.outputs[2], to + i * y_.channel,
                      t_.y[2]);
      }
    }
  }
}

template class ChannelTask<float>;
template class ChannelTask<double>;

}  // namespace faltung::direct
