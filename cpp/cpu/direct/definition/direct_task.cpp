#include "cpp/cpu/direct/definition/direct_task.hpp"

#include <algorithm>
#include <cmath>

#include "cpp/core/message.hpp"
#include "cpp/core/order.hpp"
#include "cpp/core/sum_blocks.hpp"

namespace faltung::direct {

template <typename Acc>
DirectTask<Acc>::DirectTask(const Problem& problem)
    : p_(problem),
      axis_(problem.axes.back()),
      policy_(choose(problem)),
      window_(axis_, policy_.columns),
      x_(x_strides(problem)),
      w_(w_strides(problem)),
      y_(y_strides(problem)),
      rows_(slow_extents(output_extents(problem))),
      tap_rows_(slow_extents(filter_extents(problem))),
      group_inputs_(problem.in_channels / problem.groups),
      group_outputs_(problem.out_channels / problem.groups),
      taps_(element_count(filter_extents(problem))),
      input_(problem, x_.spatial),
      packer_(problem),
      load_y_(load_row<Acc>(problem.output)),
      result_(problem),
      in_order_(needs_order(problem)) {
  const Pass pass = p_.pass;
  const Extents terms = sum_extents(p_);
  steps_ = is_integer(p_.accumulator) ? terms : sum_steps(terms);
  const std::int64_t spread = static_cast<std::int64_t>(std::min(
      1e9, longest_sum(p_) / static_cast<double>(std::max<std::int64_t>(1, group_outputs_))));
  block_channels_ = is_integer(p_.accumulator)
                        ? group_outputs_
                        : std::max<std::int64_t>(1, sum_block / std::max<std::int64_t>(1, spread));
  filter_ = layout_.add<Acc>(pass == Pass::backward_filter ? element_count(p_.w_shape())
                                                           : packer_.size());
  const std::int64_t channels = std::min(policy_.channels, group_outputs_);
  sums_ = layout_.add<Acc>(pass == Pass::forward ? policy_.columns * channels : 0);
  const std::int64_t image = pass == Pass::backward_data ? element_count(input_extents(p_)) : 0;
  totals_ =
      layout_.add<Acc>(pass == Pass::forward ? (steps_ == terms ? 0 : policy_.columns * channels)
                                             : (block_channels_ < group_outputs_ ? image : 0));
  values_ = layout_.add<Acc>(window_.size());
  mask_ = layout_.add<std::uint8_t>(pass == Pass::backward_data ? 0 : window_.size());
  gradient_ = layout_.add<Acc>(pass == Pass::forward ? 0 : policy_.columns);
  image_ = layout_.add<Acc>(image);
}

template <typename Acc>
double DirectTask<Acc>::roundings() const {
  if (p_.pass == Pass::forward) return sum_roundings(sum_extents(p_), steps_);
  const double terms = longest_sum(p_);
  if (p_.pass == Pass::backward_data) {  // some channels of dy form one partial sum
    if (block_channels_ >= group_outputs_) return terms;
    const auto channels = static_cast<double>(group_outputs_);
    const auto together = static_cast<double>(block_channels_);
    return terms / channels * together + std::ceil(channels / together);
  }
  const std::int64_t row = axis_.output();
  const double rows = terms / static_cast<double>(row);
  return dot_roundings(policy_.columns) +
         rows * static_cast<double>(ceil_divide(row, policy_.columns));
}

template <typename Acc>
ErrorBound DirectTask<Acc>::error_bound() const {
  if (is_integer(p_.accumulator)) return {};
  return {ErrorBound::Kind::elementwise, sum_error(roundings(), p_.accumulator)};
}

template <typename Acc>
std::string DirectTask<Acc>::policy() const {
  return message("rows of ", policy_.columns, " columns, ", policy_.channels,
                 " channels share a row");
}

template <typename Acc>
void DirectTask<Acc>::run(const RunArguments& arguments) const {
  if (p_.pass == Pass::backward_filter) return backward_filter(arguments);
  const Acc* filter = packer_.filter(arguments, filter_.at(arguments.workspace));
  if (p_.pass == Pass::forward) return forward(arguments, filter);
  backward_data(arguments, filter);
}

template <typename Acc>
typename DirectTask<Acc>::Values DirectTask<Acc>::window(const RunArguments& arguments,
                                                         std::int64_t image, const RowPlace& place,
                                                         Tile tile) const {
  const std::int64_t position = tile.first * axis_.stride;
  const std::int64_t start = position - axis_.pad_lo;
  const bool dilated = axis_.input_dilation > 1;
  if constexpr (!std::is_integral_v<Acc>) {  // rows that can be read where they lie
    if (p_.input == dtype_of<Acc> && axis_.stride == 1 && x_.spatial.back() == 1 && !dilated &&
        place.kind == RowPlace::Kind::elements && start >= 0 &&
        start + tile.columns - 1 + axis_.effective_filter() <= axis_.input) {
      return {static_cast<const Acc*>(arguments.first) + image + place.offset + start, nullptr};
    }
  }
  Acc* data = values_.at(arguments.workspace);
  std::uint8_t* mask = mask_.at(arguments.workspace);
  const bool masked =
      place.kind == RowPlace::Kind::between || (dilated && place.kind == RowPlace::Kind::elements);
  for (std::size_t row = 0; row < window_.phases.size(); ++row) {
    const std::int64_t phase = window_.phases[row];
    const std::int64_t count = Window::used(axis_, phase, tile.columns);
    const std::int64_t to = static_cast<std::int64_t>(row) * window_.length;
    input_.load(arguments.first, image, place, position + phase, axis_.stride, count, data + to);
    if (!masked) continue;
    std::fill_n(mask + to, count, std::uint8_t{0});
    walk_axis(
        axis_, position + phase, axis_.stride, count,
        [&](std::int64_t i, std::int64_t i_step, std::int64_t n, std::int64_t, std::int64_t) {
          if (place.kind != RowPlace::Kind::elements) return;
          for (std::int64_t t = 0; t < n; ++t) mask[to + i + t * i_step] = 1;
        },
        [&](std::int64_t i, const Boundary&) { mask[to + i] = 1; });
  }
  return {data, masked ? mask : nullptr};
}

// The columns of the tile for which the tap meets more than the zeros of a zero boundary.
template <typename Acc>
typename DirectTask<Acc>::Range DirectTask<Acc>::present(const RowPlace& place, Tile tile,
                                                         std::int64_t tap) const {
  Range range{0, tile.columns};
  if (place.kind == RowPlace::Kind::constant) return range;
  const std::int64_t start = tile.first * axis_.stride + tap * axis_.dilation - axis_.pad_lo;
  if (axis_.below.kind == BoundaryKind::zero) {
    range.begin = std::clamp<std::int64_t>(ceil_divide(-start, axis_.stride), 0, tile.columns);
  }
  if (axis_.above.kind == BoundaryKind::zero) {
    range.end = std::clamp(ceil_divide(axis_.dilated_input() - start, axis_.stride), range.begin,
                           tile.columns);
  }
  return range;
}

// sums[o] += sum over r of taps[r] x[o, r]
template <typename Acc>
template <bool fused>
void DirectTask<Acc>::add_taps(Acc* sums, const Values& x, const Acc* taps, const RowPlace& place,
                               Tile tile, Range which) const {
  const auto add = [&](std::int64_t r, std::int64_t begin, std::int64_t end) {
    if (begin >= end) return;
    const std::int64_t from = window_.offsets[static_cast<std::size_t>(r)] + begin;
    if (x.mask != nullptr) {
      add_scaled_masked<fused>(sums + begin, x.data + from, x.mask + from, taps[r], end - begin);
    } else {
      add_scaled<fused>(sums + begin, x.data + from, taps[r], end - begin);
    }
  };
  std::int64_t r = which.begin;
  for (; x.mask == nullptr && r + 4 <= which.end; r += 4) {
    Range ranges[4];
    Range all{0, tile.columns};
    const Acc* data[4];
    for (std::int64_t i = 0; i < 4; ++i) {
      ranges[i] = present(place, tile, r + i);
      all.begin = std::max(all.begin, ranges[i].begin);
      all.end = std::min(all.end, ranges[i].end);
    }
    all.end = std::max(all.begin, all.end);
    for (std::int64_t i = 0; i < 4; ++i) {
      data[i] = x.data + window_.offsets[static_cast<std::size_t>(r + i)] + all.begin;
      add(r + i, ranges[i].begin, std::min(all.begin, ranges[i].end));
      add(r + i, std::max(all.end, ranges[i].begin), ranges[i].end);
    }
    add_scaled_4<fused>(sums + all.begin, data, taps + r, all.end - all.begin);
  }
  for (; r < which.end; ++r) {
    const Range range = present(place, tile, r);
    add(r, range.begin, range.end);
  }
}

template <typename Acc>
void DirectTask<Acc>::end_block(Acc* sums, Acc* totals, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) totals[i] += sums[i];
  std::fill_n(sums, count, Acc(0));
}

