#include "cpp/cpu/gemm/gemm_task.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/gemm/blas.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::gemm {
namespace {

// What the gradients are cut into for threads. Each part of the filter's reads all of dy again.
constexpr std::int64_t data_parts = 8;
constexpr std::int64_t filter_parts = 4;
constexpr std::int64_t least_part_rows = 32;

// The index of element `position` of a compact tensor.
Extents unravel(std::int64_t position, const Shape& shape) {
  Extents index = Extents::filled(shape.size(), 0);
  for (std::size_t a = shape.size(); a-- > 0; position /= shape[a]) index[a] = position % shape[a];
  return index;
}

}  // namespace

template <typename Acc>
GemmTask<Acc>::GemmTask(const Problem& problem)
    : p_(problem),
      axis_(problem.axes.back()),
      policy_(choose(problem)),
      x_(x_strides(problem)),
      w_(w_strides(problem)),
      y_(y_strides(problem)),
      outputs_(output_extents(problem)),
      inputs_(input_extents(problem)),
      taps_(filter_extents(problem)),
      group_inputs_(problem.in_channels / problem.groups),
      group_outputs_(problem.out_channels / problem.groups),
      output_count_(element_count(outputs_)),
      input_count_(element_count(inputs_)),
      tap_count_(element_count(taps_)),
      rows_(group_inputs_ * tap_count_),
      input_(problem, x_.spatial),
      packer_(problem),
      load_y_(load_row<Acc>(problem.output)),
      result_(problem) {
  const std::int64_t images = p_.batch * p_.groups;
  part_channels_ = ceil_divide(group_inputs_, data_parts);
  part_rows_ = std::max(least_part_rows, ceil_divide(rows_, filter_parts));
  blocks_ = p_.pass == Pass::forward         ? images * ceil_divide(output_count_, policy_.columns)
            : p_.pass == Pass::backward_data ? images * ceil_divide(group_inputs_, part_channels_)
                                             : p_.groups * ceil_divide(rows_, part_rows_);
  slots_ = plan_threads(blocks_, one_thread_us(p_));
  WorkspaceLayout slot;
  columns_at_ = slot.add<Acc>(policy_.depth * policy_.columns);
  tile_at_ = slot.add<Acc>(group_outputs_ * policy_.columns);
  image_at_ = slot.add<Acc>(p_.pass == Pass::backward_data ? part_channels_ * input_count_ : 0);
  slot_bytes_ = slot.bytes();
  filter_at_ = layout_.add<Acc>(p_.pass == Pass::backward_filter ? element_count(p_.w_shape())
                                                                 : packer_.size());
  slots_at_ = layout_.bytes();
  for (int i = 0; i < slots_; ++i) layout_.add<std::byte>(static_cast<std::int64_t>(slot_bytes_));
}

template <typename Acc>
ErrorBound GemmTask<Acc>::error_bound() const {
  return {ErrorBound::Kind::elementwise, sum_error(longest_sum(p_), p_.accumulator)};
}

template <typename Acc>
std::string GemmTask<Acc>::policy() const {
  return message("blocks of ", policy_.depth, " taps x ", policy_.columns,
                 " outputs; spreads NaN and infinity in one operand over the zeros of the other");
}

template <typename Acc>
void GemmTask<Acc>::run(const RunArguments& arguments) const {
  const SingleThreadedBlas single_threaded;
  const bool gradient = p_.pass == Pass::backward_filter;
  Acc* place = at<Acc>(arguments.workspace, filter_at_);
  const Acc* filter = gradient ? nullptr : packer_.filter(arguments, place);
  parallel_for(blocks_, slots_, [&](std::int64_t block, int slot) {
    RunArguments own = arguments;
    own.workspace += slots_at_ + static_cast<std::size_t>(slot) * slot_bytes_;
    if (gradient) {
      backward_filter(own, block, place);
    } else if (p_.pass == Pass::forward) {
      forward(own, block, filter);
    } else {
      backward_data(own, block, filter);
    }
  });
  if (gradient) store_filter(arguments, place);
}

template <typename Acc>
template <typename F>
void GemmTask<Acc>::for_each_piece(Block outputs, F&& f) const {
  const std::int64_t width = outputs_.back();
  for (std::int64_t i = 0; i < outputs.count;) {
    const Extents o = unravel(outputs.first + i, outputs_);
    const std::int64_t count = std::min(width - o.back(), outputs.count - i);
    f(i, o, count);
    i += count;
  }
}

