#include "cpp/cpu/fft/fft_task.hpp"

#include <algorithm>
#include <limits>

#include "cpp/core/message.hpp"
#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::fft {
namespace {

// How many units' spectra are made before they are used: enough that several threads find work,
// and no more than 16 MiB if one does not take more.
std::int64_t units_at_once(std::int64_t units, std::int64_t channels, std::int64_t bytes) {
  const std::int64_t wanted = (64 + channels - 1) / channels;
  const std::int64_t fit = (std::int64_t{16} << 20) / std::max<std::int64_t>(1, channels * bytes);
  return std::clamp<std::int64_t>(std::min(wanted, fit), 1, units);
}

// Of one thread's array, so that each starts where a workspace may.
template <typename T>
std::int64_t slot_bytes(std::int64_t count) {
  constexpr auto alignment = static_cast<std::int64_t>(memory_alignment);
  const std::int64_t bytes = count * static_cast<std::int64_t>(sizeof(T));
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace

template <typename T, typename Sum>
FftTask<T, Sum>::FftTask(const Problem& problem)
    : p_(problem),
      plan_(plan_blocks(problem, current_instruction_set())),
      group_inputs_(p_.in_channels / p_.groups),
      group_outputs_(p_.out_channels / p_.groups),
      blocks_(plan_.block_count()),
      pairs_(p_.out_channels * group_inputs_),
      channels_(problem, plan_),
      transform_(plan_.lengths),
      size_(transform_.spectrum_values()),
      slots_(plan_threads(std::numeric_limits<std::int64_t>::max(), plan_.nanoseconds * 1e-3)) {
  const std::int64_t units = p_.batch * blocks_;
  const auto bytes = size_ * static_cast<std::int64_t>(sizeof(R));
  std::int64_t spectra = 0;
  switch (p_.pass) {
    case Pass::forward:
      at_once_ = units_at_once(units * p_.groups, group_inputs_, bytes);
      spectra = group_inputs_ == 1 && group_outputs_ == 1 ? 0 : at_once_ * group_inputs_;
      break;
    case Pass::backward_data:
      at_once_ = blocks_;
      spectra = at_once_ * group_outputs_;
      break;
    case Pass::backward_filter:
      at_once_ = units_at_once(units, p_.in_channels + p_.out_channels, bytes);
      spectra = at_once_ * (p_.in_channels + p_.out_channels);
      break;
  }
  x_at_ = layout_.add<R>(spectra * size_);
  w_at_ = layout_.add<R>(pairs_ * size_);
  data_at_ = layout_.add<std::byte>(slots_ * slot_bytes<T>(channels_.points()));
  sums_at_ = layout_.add<std::byte>(slots_ * slot_bytes<R>(size_));
  scratch_at_ = layout_.add<std::byte>(slots_ * channels_.scratch_bytes());
  work_at_ = layout_.add<std::byte>(slots_ * transform_.work_bytes(1));
}

template <typename T, typename Sum>
ErrorBound FftTask<T, Sum>::error_bound() const {
  if (is_integer(p_.accumulator)) return {};
  const Sizes n = sizes(plan_);
  const double fold = p_.pass == Pass::backward_data ? std::sqrt(n.folds) : 1;
  // The norms of all blocks together exceed that of x where they overlap.
  return {ErrorBound::Kind::normwise,
          fold * std::sqrt(n.overlap) *
              (expected_error(n.length) * unit_roundoff(p_.accumulator) +
               sum_error(summed_transforms(p_, n), p_.accumulator))};
}

template <typename T, typename Sum>
std::string FftTask<T, Sum>::policy() const {
  return message("transforms of ", plan_.lengths, is_real<T> ? " reals" : " complex", ", ", blocks_,
                 " for each channel of an image, ", current_instruction_set().name,
                 "; spreads NaN and infinity over a transform");
}

template <typename T, typename Sum>
typename FftTask<T, Sum>::Slot FftTask<T, Sum>::slot(std::byte* workspace, int index) const {
  return {at<T>(workspace, data_at_ + index * slot_bytes<T>(channels_.points())),
          at<R>(workspace, sums_at_ + index * slot_bytes<R>(size_)),
          channels_.scratch(workspace + scratch_at_ + index * channels_.scratch_bytes()),
          {workspace + work_at_ + index * transform_.work_bytes(1), 1}};
}

template <typename T, typename Sum>
template <typename F>
void FftTask<T, Sum>::each(std::byte* workspace, std::int64_t items, F&& f) const {
  if (items >= 4 * slots_ || items % slots_ == 0) {
    parallel_for(items, slots_,
                 [&](std::int64_t item, int index) { f(item, slot(workspace, index)); });
    return;
  }
  // The work memory of all slots is one piece, and more than one transform by all threads needs.
  Slot all = slot(workspace, 0);
  all.work.slots = slots_;
  for (std::int64_t item = 0; item < items; ++item) f(item, all);
}

template <typename T, typename Sum>
void FftTask<T, Sum>::load_filters(const void* w, R* to, std::byte* workspace) const {
  each(workspace, pairs_, [&](std::int64_t i, const Slot& s) {
    channels_.load_w(w, i / group_inputs_, i % group_inputs_, s.data, s.scratch);
    transform_.forward(s.data, channels_.w_box(), to + i * size_, s.work);
  });
}

template <typename T, typename Sum>
std::unique_ptr<PreparedFilter> FftTask<T, Sum>::prepare_filter(const Stream&,
                                                                const void* w) const {
  auto spectra = std::make_unique<Spectra>();
  spectra->values.resize(static_cast<std::size_t>(pairs_ * size_));
  Tensor memory(DType::u8, {static_cast<std::int64_t>(layout_.bytes())});
  load_filters(w, spectra->values.data(), static_cast<std::byte*>(memory.data()));
  return spectra;
}

template <typename T, typename Sum>
void FftTask<T, Sum>::run(const RunArguments& arguments) const {
  if (p_.pass == Pass::backward_filter) return backward_filter(arguments);
  const R* w = nullptr;
  if (arguments.prepared != nullptr) {
    w = static_cast<const Spectra*>(arguments.prepared)->values.data();
  } else {
    R* to = at<R>(arguments.workspace, w_at_);
    load_filters(arguments.second, to, arguments.workspace);
    w = to;
  }
  if (p_.pass == Pass::backward_data) return backward_data(arguments, w);
  if (group_inputs_ == 1 && group_outputs_ == 1) return forward_single(arguments, w);
  forward(arguments, w);
}

// One filter for each channel: nothing is summed, and a block never leaves its thread.
template <typename T, typename Sum>
void FftTask<T, Sum>::forward_single(const RunArguments& arguments, const R* w) const {
  const std::int64_t units = p_.batch * p_.groups * blocks_;
  each(arguments.workspace, units, [&](std::int64_t unit, const Slot& s) {
    const std::int64_t block = unit % blocks_;
    const std::int64_t c = unit / blocks_ % p_.groups;
    const std::int64_t b = unit / blocks_ / p_.groups;
    const T* x = channels_.load_x(arguments.first, b, c, block, s.data);
    transform_.filter(x, channels_.x_box(block), w + c * size_, s.data, channels_.y_box(block),
                      s.work);
    channels_.store_y(arguments, b, c, block, s.data, s.scratch);
  });
}

template <typename T, typename Sum>
void FftTask<T, Sum>::forward(const RunArguments& arguments, const R* w) const {
  R* x = at<R>(arguments.workspace, x_at_);
  const std::int64_t units = p_.batch * p_.groups * blocks_;
  for (std::int64_t first = 0; first < units; first += at_once_) {
    const std::int64_t count = std::min(at_once_, units - first);
    const auto with_unit = [&](std::int64_t i, auto&& f) {  // f(b, group, block)
      f((first + i) / blocks_ / p_.groups, (first + i) / blocks_ % p_.groups,
        (first + i) % blocks_);
    };
    each(arguments.workspace, count * group_inputs_, [&](std::int64_t item, const Slot& s) {
      with_unit(item / group_inputs_, [&](std::int64_t b, std::int64_t g, std::int64_t block) {
        const std::int64_t c = g * group_inputs_ + item % group_inputs_;
        const T* data = channels_.load_x(arguments.first, b, c, block, s.data);
        transform_.forward(data, channels_.x_box(block), x + item * size_, s.work);
      });
    });
    each(arguments.workspace, count * group_outputs_, [&](std::int64_t item, const Slot& s) {
      const std::int64_t i = item / group_outputs_;
      with_unit(i, [&](std::int64_t b, std::int64_t g, std::int64_t block) {
        const std::int64_t k = g * group_outputs_ + item % group_outputs_;
        for (std::int64_t c = 0; c < group_inputs_; ++c) {
          transform_.products(s.sums, x + (i * group_inputs_ + c) * size_,
                              w + (k * group_inputs_ + c) * size_, false, c > 0);
        }
        transform_.inverse(s.sums, s.data, channels_.y_box(block), s.work);
        channels_.store_y(arguments, b, k, block, s.data, s.scratch);
      });
    });
  }
}

template <typename T, typename Sum>
void FftTask<T, Sum>::backward_data(const RunArguments& arguments, const R* w) const {
  R* y = at<R>(arguments.workspace, x_at_);
  for (std::int64_t image = 0; image < p_.batch * p_.groups; ++image) {
    const std::int64_t b = image / p_.groups, g = image % p_.groups;
    each(arguments.workspace, group_outputs_ * blocks_, [&](std::int64_t item, const Slot& s) {
      channels_.load_y(arguments.first, b, g * group_outputs_ + item / blocks_, item % blocks_,
                       s.data);
      transform_.forward(s.data, channels_.y_box(item % blocks_), y + item * size_, s.work);
    });
    each(arguments.workspace, group_inputs_, [&](std::int64_t c, const Slot& s) {
      channels_.clear_x(s.scratch);
      for (std::int64_t block = 0; block < blocks_; ++block) {
        for (std::int64_t k = 0; k < group_outputs_; ++k) {
          const std::int64_t pair = (g * group_outputs_ + k) * group_inputs_ + c;
          transform_.products(s.sums, y + (k * blocks_ + block) * size_, w + pair * size_, true,
                              k > 0);
        }
        transform_.inverse(s.sums, s.data, channels_.x_box(block), s.work);
        channels_.fold_x(block, s.data, s.scratch);
      }
      channels_.store_x(arguments, b, g * group_inputs_ + c, s.scratch);
    });
  }
}

template <typename T, typename Sum>
void FftTask<T, Sum>::backward_filter(const RunArguments& arguments) const {
  R* spectra = at<R>(arguments.workspace, x_at_);
  R* w = at<R>(arguments.workspace, w_at_);
  const std::int64_t units = p_.batch * blocks_;
  const std::int64_t channels = p_.in_channels + p_.out_channels;
  for (std::int64_t first = 0; first < units; first += at_once_) {
    const std::int64_t count = std::min(at_once_, units - first);
    each(arguments.workspace, count * channels, [&](std::int64_t item, const Slot& s) {
      const std::int64_t unit = first + item / channels, channel = item % channels;
      const std::int64_t b = unit / blocks_, block = unit % blocks_;
      const T* data = s.data;
      if (channel < p_.in_channels) {
        data = channels_.load_x(arguments.first, b, channel, block, s.data);
      } else {
        channels_.load_y(arguments.second, b, channel - p_.in_channels, block, s.data);
      }
      transform_.forward(data,
                         channel < p_.in_channels ? channels_.x_box(block) : channels_.y_box(block),
                         spectra + item * size_, s.work);
    });
    add_up_filters(arguments, count, first == 0);
  }
  each(arguments.workspace, pairs_, [&](std::int64_t i, const Slot& s) {
    transform_.inverse(w + i * size_, s.data, channels_.w_box(), s.work);
    channels_.store_w(arguments, i / group_inputs_, i % group_inputs_, s.data, s.scratch);
  });
}

template <typename T, typename Sum>
void FftTask<T, Sum>::add_up_filters(const RunArguments& arguments, std::int64_t units,
                                     bool first) const {
  constexpr std::int64_t parts = 8;  // of a spectrum, for the threads to share
  const R* spectra = at<R>(arguments.workspace, x_at_);
  R* w = at<R>(arguments.workspace, w_at_);
  parallel_for(pairs_ * parts, slots_, [&](std::int64_t item, int) {
    const std::int64_t pair = item / parts;
    const std::int64_t k = pair / group_inputs_;
    const std::int64_t c = k / group_outputs_ * group_inputs_ + pair % group_inputs_;
    for (std::int64_t unit = 0; unit < units; ++unit) {
      const R* x = spectra + unit * (p_.in_channels + p_.out_channels) * size_;
      transform_.products(w + pair * size_, x + (p_.in_channels + k) * size_, x + c * size_, true,
                          !(first && unit == 0), item % parts, parts);
    }
  });
}

template class FftTask<float, float>;
template class FftTask<double, double>;
template class FftTask<std::complex<float>, std::complex<float>>;
template class FftTask<std::complex<double>, std::complex<double>>;
template class FftTask<double, std::uint64_t>;

}  // namespace faltung::fft