template <typename Acc>
void DirectTask<Acc>::forward(const RunArguments& arguments, const Acc* filter) const {
  for (std::int64_t b = 0; b < p_.batch; ++b) {
    for (std::int64_t g = 0; g < p_.groups; ++g) {
      for_each_index(rows_, [&](std::int64_t, const Extents& o) {
        for_each_tile([&](Tile tile) {
          for (std::int64_t k = 0; k < group_outputs_; k += policy_.channels) {
            forward_tile(arguments, filter, b, g * group_outputs_ + k,
                         std::min(policy_.channels, group_outputs_ - k), o, tile);
          }
        });
      });
    }
  }
}

template <typename Acc>
void DirectTask<Acc>::forward_tile(const RunArguments& arguments, const Acc* filter, std::int64_t b,
                                   std::int64_t first_k, std::int64_t channels, const Extents& o,
                                   Tile tile) const {
  Acc* sums = sums_.at(arguments.workspace);
  Acc* totals = totals_.at(arguments.workspace);
  const std::int64_t count = channels * policy_.columns;
  const bool one_block = steps_ == sum_extents(p_);
  std::fill_n(sums, count, Acc(0));
  if (!one_block) std::fill_n(totals, count, Acc(0));
  const auto starts_block = [&](std::int64_t c, const Extents& r) {
    bool starts = c % steps_[0] == 0;
    for (std::size_t a = 0; a < r.size(); ++a) starts = starts && r[a] % steps_[a + 1] == 0;
    return starts;
  };
  const std::int64_t first_c = first_k / group_outputs_ * group_inputs_;
  for (std::int64_t c = 0; c < group_inputs_; ++c) {
    for_each_index(tap_rows_, [&](std::int64_t tap_row, const Extents& r) {
      if (!one_block && starts_block(c, r)) end_block(sums, totals, count);
      const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, o, r));
      if (place.kind == RowPlace::Kind::nothing) return;
      const Values x = window(arguments, b * x_.outer + (first_c + c) * x_.channel, place, tile);
      for (std::int64_t from = 0; from < axis_.filter; from += steps_.back()) {
        const Range which{from, std::min(axis_.filter, from + steps_.back())};
        if (from > 0) end_block(sums, totals, count);
        for (std::int64_t k = 0; k < channels; ++k) {
          const Acc* taps =
              filter + ((first_k + k) * group_inputs_ + c) * taps_ + tap_row * axis_.filter;
          Acc* to = sums + k * policy_.columns;
          if (in_order_) {
            add_taps<true>(to, x, taps, place, tile, which);
          } else {
            add_taps<false>(to, x, taps, place, tile, which);
          }
        }
      }
    });
  }
  if (!one_block) {
    end_block(sums, totals, count);
    sums = totals;
  } else if (in_order_) {
    for (std::int64_t i = 0; i < count; ++i) sums[i] += Acc(0);  // -0 becomes +0
  }
  for (std::int64_t k = 0; k < channels; ++k) {
    const std::int64_t offset =
        b * y_.outer + (first_k + k) * y_.channel + offset_of(o, y_.spatial);
    result_.store(arguments, first_k + k, sums + k * policy_.columns, tile.columns,
                  offset + tile.first * y_.spatial.back(), y_.spatial.back());
  }
}

