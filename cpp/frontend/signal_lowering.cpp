#include "cpp/frontend/signal_lowering.hpp"

#include <algorithm>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"

namespace faltung::signal {
namespace {

// A dimension along which the operands broadcast: its extent, and its strides in elements, zero in
// an operand that has but one element there.
struct Dimension {
  std::int64_t extent = 1;
  std::int64_t x = 0;
  std::int64_t w = 0;
  std::int64_t y = 0;
  bool in_x = false;
  bool in_w = false;
  std::size_t position = 0;  // in the operands
};

// A spatial axis of the problem with its strides.
struct Spatial {
  Axis axis;
  std::int64_t x = 0;
  std::int64_t w = 0;
  std::int64_t y = 0;
  std::size_t position = 0;
};

// Fast engines serve up to three spatial axes; more are worth less than a loop.
constexpr std::size_t fast_spatial_rank = 3;

bool is_trivial(const Axis& axis) {
  return axis.input == 1 && axis.filter == 1 && axis.output() == 1 && axis.pad_lo == 0;
}

bool continues(const Dimension& outer, const Dimension& inner) {
  return outer.in_x == inner.in_x && outer.in_w == inner.in_w &&
         outer.x == inner.extent * inner.x && outer.w == inner.extent * inner.w &&
         outer.y == inner.extent * inner.y;
}

// Channel k of the result is group * (channels per group) + channel: one stride must serve both.
bool nests(const Dimension& group, const Dimension& channel) {
  return group.w == channel.extent * channel.w && group.y == channel.extent * channel.y;
}

// Strides in the problem's form: empty if compact, and compact ones along axes that never step.
Strides canonical(const Shape& shape, const Strides& strides) {
  const Strides compact = compact_strides(shape);
  Strides result;
  bool same = true;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    result.push_back(shape[i] > 1 ? strides[i] : compact[i]);
    same &= result[i] == compact[i];
  }
  return same ? Strides{} : result;
}

class Assembly {
 public:
  explicit Assembly(const Call& call) : call_(call) {
    if (!call.sums.named) check_exact(call.x.dtype, call.w.dtype, call.sums.output);
    lowering_.x = call.swapped ? call.w : call.x;
    lowering_.k = call.swapped ? call.x : call.w;
    lowering_.x.data = lowering_.k.data = nullptr;
    lowering_.swapped = call.swapped;
    lowering_.conjugate_result = call.conjugate_result;
    collect();
    place();
  }

  Lowering finish() {
    std::ranges::sort(spatial_, {}, &Spatial::position);
    if (spatial_.empty()) spatial_.push_back({});
    Problem& p = lowering_.problem;
    p.batch = batch_ ? batch_->extent : 1;
    p.in_channels = group_ ? group_->extent : 1;
    p.out_channels = p.in_channels * (channel_ ? channel_->extent : 1);
    p.groups = std::max<std::int64_t>(p.in_channels, 1);
    for (const Spatial& s : spatial_) p.axes.push_back(s.axis);
    p.input = call_.x.dtype;
    p.filter = call_.w.dtype;
    p.output = call_.sums.output;
    p.accumulator =
        call_.sums.accumulator.value_or(default_accumulator(p.input, p.filter, p.output));
    p.rounding = call_.sums.rounding;
    p.overflow = call_.sums.overflow;
    p.flip = call_.flip;
    p.conjugate = call_.conjugate;
    set_strides(p);
    return std::move(lowering_);
  }

 private:
  // Splits the dimensions into convolved axes and mergeable broadcast dimensions.
  void collect() {
    Shape result;
    for (std::size_t i = 0; i < call_.axes.size(); ++i) {
      result.push_back(call_.axes[i] ? call_.axes[i]->output()
                                     : broadcast_extent(call_.x.shape[i], call_.w.shape[i], i));
    }
    lowering_.result_shape = result;
    Strides y = compact_strides(result);
    if (call_.into != nullptr) {
      check_result(*call_.into, result);
      if (!is_compact(*call_.into)) lowering_.result_strides = y = call_.into->strides;
    }
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (call_.axes[i]) {
        add_axis(*call_.axes[i], i, y[i]);
      } else if (result[i] != 1) {
        add_dimension(i, result[i], y[i]);
      }
    }
    if (spatial_.size() > max_spatial_rank) {
      throw InvalidProblem(message("x has shape ", lowering_.x.shape, " and k ", lowering_.k.shape,
                                   ": ", spatial_.size(),
                                   " axes longer than 1 are convolved, at most ", max_spatial_rank,
                                   " can be; name batch axes through fftconvolve's axes"));
    }
  }

