#include "cpp/cpu/direct/stencil_task.hpp"

#include <hwy/cache_control.h>

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"
#include "cpp/cpu/direct/finite.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::direct {
namespace {

// Values per row of sums: whole vectors are stored in place only.
std::int64_t padded(std::int64_t columns) { return columns + row_slack; }

}  // namespace

template <typename Acc>
bool StencilTask<Acc>::serves(const Problem& p) {
  return p.pass == Pass::forward && p.rank() <= 3 &&
         std::ranges::all_of(p.axes, [](const Axis& axis) { return axis.input_dilation == 1; }) &&
         fits_in_boxes(p);
}

template <typename Acc>
StencilTask<Acc>::StencilTask(const Problem& problem)
    : p_(problem),
      t_(problem),
      box_(choose_box(
          t_, problem.batch * problem.groups, problem.in_channels / problem.groups,
          static_cast<std::int64_t>(sizeof(Acc)),
          longest_sum(problem) * static_cast<double>(problem.out_channels / problem.groups),
          most_rows)),
      boxes_(t_, box_),
      general_(problem),
      packer_(problem),
      loader_(problem, t_, box_),
      result_(problem),
      kernel_(stencil_kernel<Part>()),
      x_(x_strides(problem)),
      y_(y_strides(problem)),
      group_inputs_(problem.in_channels / problem.groups),
      group_outputs_(problem.out_channels / problem.groups),
      taps_(group_inputs_ * element_count(filter_extents(problem))),
      shared_rows_(1),
      tap_step_(complex ? 2 : 1) {
  const Axis& z = t_.axes[0];
  const Axis& y = t_.axes[1];
  const Axis& x = t_.axes[2];
  constexpr std::int64_t parts = complex ? 2 : 1;
  for (std::int64_t c = 0; c < group_inputs_; ++c) {
    for (std::int64_t r = 0; r < z.filter; ++r) {
      planes_.push_back(parts * (c * loader_.size() + r * z.dilation * loader_.plane_size()));
    }
  }
  if (x.stride != 1 || x.dilation != 1) {
    for (const std::int64_t offset : loader_.window().offsets) offsets_.push_back(parts * offset);
  }
  if (!complex && y.stride == 1 && y.dilation == 1) shared_rows_ = std::min(most_rows, y.filter);
  stores_in_place_ = !complex && results_are_sums<Acc>(p_) && t_.y[2] == 1;
  streams_ = stores_in_place_ && leaves_caches(p_);
  pads_zeros_ = meets_zeros(p_);
  slots_ = plan_threads(p_.batch * p_.groups * boxes_.count(), vector_us(p_));

  WorkspaceLayout slot;
  buffer_at_ = slot.add<Acc>(group_inputs_ * loader_.size());
  segments_at_ = slot.add<Segment>(loader_.most_segments());
  sums_at_ = slot.add<Acc>(most_rows * padded(box_[2]));
  parts_at_ = slot.add<Part>(complex ? 2 * padded(2 * box_[2]) + 2 * taps_ : 0);
  slot_bytes_ = slot.bytes();
  WorkspaceLayout all;
  filter_at_ = all.add<Acc>(packer_.size());
  slots_at_ = all.add<std::byte>(static_cast<std::int64_t>(slot_bytes_) * slots_);
  bytes_ = std::max(all.bytes(), general_.workspace_bytes());
}

template <typename Acc>
std::string StencilTask<Acc>::policy() const {
  return message("boxes of ", box_[0], "x", box_[1], "x", box_[2], " outputs");
}

template <typename Acc>
void StencilTask<Acc>::run(const RunArguments& arguments) const {
  const Acc* filter = packer_.filter(arguments, at<Acc>(arguments.workspace, filter_at_));
  if (pads_zeros_ && !all_finite(filter, p_.out_channels * taps_)) return general_.run(arguments);
  parallel_for(p_.batch * p_.groups * boxes_.count(), slots_, [&](std::int64_t block, int slot) {
    std::byte* workspace =
        arguments.workspace + slots_at_ + static_cast<std::size_t>(slot) * slot_bytes_;
    compute(arguments, filter, work(block, workspace));
    if (streams_) hwy::FlushStream();
  });
}