template <typename Acc>
const Acc* DirectTask<Acc>::gradient_row(const RunArguments& arguments, const void* dy,
                                         std::int64_t offset, std::int64_t columns) const {
  if constexpr (!std::is_integral_v<Acc>) {
    if (p_.output == dtype_of<Acc> && y_.spatial.back() == 1) {
      return static_cast<const Acc*>(dy) + offset;
    }
  }
  Acc* row = gradient_.at(arguments.workspace);
  load_y_(dy, offset, y_.spatial.back(), columns, row, 1);
  return row;
}

template <typename Acc>
void DirectTask<Acc>::backward_data(const RunArguments& arguments, const Acc* filter) const {
  const Shape extents = input_extents(p_);
  const Strides compact = compact_strides(extents);
  Acc* image = image_.at(arguments.workspace);
  for (std::int64_t b = 0; b < p_.batch; ++b) {
    for (std::int64_t c = 0; c < p_.in_channels; ++c) {
      const std::int64_t count = element_count(extents);
      Acc* totals = totals_.at(arguments.workspace);
      const bool one_block = block_channels_ >= group_outputs_;
      std::fill_n(image, count, Acc(0));
      if (!one_block) std::fill_n(totals, count, Acc(0));
      const std::int64_t first_k = c / group_inputs_ * group_outputs_;
      for (std::int64_t k = first_k; k < first_k + group_outputs_; ++k) {
        if (!one_block && (k - first_k) % block_channels_ == 0) end_block(image, totals, count);
        const Acc* taps = filter + (k * group_inputs_ + c % group_inputs_) * taps_;
        for_each_index(rows_, [&](std::int64_t, const Extents& o) {
          for_each_tile([&](Tile tile) {
            const std::int64_t offset = b * y_.outer + k * y_.channel +
                                        tile.first * y_.spatial.back() + offset_of(o, y_.spatial);
            const Acc* gradient = gradient_row(arguments, arguments.first, offset, tile.columns);
            for_each_index(tap_rows_, [&](std::int64_t tap_row, const Extents& r) {
              const RowPlace place = row_place(p_.axes, compact, row_position(p_, o, r));
              spread_row(arguments, gradient, taps + tap_row * axis_.filter, place, tile);
            });
          });
        });
      }
      if (!one_block) end_block(image, totals, count);
      const Acc* sums = one_block ? image : totals;
      const std::int64_t columns = extents.back();
      for_each_index(slow_extents(extents), [&](std::int64_t row, const Extents& i) {
        const std::int64_t offset = b * x_.outer + c * x_.channel + offset_of(i, x_.spatial);
        result_.store(arguments, c, sums + row * columns, columns, offset, x_.spatial.back());
      });
    }
  }
}