  void add_axis(const Axis& axis, std::size_t position, std::int64_t y) {
    if (is_trivial(axis)) return;
    if (call_.reverse_result) lowering_.result_offset += (axis.output() - 1) * y;
    spatial_.push_back({axis, call_.x.strides[position], call_.w.strides[position],
                        call_.reverse_result ? -y : y, position});
    last_convolved_ = position;
  }

  void add_dimension(std::size_t position, std::int64_t extent, std::int64_t y) {
    const bool in_x = call_.x.shape[position] != 1;
    const bool in_w = call_.w.shape[position] != 1;
    const Dimension dimension{extent,
                              in_x ? call_.x.strides[position] : 0,
                              in_w ? call_.w.strides[position] : 0,
                              y,
                              in_x,
                              in_w,
                              position};
    for (Dimension& earlier : dimensions_) {
      if (!continues(earlier, dimension)) continue;
      const std::int64_t merged = earlier.extent * extent;
      earlier = dimension;
      earlier.extent = merged;
      return;
    }
    dimensions_.push_back(dimension);
  }

  // Both operands: a group. Only w: output channels. Only x: batch. A loop for the rest.
  void place() {
    for (const Dimension& d : dimensions_) {
      if (d.in_x && d.in_w && !group_) group_ = d;
    }
    for (const Dimension& d : dimensions_) {
      if (d.in_x && d.in_w) {
        if (d.position != group_->position) add_loop(d);
      } else if (d.in_w) {
        if (!channel_ && (!group_ || nests(*group_, d))) {
          channel_ = d;
        } else {
          add_loop(d);
        }
      } else {
        place_batch(d);
      }
    }
  }

  // Signals that lie across the convolved axes become an axis of filter extent 1, so that the
  // innermost axis of the problem is the innermost in memory.
  void place_batch(const Dimension& d) {
    const bool room = spatial_.size() < fast_spatial_rank;
    const bool inner = !spatial_.empty() && d.position > last_convolved_;
    if (!batch_ && !(inner && room)) {
      batch_ = d;
    } else if (room) {
      Axis axis;
      axis.input = d.extent;
      spatial_.push_back({axis, d.x, 0, d.y, d.position});
    } else {
      add_loop(d);
    }
  }

  void add_loop(const Dimension& d) { lowering_.loops.push_back({d.extent, d.x, d.w, d.y}); }

  void set_strides(Problem& p) const {
    const Dimension none;
    const Dimension& batch = batch_ ? *batch_ : none;
    const Dimension& group = group_ ? *group_ : none;
    const Dimension& channel = channel_ ? *channel_ : group;
    const bool has_channels = group_ || channel_;
    const bool last = has_channels && channel.position > spatial_.back().position;
    p.layout = last ? Layout::channels_last : Layout::channels_first;
    const auto strides = [&](std::int64_t outer, std::int64_t inner, std::int64_t Spatial::*step) {
      Strides all{outer};
      if (!last) all.push_back(inner);
      for (const Spatial& s : spatial_) all.push_back(s.*step);
      if (last) all.push_back(inner);
      return all;
    };
    p.x_strides = canonical(p.x_shape(), strides(batch.x, group.x, &Spatial::x));
    p.w_strides = canonical(p.w_shape(), strides(channel.w, 0, &Spatial::w));
    p.y_strides = canonical(p.y_shape(), strides(batch.y, channel.y, &Spatial::y));
  }

  const Call& call_;
  Lowering lowering_;
  std::vector<Spatial> spatial_;
  std::vector<Dimension> dimensions_;
  std::size_t last_convolved_ = 0;
  std::optional<Dimension> batch_, group_, channel_;
};

}  // namespace

void check_exact(DType a, DType b, DType output) {
  const bool wide = size_of(a) == 8 || size_of(b) == 8;
  if (is_integer(a) && is_integer(b) && wide && !is_integer(output)) {
    throw InvalidProblem(
        message("operands of types ", name(a), " and ", name(b), " meet in ", name(output),
                ", which would round them; convert one to the "
                "other's type for exact integers with `convolve`, or to f64, or name an "
                "integer `output`"));
  }
}

Lowering assemble(const Call& call) { return Assembly(call).finish(); }

}  // namespace faltung::signal