template <typename Acc>
Extents GemmTask<Acc>::tap(std::int64_t row) const {
  return unravel(row % tap_count_, taps_);
}

// One block of outputs of one group of one image.
template <typename Acc>
void GemmTask<Acc>::forward(const RunArguments& arguments, std::int64_t block,
                            const Acc* filter) const {
  const Acc* columns = at<Acc>(arguments.workspace, columns_at_);
  Acc* tile = at<Acc>(arguments.workspace, tile_at_);
  const std::int64_t pieces = ceil_divide(output_count_, policy_.columns);
  const std::int64_t first = block % pieces * policy_.columns;
  const std::int64_t g = block / pieces % p_.groups;
  const std::int64_t b = block / pieces / p_.groups;
  const Block outputs{first, std::min(policy_.columns, output_count_ - first)};
  const Acc* weights = filter + g * group_outputs_ * rows_;
  for_each_block({0, rows_}, policy_.depth, [&](Block rows) {
    load_columns(arguments, b, g, rows, outputs);
    multiply<Acc>(Transpose::no, Transpose::no, group_outputs_, outputs.count, rows.count,
                  {weights + rows.first, rows_}, {columns, outputs.count},
                  rows.first == 0 ? Acc(0) : Acc(1), {tile, outputs.count});
  });
  store_tile(arguments, b, g, outputs);
}

// Some input channels of one group of one image.
template <typename Acc>
void GemmTask<Acc>::backward_data(const RunArguments& arguments, std::int64_t block,
                                  const Acc* filter) const {
  Acc* columns = at<Acc>(arguments.workspace, columns_at_);
  const Acc* tile = at<Acc>(arguments.workspace, tile_at_);
  const std::int64_t parts = ceil_divide(group_inputs_, part_channels_);
  const std::int64_t first = block % parts * part_channels_;
  const std::int64_t g = block / parts % p_.groups;
  const std::int64_t b = block / parts / p_.groups;
  const Block channels{first, std::min(part_channels_, group_inputs_ - first)};
  const Acc* weights = filter + g * group_outputs_ * rows_;
  std::fill_n(at<Acc>(arguments.workspace, image_at_), channels.count * input_count_, Acc(0));
  for_each_block({0, output_count_}, policy_.columns, [&](Block outputs) {
    load_gradient(arguments, arguments.first, b, g, outputs);
    for_each_block({first * tap_count_, channels.count * tap_count_}, policy_.depth,
                   [&](Block rows) {
                     multiply<Acc>(Transpose::yes, Transpose::no, rows.count, outputs.count,
                                   group_outputs_, {weights + rows.first, rows_},
                                   {tile, outputs.count}, Acc(0), {columns, outputs.count});
                     fold_columns(arguments, first, rows, outputs);
                   });
  });
  store_image(arguments, b, g, channels);
}

// Some rows of the column matrix of one group.
template <typename Acc>
void GemmTask<Acc>::backward_filter(const RunArguments& arguments, std::int64_t block,
                                    Acc* sums) const {
  const Acc* columns = at<Acc>(arguments.workspace, columns_at_);
  const Acc* tile = at<Acc>(arguments.workspace, tile_at_);
  const std::int64_t parts = ceil_divide(rows_, part_rows_);
  const std::int64_t first = block % parts * part_rows_;
  const std::int64_t g = block / parts;
  Acc* weights = sums + g * group_outputs_ * rows_;
  const std::int64_t count = std::min(part_rows_, rows_ - first);
  for (std::int64_t k = 0; k < group_outputs_; ++k) {
    std::fill_n(weights + k * rows_ + first, count, Acc(0));
  }
  for (std::int64_t b = 0; b < p_.batch; ++b) {
    for_each_block({0, output_count_}, policy_.columns, [&](Block outputs) {
      load_gradient(arguments, arguments.second, b, g, outputs);
      for_each_block({first, count}, policy_.depth, [&](Block rows) {
        load_columns(arguments, b, g, rows, outputs);
        multiply<Acc>(Transpose::no, Transpose::yes, group_outputs_, rows.count, outputs.count,
                      {tile, outputs.count}, {columns, outputs.count}, Acc(1),
                      {weights + rows.first, rows_});
      });
    });
  }
}

