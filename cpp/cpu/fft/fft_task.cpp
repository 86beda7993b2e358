#include "cpp/cpu/fft/fft_task.hpp"

#include <algorithm>

#include "cpp/core/message.hpp"
#include "cpp/cpu/error_terms.hpp"

namespace faltung::fft {
namespace {

enum class Conjugate : bool { none, second };

// sums[i] += a[i] b[i], or a[i] conj(b[i])
template <Conjugate conjugate, typename Z>
void add_products(Z* sums, const Z* a, const Z* b, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    sums[i] += product(a[i], conjugate == Conjugate::second ? conjugate_value(b[i]) : b[i]);
  }
}

}  // namespace

template <typename T, typename Sum>
FftTask<T, Sum>::FftTask(const Problem& problem)
    : p_(problem),
      group_inputs_(p_.in_channels / p_.groups),
      group_outputs_(p_.out_channels / p_.groups),
      channels_(problem),
      size_(channels_.size()),
      channel_size_(channels_.channel_size()) {
  const bool backward_data = p_.pass == Pass::backward_data;
  x_at_ = layout_.add<Z>((backward_data ? 1 : group_inputs_) * channel_size_);
  w_at_ = layout_.add<Z>(group_outputs_ * group_inputs_ * size_);
  y_at_ = layout_.add<Z>((backward_data ? group_outputs_ : 1) * channel_size_);
  scratch_at_ = layout_.add<std::byte>(channels_.scratch_bytes());
}

template <typename T, typename Sum>
ErrorBound FftTask<T, Sum>::error_bound() const {
  if (is_integer(p_.accumulator)) return {};
  const Sizes n = sizes(p_);
  const double fold = p_.pass == Pass::backward_data ? std::sqrt(n.folds) : 1;
  return {ErrorBound::Kind::normwise,
          fold * (expected_error(n.length) * unit_roundoff(p_.accumulator) +
                  sum_error(summed_transforms(p_), p_.accumulator))};
}

template <typename T, typename Sum>
std::string FftTask<T, Sum>::policy() const {
  return message("transforms of ", channels_.lengths(),
                 std::is_same_v<T, Real<T>> ? " reals" : " complex", ", ", channel_size_ / size_,
                 " for each channel of an image; spreads NaN and infinity over a "
                 "transform");
}

template <typename T, typename Sum>
std::unique_ptr<PreparedFilter> FftTask<T, Sum>::prepare_filter(const Stream&,
                                                                const void* w) const {
  auto spectra = std::make_unique<Spectra>();
  spectra->values.resize(static_cast<std::size_t>(p_.out_channels * group_inputs_ * size_));
  Tensor memory(DType::u8, {channels_.scratch_bytes()});
  const Scratch scratch = channels_.scratch(static_cast<std::byte*>(memory.data()));
  Z* to = spectra->values.data();
  for (std::int64_t k = 0; k < p_.out_channels; ++k) {
    for (std::int64_t c = 0; c < group_inputs_; ++c, to += size_) {
      channels_.load_w(w, k, c, to, scratch);
    }
  }
  return spectra;
}

template <typename T, typename Sum>
void FftTask<T, Sum>::run(const RunArguments& arguments) const {
  const Scratch scratch = channels_.scratch(arguments.workspace + scratch_at_);
  for (std::int64_t g = 0; g < p_.groups; ++g) {
    if (p_.pass == Pass::backward_filter) {
      backward_filter(arguments, g, scratch);
      continue;
    }
    const Z* w = nullptr;
    const std::int64_t pairs = group_outputs_ * group_inputs_;
    if (arguments.prepared != nullptr) {
      w = static_cast<const Spectra*>(arguments.prepared)->values.data() + g * pairs * size_;
    } else {
      Z* to = at<Z>(arguments.workspace, w_at_);
      w = to;
      for (std::int64_t i = 0; i < pairs; ++i) {
        channels_.load_w(arguments.second, g * group_outputs_ + i / group_inputs_,
                         i % group_inputs_, to + i * size_, scratch);
      }
    }
    if (p_.pass == Pass::forward) {
      forward(arguments, g, w, scratch);
    } else {
      backward_data(arguments, g, w, scratch);
    }
  }
}

