#include "cpp/cpu/direct/stencil/stencil_task.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
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
StencilTask<Value>::StencilTask(const Problem& problem)
    : BoxTask(problem, ThreeAxes(problem), stencil_box(problem, sizeof(Element)), problem.groups, 1,
              task_for_any_filter<Value>(problem)),
      packer_(problem),
      loader_(problem, t_, box_),
      result_(problem),
      kernel_(stencil_kernel<Part>()),
      row_values_(ceil_divide(t_.axes[2].filter, ValueTraits<Value>::channels)),
      values_(group_inputs_ * t_.axes[0].filter * t_.axes[1].filter * row_values_),
      shared_rows_(1) {
  const auto& [z, y, x] = t_.axes;
  for (std::int64_t c = 0; c < group_inputs_; ++c) {
    for (std::int64_t r = 0; r < z.filter; ++r) {
      planes_.push_back(parts * (c * loader_.size() + r * z.dilation * loader_.plane_size()));
    }
  }
  if (x.stride != 1 || x.dilation != 1) {
    for (const std::int64_t offset : loader_.window().offsets) offsets_.push_back(parts * offset);
  }
  if (!complex && y.stride == 1 && y.dilation == 1) shared_rows_ = std::min(max_rows, y.filter);
  stores_in_place_ = !complex && results_are_sums<Acc>(p_) && t_.y[2] == 1;
  streams_ = stores_in_place_ && leaves_caches(p_);
  share(vector_us(p_));

  add_weights<Value>(pairs ? p_.out_channels * values_ : packer_.size());
  filter_ = layout_.shared.add<Acc>(pairs ? packer_.size() : 0);
  buffer_ = layout_.slot.add<Element>(group_inputs_ * loader_.size());
  segments_ = layout_.slot.add<typename Loader::Segment>(loader_.max_segments());
  sums_ = layout_.slot.add<Acc>(max_rows * padded(box_[2]));
  parts_ = layout_.slot.add<Part>(complex ? 2 * padded(2 * box_[2]) + 2 * values_ : 0);
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
                      .streams = streams_};
  if constexpr (complex) {
    sum_complex_row(a, work, weights, sums);
  } else if (stores_in_place_) {
    a.y = static_cast<Y*>(arguments.result) + to;
    a.y_row_step = t_.y[1];
    return kernel_(a);
  } else {
    kernel_(a);
  }
  for (std::int64_t m = 0; m < rows; ++m) {
    result_.store(arguments, k, sums + m * sums_step, work.outputs[2], to + m * t_.y[1], t_.y[2]);
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
    kernel_(a);
    a.w = imaginary;
    a.y = by_imaginary;
    kernel_(a);
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