// Adds one row of gradients times one row of taps to the image.
template <typename Acc>
void DirectTask<Acc>::spread_row(const RunArguments& arguments, const Acc* gradient,
                                 const Acc* taps, const RowPlace& place, Tile tile) const {
  if (place.kind != RowPlace::Kind::elements) return;
  Acc* spread = values_.at(arguments.workspace);
  std::fill_n(spread, window_.size(), Acc(0));
  for (std::int64_t r = 0; r < axis_.filter; ++r) {
    add_scaled<false>(spread + window_.offsets[static_cast<std::size_t>(r)], gradient, taps[r],
                      tile.columns);
  }
  for (std::size_t row = 0; row < window_.phases.size(); ++row) {
    fold_row(axis_, place, spread + static_cast<std::int64_t>(row) * window_.length,
             tile.first * axis_.stride + window_.phases[row], axis_.stride,
             Window::used(axis_, window_.phases[row], tile.columns),
             image_.at(arguments.workspace));
  }
}

template <typename Acc>
void DirectTask<Acc>::backward_filter(const RunArguments& arguments) const {
  Acc* sums = filter_.at(arguments.workspace);
  std::fill_n(sums, element_count(p_.w_shape()), Acc(0));
  const auto add_row = [&](std::int64_t b, std::int64_t channel, const Extents& o, Tile tile,
                           std::int64_t tap_row, const Extents& r) {
    const RowPlace place = row_place(p_.axes, x_.spatial, row_position(p_, o, r));
    if (place.kind == RowPlace::Kind::nothing) return;
    const Values x = window(arguments, b * x_.outer + channel * x_.channel, place, tile);
    const std::int64_t first_k = channel / group_inputs_ * group_outputs_;
    for (std::int64_t k = first_k; k < first_k + group_outputs_; ++k) {
      const std::int64_t offset =
          b * y_.outer + k * y_.channel + tile.first * y_.spatial.back() + offset_of(o, y_.spatial);
      const Acc* gradient = gradient_row(arguments, arguments.second, offset, tile.columns);
      Acc* taps =
          sums + (k * group_inputs_ + channel % group_inputs_) * taps_ + tap_row * axis_.filter;
      for (std::int64_t t = 0; t < axis_.filter; ++t) {
        const Range range = present(place, tile, t);
        const std::int64_t from = window_.offsets[static_cast<std::size_t>(t)] + range.begin;
        taps[t] +=
            dot(x.data + from, gradient + range.begin, x.mask == nullptr ? nullptr : x.mask + from,
                p_.conjugate, range.end - range.begin);
      }
    }
  };
  for (std::int64_t c = 0; c < p_.in_channels; ++c) {
    for (std::int64_t b = 0; b < p_.batch; ++b) {
      for_each_index(rows_, [&](std::int64_t, const Extents& o) {
        for_each_tile([&](Tile tile) {
          for_each_index(tap_rows_, [&](std::int64_t tap_row, const Extents& r) {
            add_row(b, c, o, tile, tap_row, r);
          });
        });
      });
    }
  }
  for_each_filter_row(
      p_, w_, [&](std::int64_t row, std::int64_t k, std::int64_t first, std::int64_t step) {
        result_.store(arguments, k, sums + row * axis_.filter, axis_.filter, first, step);
      });
}

template class DirectTask<float>;
template class DirectTask<double>;
template class DirectTask<std::complex<float>>;
template class DirectTask<std::complex<double>>;
template class DirectTask<std::uint32_t>;
template class DirectTask<std::uint64_t>;

}  // namespace faltung::direct