template <typename T, typename Sum>
void FftTask<T, Sum>::forward(const RunArguments& arguments, std::int64_t g, const Z* w,
                              const Scratch& scratch) const {
  Z* x = at<Z>(arguments.workspace, x_at_);
  Z* y = at<Z>(arguments.workspace, y_at_);
  for (std::int64_t b = 0; b < p_.batch; ++b) {
    for (std::int64_t c = 0; c < group_inputs_; ++c) {
      channels_.load_x(arguments.first, b, g * group_inputs_ + c, x + c * channel_size_, scratch);
    }
    for (std::int64_t k = 0; k < group_outputs_; ++k) {
      std::fill_n(y, channel_size_, Z(0));
      for (std::int64_t c = 0; c < group_inputs_; ++c) {
        for (std::int64_t i = 0; i < channel_size_; i += size_) {
          add_products<Conjugate::none>(y + i, x + c * channel_size_ + i,
                                        w + (k * group_inputs_ + c) * size_, size_);
        }
      }
      channels_.store_y(arguments, b, g * group_outputs_ + k, y, scratch);
    }
  }
}

template <typename T, typename Sum>
void FftTask<T, Sum>::backward_data(const RunArguments& arguments, std::int64_t g, const Z* w,
                                    const Scratch& scratch) const {
  Z* x = at<Z>(arguments.workspace, x_at_);
  Z* y = at<Z>(arguments.workspace, y_at_);
  for (std::int64_t b = 0; b < p_.batch; ++b) {
    for (std::int64_t k = 0; k < group_outputs_; ++k) {
      channels_.load_y(arguments.first, b, g * group_outputs_ + k, y + k * channel_size_, scratch);
    }
    for (std::int64_t c = 0; c < group_inputs_; ++c) {
      std::fill_n(x, channel_size_, Z(0));
      for (std::int64_t k = 0; k < group_outputs_; ++k) {
        for (std::int64_t i = 0; i < channel_size_; i += size_) {
          add_products<Conjugate::second>(x + i, y + k * channel_size_ + i,
                                          w + (k * group_inputs_ + c) * size_, size_);
        }
      }
      channels_.store_x(arguments, b, g * group_inputs_ + c, x, scratch);
    }
  }
}

template <typename T, typename Sum>
void FftTask<T, Sum>::backward_filter(const RunArguments& arguments, std::int64_t g,
                                      const Scratch& scratch) const {
  Z* x = at<Z>(arguments.workspace, x_at_);
  Z* w = at<Z>(arguments.workspace, w_at_);
  Z* y = at<Z>(arguments.workspace, y_at_);
  std::fill_n(w, group_outputs_ * group_inputs_ * size_, Z(0));
  for (std::int64_t b = 0; b < p_.batch; ++b) {
    for (std::int64_t c = 0; c < group_inputs_; ++c) {
      channels_.load_x(arguments.first, b, g * group_inputs_ + c, x + c * channel_size_, scratch);
    }
    for (std::int64_t k = 0; k < group_outputs_; ++k) {
      channels_.load_y(arguments.second, b, g * group_outputs_ + k, y, scratch);
      for (std::int64_t c = 0; c < group_inputs_; ++c) {
        for (std::int64_t i = 0; i < channel_size_; i += size_) {
          add_products<Conjugate::second>(w + (k * group_inputs_ + c) * size_, y + i,
                                          x + c * channel_size_ + i, size_);
        }
      }
    }
  }
  for (std::int64_t k = 0; k < group_outputs_; ++k) {
    for (std::int64_t c = 0; c < group_inputs_; ++c) {
      channels_.store_w(arguments, g * group_outputs_ + k, c, w + (k * group_inputs_ + c) * size_,
                        scratch);
    }
  }
}

template class FftTask<float, float>;
template class FftTask<double, double>;
template class FftTask<std::complex<float>, std::complex<float>>;
template class FftTask<std::complex<double>, std::complex<double>>;
template class FftTask<double, std::uint64_t>;

}  // namespace faltung::fft