template <typename Acc>
void GemmTask<Acc>::store_filter(const RunArguments& arguments, Acc* sums) const {
  const std::int64_t size = element_count(p_.w_shape());
  if (p_.conjugate) std::transform(sums, sums + size, sums, conjugate_value<Acc>);
  for_each_filter_row(
      p_, w_, [&](std::int64_t row, std::int64_t k, std::int64_t first, std::int64_t step) {
        result_.store(arguments, k, sums + row * axis_.filter, axis_.filter, first, step);
      });
}

template <typename Acc>
void GemmTask<Acc>::load_columns(const RunArguments& arguments, std::int64_t b, std::int64_t g,
                                 Block rows, Block outputs) const {
  Acc* columns = at<Acc>(arguments.workspace, columns_at_);
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Extents r = tap(row);
    const std::int64_t channel = g * group_inputs_ + row / tap_count_;
    const std::int64_t image = b * x_.outer + channel * x_.channel;
    for_each_piece(outputs, [&](std::int64_t i, const Extents& o, std::int64_t count) {
      const RowPlace place = row_place(p_, x_.spatial, row_position(p_, o, r));
      input_.load(arguments.first, image, place,
                  o.back() * axis_.stride + r.back() * axis_.dilation, axis_.stride, count,
                  columns + i);
    });
    columns += outputs.count;
  }
}

template <typename Acc>
void GemmTask<Acc>::fold_columns(const RunArguments& arguments, std::int64_t first_channel,
                                 Block rows, Block outputs) const {
  const Acc* columns = at<Acc>(arguments.workspace, columns_at_);
  const Strides compact = compact_strides(inputs_);
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row) {
    const Extents r = tap(row);
    Acc* image =
        at<Acc>(arguments.workspace, image_at_) + (row / tap_count_ - first_channel) * input_count_;
    for_each_piece(outputs, [&](std::int64_t i, const Extents& o, std::int64_t count) {
      const RowPlace place = row_place(p_, compact, row_position(p_, o, r));
      fold_row(axis_, place, columns + i, o.back() * axis_.stride + r.back() * axis_.dilation,
               axis_.stride, count, image);
    });
    columns += outputs.count;
  }
}

template <typename Acc>
void GemmTask<Acc>::load_gradient(const RunArguments& arguments, const void* dy, std::int64_t b,
                                  std::int64_t g, Block outputs) const {
  Acc* tile = at<Acc>(arguments.workspace, tile_at_);
  for (std::int64_t k = g * group_outputs_; k < (g + 1) * group_outputs_; ++k) {
    for_each_piece(outputs, [&](std::int64_t i, const Extents& o, std::int64_t count) {
      load_y_(dy, b * y_.outer + k * y_.channel + offset_of(o, y_.spatial), y_.spatial.back(),
              count, tile + i, 1);
    });
    tile += outputs.count;
  }
}

template <typename Acc>
void GemmTask<Acc>::store_tile(const RunArguments& arguments, std::int64_t b, std::int64_t g,
                               Block outputs) const {
  const Acc* tile = at<Acc>(arguments.workspace, tile_at_);
  for (std::int64_t k = g * group_outputs_; k < (g + 1) * group_outputs_; ++k) {
    for_each_piece(outputs, [&](std::int64_t i, const Extents& o, std::int64_t count) {
      result_.store(arguments, k, tile + i, count,
                    b * y_.outer + k * y_.channel + offset_of(o, y_.spatial), y_.spatial.back());
    });
    tile += outputs.count;
  }
}

template <typename Acc>
void GemmTask<Acc>::store_image(const RunArguments& arguments, std::int64_t b, std::int64_t g,
                                Block channels) const {
  const Acc* row = at<Acc>(arguments.workspace, image_at_);
  const std::int64_t first = g * group_inputs_ + channels.first;
  for (std::int64_t c = first; c < first + channels.count; ++c) {
    for_each_index(slow_extents(inputs_), [&](std::int64_t, const Extents& i) {
      result_.store(arguments, c, row, inputs_.back(),
                    b * x_.outer + c * x_.channel + offset_of(i, x_.spatial), x_.spatial.back());
      row += inputs_.back();
    });
  }
}

template class GemmTask<float>;
template class GemmTask<double>;
template class GemmTask<std::complex<float>>;
template class GemmTask<std::complex<double>>;

}  // namespace faltung::gemm