template <typename Acc>
typename StencilTask<Acc>::Work StencilTask<Acc>::work(std::int64_t block,
                                                       std::byte* workspace) const {
  Work work{.image = 0, .group = 0, .first = {}, .outputs = {}, .workspace = workspace};
  block = boxes_.find(block, work.first, work.outputs);
  work.group = block % p_.groups;
  work.image = block / p_.groups;
  return work;
}

template <typename Acc>
void StencilTask<Acc>::compute(const RunArguments& arguments, const Acc* filter,
                               const Work& work) const {
  Acc* buffer = at<Acc>(work.workspace, buffer_at_);
  for (std::int64_t c = 0; c < group_inputs_; ++c) {
    const std::int64_t channel = work.group * group_inputs_ + c;
    loader_.load(arguments.first, work.image * x_.outer + channel * x_.channel, work.first,
                 work.outputs, at<Segment>(work.workspace, segments_at_),
                 buffer + c * loader_.size());
  }
  for (std::int64_t k = work.group * group_outputs_; k < (work.group + 1) * group_outputs_; ++k) {
    for (std::int64_t z = 0; z < work.outputs[0]; ++z) {
      for (std::int64_t y = 0; y < work.outputs[1]; y += shared_rows_) {
        sum_rows(arguments, filter + k * taps_, work, k, z, y,
                 std::min(shared_rows_, work.outputs[1] - y));
      }
    }
  }
}

template <typename Acc>
void StencilTask<Acc>::sum_rows(const RunArguments& arguments, const Acc* filter, const Work& work,
                                std::int64_t k, std::int64_t z, std::int64_t y,
                                std::int64_t rows) const {
  constexpr std::int64_t parts = complex ? 2 : 1;
  const Acc* x = at<Acc>(work.workspace, buffer_at_) +
                 z * t_.axes[0].stride * loader_.plane_size() +
                 y * t_.axes[1].stride * loader_.row_size();
  const std::int64_t to = work.image * y_.outer + k * y_.channel + (work.first[0] + z) * t_.y[0] +
                          (work.first[1] + y) * t_.y[1] + work.first[2] * t_.y[2];
  Acc* sums = at<Acc>(work.workspace, sums_at_);
  const std::int64_t sums_step = padded(box_[2]);
  StencilRows<Part> a{.x = reinterpret_cast<const Part*>(x),
                      .planes = planes_.data(),
                      .plane_count = static_cast<std::int64_t>(planes_.size()),
                      .tap_rows = t_.axes[1].filter,
                      .tap_row_step = parts * t_.axes[1].dilation * loader_.row_size(),
                      .taps = t_.axes[2].filter,
                      .tap_step = tap_step_,
                      .offsets = offsets_.empty() ? nullptr : offsets_.data(),
                      .w = reinterpret_cast<const Part*>(filter),
                      .y = reinterpret_cast<Part*>(sums),
                      .y_row_step = sums_step,
                      .rows = rows,
                      .columns = parts * work.outputs[2],
                      .streams = streams_};
  if constexpr (complex) {
    sum_complex_row(a, work, filter, sums);
  } else if (stores_in_place_) {
    a.y = static_cast<Part*>(arguments.result) + to;
    a.y_row_step = t_.y[1];
    return kernel_(a);
  } else {
    kernel_(a);
  }
  for (std::int64_t m = 0; m < rows; ++m) {
    result_.store(arguments, k, sums + m * sums_step, work.outputs[2], to + m * t_.y[1], t_.y[2]);
  }
}

template <typename Acc>
void StencilTask<Acc>::sum_complex_row(StencilRows<Part> a, const Work& work, const Acc* filter,
                                       Acc* sums) const {
  if constexpr (complex) {
    const std::int64_t length = padded(2 * box_[2]);
    Part* by_real = at<Part>(work.workspace, parts_at_);
    Part* by_imaginary = by_real + length;
    Part* real = by_imaginary + length;
    Part* imaginary = real + taps_;
    for (std::int64_t i = 0; i < taps_; ++i) {
      real[i] = filter[i].real();
      imaginary[i] = filter[i].imag();
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

}  // namespace faltung::direct
