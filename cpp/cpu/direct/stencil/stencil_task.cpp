#include "cpp/cpu/direct/stencil/stencil_task.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cpp/core/order.hpp"
#include "cpp/core/sum_blocks.hpp"
#include "cpp/cpu/direct/boxes/finite.hpp"
#include "cpp/cpu/direct/definition/direct_task.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"

namespace faltung::direct {
namespace {

// Values per row of sums: whole vectors are stored in place only.
std::int64_t padded(std::int64_t columns) { return columns + row_slack; }

Box stencil_box(const Problem& p, std::int64_t bytes) {
  return choose_box(ThreeAxes(p), p.batch * p.groups, p.in_channels / p.groups, bytes,
                    longest_sum(p) * static_cast<double>(p.out_channels / p.groups), max_rows);
}

template <typename T>
void add_rows(T* __restrict to, const T* __restrict from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

template <typename Value>
std::unique_ptr<Task> task_for_any_filter(const Problem& p) {
  using Acc = typename ValueTraits<Value>::Sum;
  if constexpr (std::is_same_v<Value, Acc>) return std::make_unique<DirectTask<Acc>>(p);
  return std::make_unique<StencilTask<Acc>>(p);
}

}  // namespace

template <typename Value>
bool StencilTask<Value>::serves(const Problem& p) {
  if (pairs && (!takes_pairs(p) || stencil_kernel<Part>() == nullptr)) return false;
  return p.pass == Pass::forward && has_kernel_axes(p) && fits_in_boxes(p);
}

template <typename Value>
StencilTask<Value>::StencilTask(const Problem& problem, const Problem& given, TapOrder order)
    : BoxTask(problem, ThreeAxes(problem), stencil_box(problem, sizeof(Element)), problem.groups, 1,
              task_for_any_filter<Value>(problem)),
      order_(order),
      packer_(given),
      loader_(problem, t_, box_),
      result_(problem),
      kernel_(stencil_kernel<Part>()),
      row_values_(order == TapOrder::axes
                      ? ceil_divide(t_.axes[2].filter, ValueTraits<Value>::channels)
                      : 1),
      values_(group_inputs_ * t_.axes[0].filter * t_.axes[1].filter *
              (order == TapOrder::axes ? row_values_ : t_.axes[2].filter)),
      shared_rows_(1),
      in_order_(needs_order(problem)) {
  const auto& [z, y, x] = t_.axes;
  find_planes();
  find_blocks();
  if (!complex && steps_[3] == x.filter && y.stride == 1 && y.dilation == 1) {
    shared_rows_ = std::min(max_rows, y.filter);
  }
  one_block_ = plane_ends_.size() == 1 && steps_[2] == y.filter && steps_[3] == x.filter;
  stores_in_place_ = !complex && results_are_sums<Acc>(p_) && t_.y[2] == 1;
  streams_ = stores_in_place_ && one_block_ && leaves_caches(p_);
  share(vector_us(p_));

  add_weights<Value>(pairs ? p_.out_channels * values_ : packer_.size());
  filter_ = layout_.shared.add<Acc>(pairs ? packer_.size() : 0);
  buffer_ = layout_.slot.add<Element>(group_inputs_ * loader_.size());
  segments_ = layout_.slot.add<typename Loader::Segment>(loader_.max_segments());
  sums_ = layout_.slot.add<Acc>(max_rows * padded(box_[2]));
  parts_ = layout_.slot.add<Part>(complex ? 2 * padded(2 * box_[2]) + 2 * values_ : 0);
  block_sums_ = layout_.slot.add<typename ValueTraits<Part>::Sum>(
      one_block_ ? 0 : max_rows * padded(parts * box_[2]));
}

// Where sums run over the last axis before the second, each of its taps is a plane of its own.
template <typename Value>
void StencilTask<Value>::find_planes() {
  const Axis &z = t_.axes[0], &x = t_.axes[2];
  const auto plane = [&](std::int64_t c, std::int64_t r) {
    return c * loader_.size() + r * z.dilation * loader_.plane_size();
  };
  const std::vector<std::int64_t>& offsets = loader_.window().offsets;
  for (std::int64_t c = 0; c < group_inputs_; ++c) {
    if (order_ == TapOrder::last_first) {
      for (const std::int64_t offset : offsets) {
        for (std::int64_t r = 0; r < z.filter; ++r) planes_.push_back(plane(c, r) + offset);
      }
      continue;
    }
    for (std::int64_t r = 0; r < z.filter; ++r) {
      if (order_ == TapOrder::axes) {
        planes_.push_back(parts * plane(c, r));
      } else {
        for (const std::int64_t offset : offsets) planes_.push_back(plane(c, r) + offset);
      }
    }
  }
  if (order_ == TapOrder::axes && (x.stride != 1 || x.dilation != 1)) {
    for (const std::int64_t offset : offsets) offsets_.push_back(parts * offset);
  }
}

template <typename Value>
void StencilTask<Value>::find_blocks() {
  const auto& [z, y, x] = t_.axes;
  const Extents extents{group_inputs_, z.filter, y.filter, x.filter};
  if (order_ != TapOrder::axes) {
    steps_ = extents;
    plane_ends_.push_back(std::ssize(planes_));
    return;
  }
  steps_ = is_integer(p_.accumulator) ? extents : sum_steps(extents);
  for (std::int64_t c = 1; c <= group_inputs_; ++c) {
    for (std::int64_t r = steps_[1]; r < z.filter; r += steps_[1]) {
      plane_ends_.push_back((c - 1) * z.filter + r);
    }
    if (c % steps_[0] == 0 || c == group_inputs_) plane_ends_.push_back(c * z.filter);
  }
}

template <typename Value>
std::string StencilTask<Value>::policy() const {
  return message("boxes of ", box_text(box_), " outputs",
                 pairs ? ", products of 16-bit integers in pairs" : "");
}

template <typename Value>
const void* StencilTask<Value>::make_weights(const void* w, void* to, std::byte* workspace,
                                             int) const {
  if constexpr (pairs) {
    auto* weights = static_cast<Value*>(to);
    return make_pairs(packer_.filter(w, filter_.at(workspace)), weights) ? to : nullptr;
  } else {
    const Acc* filter = packer_.filter(w, static_cast<Acc*>(to));
    return pads_zeros_ && !all_finite(filter, p_.out_channels * values_) ? nullptr : filter;
  }
}

// False if some weight needs more than 16 bits, taken modulo 2^32 as the sums are.
template <typename Value>
bool StencilTask<Value>::make_pairs([[maybe_unused]] const Acc* filter,
                                    [[maybe_unused]] Int16Pair* to) const {
  std::uint32_t wide = 0;
  if constexpr (pairs) {
    const std::int64_t taps = t_.axes[2].filter;
    const auto narrow = [&](std::uint32_t weight) {
      const auto value = static_cast<std::int16_t>(weight);
      wide |= weight ^ static_cast<std::uint32_t>(std::int32_t{value});
      return value;
    };
    const Int16Pair* end = to + p_.out_channels * values_;
    for (; to != end; filter += taps) {
      for (std::int64_t t = 0; t < taps; t += 2, ++to) {
        *to = {narrow(filter[t]), t + 1 < taps ? narrow(filter[t + 1]) : std::int16_t{0}};
      }
    }
  }
  return wide == 0;
}

template <typename Value>
bool StencilTask<Value>::compute(const RunArguments& arguments) const {
  const auto* weights = find_weights<Value>(arguments);
  if (weights == nullptr) return false;
  for_each_box(arguments, [&](const Work& work) { compute_box(arguments, weights, work); });
  return true;
}

template <typename Value>
void StencilTask<Value>::compute_box(const RunArguments& arguments, const Value* weights,
                                     const Work& work) const {
  loader_.load(arguments.first, input_at(work, work.group * group_inputs_), group_inputs_,
               work.first, work.outputs, segments_.at(work.workspace), buffer_.at(work.workspace));
  for (std::int64_t k = work.group * group_outputs_; k < (work.group + 1) * group_outputs_; ++k) {
    for (std::int64_t z = 0; z < work.outputs[0]; ++z) {
      for (std::int64_t y = 0; y < work.outputs[1]; y += shared_rows_) {
        sum_rows(arguments, weights + k * values_, work, k, z, y,
                 std::min(shared_rows_, work.outputs[1] - y));
      }
    }
  }
}

template <typename Value>
void StencilTask<Value>::sum_rows(const RunArguments& arguments, const Value* weights,
                                  const Work& work, std::int64_t k, std::int64_t z, std::int64_t y,
                                  std::int64_t rows) const {
  using X = typename ValueTraits<Part>::Element;
  using Y = typename ValueTraits<Part>::Sum;
  const Element* x = buffer_.at(work.workspace) + z * t_.axes[0].stride * loader_.plane_size() +
                     y * t_.axes[1].stride * loader_.row_size();
  const std::int64_t to = output_at(work, k, z, y);
  Acc* sums = sums_.at(work.workspace);
  const std::int64_t sums_step = padded(box_[2]);
  StencilRows<Part> a{.x = reinterpret_cast<const X*>(x),
                      .planes = planes_.data(),
                      .plane_count = std::ssize(planes_),
                      .tap_rows = t_.axes[1].filter,
                      .tap_row_step = parts * t_.axes[1].dilation * loader_.row_size(),
                      .taps = row_values_,
                      .tap_step = complex || pairs ? 2 : 1,
                      .offsets = offsets_.empty() ? nullptr : offsets_.data(),
                      .w = reinterpret_cast<const Part*>(weights),
                      .y = reinterpret_cast<Y*>(sums),
                      .y_row_step = sums_step,
                      .rows = rows,
                      .columns = parts * work.outputs[2],
                      .streams = streams_,
                      .in_order = in_order_};
  if (in_order_) a.zero = 0;
  if constexpr (complex) {
    sum_complex_row(a, work, weights, sums);
  } else if (stores_in_place_) {
    a.y = static_cast<Y*>(arguments.result) + to;
    a.y_row_step = t_.y[1];
    return sum(a, work);
  } else {
    sum(a, work);
  }
  for (std::int64_t m = 0; m < rows; ++m) {
    result_.store(arguments, k, sums + m * sums_step, work.outputs[2], to + m * t_.y[1], t_.y[2]);
  }
}

// A block is some planes, or some rows of one plane, or a piece of one row: its weights have no
// gaps.
template <typename Value>
void StencilTask<Value>::sum(const StencilRows<Part>& a, const Work& work) const {
  if (one_block_) return kernel_(a);
  const std::int64_t row_step = std::min(steps_[2], a.tap_rows);
  const std::int64_t tap_step = steps_[3] < t_.axes[2].filter ? steps_[3] : a.taps;
  const std::int64_t step = padded(parts * box_[2]);
  StencilRows<Part> block = a;
  std::int64_t plane = 0;
  for (const std::int64_t end : plane_ends_) {
    for (std::int64_t r = 0; r < a.tap_rows; r += row_step) {
      for (std::int64_t t = 0; t < a.taps; t += tap_step) {
        block.planes = a.planes + plane;
        block.plane_count = end - plane;
        block.tap_rows = std::min(row_step, a.tap_rows - r);
        block.taps = std::min(tap_step, a.taps - t);
        if (a.offsets != nullptr) block.offsets = a.offsets + t;
        block.x = a.x + r * a.tap_row_step + (a.offsets == nullptr ? t * a.tap_step : 0);
        block.w = a.w + (plane * a.tap_rows + r) * a.taps + t;
        kernel_(block);
        if (block.y != a.y) {
          for (std::int64_t m = 0; m < a.rows; ++m) {
            add_rows(a.y + m * a.y_row_step, block.y + m * step, a.columns);
          }
        }
        block.y = block_sums_.at(work.workspace);
        block.y_row_step = step;
      }
    }
    plane = end;
  }
}

template <typename Value>
void StencilTask<Value>::sum_complex_row(StencilRows<Part> a, const Work& work,
                                         const Value* weights, Acc* sums) const {
  if constexpr (complex) {
    const std::int64_t length = padded(2 * box_[2]);
    Part* by_real = parts_.at(work.workspace);
    Part* by_imaginary = by_real + length;
    Part* real = by_imaginary + length;
    Part* imaginary = real + values_;
    for (std::int64_t i = 0; i < values_; ++i) {
      real[i] = weights[i].real();
      imaginary[i] = weights[i].imag();
    }
    a.w = real;
    a.y = by_real;
    sum(a, work);
    a.w = imaginary;
    a.y = by_imaginary;
    sum(a, work);
    for (std::int64_t i = 0; i < work.outputs[2]; ++i) {
      sums[i] = {by_real[2 * i] - by_imaginary[2 * i + 1],
                 by_real[2 * i + 1] + by_imaginary[2 * i]};
    }
  }
}

template class StencilTask<float>;
template class StencilTask<double>;
template class StencilTask<std::complex<float>>;
template class StencilTask<std::complex<double>>;
template class StencilTask<std::uint32_t>;
template class StencilTask<Int16Pair>;

}  // namespace faltung::direct
