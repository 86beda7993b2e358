// The gradients of FftTask.

#include <algorithm>

#include "cpp/cpu/fft/fft_task.hpp"

namespace faltung::fft {

template <typename T, typename Sum>
void FftTask<T, Sum>::backward_data(const RunArguments& arguments, const Filters& w,
                                    const Care& care) const {
  const Digits& digits = care.digits;
  R* y = spectra_.at(arguments.workspace);
  Flag* flags = data_flags_.at(arguments.workspace);
  const std::int64_t count = digits.first;
  const int diagonals = digits.diagonals();
  Suspicion suspicious{false};
  for (std::int64_t image = 0; image < p_.batch * p_.groups; ++image) {
    const std::int64_t b = image / p_.groups, g = image % p_.groups;
    each(arguments.workspace, group_outputs_ * blocks_ * count,
         [&](std::int64_t item, const Slot& s) {
           const std::int64_t k = g * group_outputs_ + item / count / blocks_;
           const std::int64_t block = item / count % blocks_;
           const Digit digit(static_cast<int>(item % count), digits.first, digits);
           const auto load = [&](T* data) {
             channels_.load_y(arguments.first, b, k, block, data, s.scratch, digit);
           };
           spectrum(nullptr, load, channels_.y_box(block), y + item * size_, flags[item / count],
                    suspicious, s);
         });
    if constexpr (!std::is_integral_v<Sum>) reach_inputs(arguments, b, g);
    each(arguments.workspace, group_inputs_, [&](std::int64_t c, const Slot& s) {
      for (int diagonal = 0; diagonal < diagonals; ++diagonal) {
        backward_input(arguments, w, b, g, c, diagonal, s, digits);
        if (diagonals == 1) break;
        channels_.add_up(channels_.image_values(), s.scratch.image, diagonal * digits.bits,
                         diagonal == 0, s.totals);
      }
      const std::int64_t channel = g * group_inputs_ + c;
      if constexpr (std::is_integral_v<Sum>) {
        if (diagonals > 1) {
          return channels_.store_x(arguments, b, channel, s.totals, s.scratch);
        }
      }
      channels_.store_x(arguments, b, channel, s.scratch.image, s.scratch, care.guard);
    });
  }
}

// What reaches the positions of x in the blocks of an image's group.
template <typename T, typename Sum>
void FftTask<T, Sum>::reach_inputs(const RunArguments& arguments, std::int64_t b,
                                   std::int64_t g) const {
  const Flag* flags = data_flags_.at(arguments.workspace);
  std::uint8_t* reach = reach_.at(arguments.workspace);
  parallel_for(blocks_, layout_.slots, [&](std::int64_t block, int index) {
    const Slot s = slot(arguments.workspace, index);
    non_finite_.reach_inputs(arguments.first, flags + block, blocks_, b, block, g,
                             reinterpret_cast<std::byte*>(s.sums),
                             reach + block * channels_.points());
  });
}

// One diagonal of one channel of an image, folded in the slot's image.
template <typename T, typename Sum>
void FftTask<T, Sum>::backward_input(const RunArguments& arguments, const Filters& w,
                                     std::int64_t b, std::int64_t g, std::int64_t c, int diagonal,
                                     const Slot& s, const Digits& digits) const {
  const R* y = spectra_.at(arguments.workspace);
  const Flag* flags = data_flags_.at(arguments.workspace);
  channels_.clear_x(s.scratch);
  for (std::int64_t block = 0; block < blocks_; ++block) {
    bool add = false;
    for (std::int64_t k = 0; k < group_outputs_; ++k) {
      const std::int64_t pair = (g * group_outputs_ + k) * group_inputs_ + c;
      digits.for_each_pair(diagonal, [&](int i, int j) {
        transform_.products(s.sums, y + ((k * blocks_ + block) * digits.first + i) * size_,
                            w.spectra + (pair * digits.second + j) * size_, true, add);
        add = true;
      });
    }
    transform_.inverse(s.sums, s.data, channels_.x_box(block), s.work);
    if constexpr (!std::is_integral_v<Sum>) {
      non_finite_.mark_inputs(arguments.first, flags + block, blocks_,
                              reach_.at(arguments.workspace) + block * channels_.points(), w, b,
                              block, g, c, reinterpret_cast<std::byte*>(s.sums), s.data);
    }
    channels_.fold_x(block, s.data, s.scratch);
  }
}

template <typename T, typename Sum>
void FftTask<T, Sum>::backward_filter(const RunArguments& arguments, const Care& care) const {
  const Digits& digits = care.digits;
  R* w = filters_.at(arguments.workspace);
  const std::int64_t units = p_.batch * blocks_;
  const int diagonals = digits.diagonals();
  bool any = false;
  for (std::int64_t first = 0; first < units; first += at_once_) {
    const std::int64_t count = std::min(at_once_, units - first);
    load_gradients(arguments, first, count, digits);
    add_up_filters(arguments, count, first == 0, digits);
    if constexpr (!std::is_integral_v<Sum>) collect_taps(arguments, first, count, any);
  }
  const std::int64_t taps = element_count(filter_extents(p_));
  each(arguments.workspace, pairs_, [&](std::int64_t i, const Slot& s) {
    const std::int64_t k = i / group_inputs_, c = i % group_inputs_;
    for (int diagonal = 0; diagonal < diagonals; ++diagonal) {
      transform_.inverse(w + (i * diagonals + diagonal) * size_, s.data, channels_.w_box(), s.work);
      if (any) non_finite_.mark_taps(tap_classes_.at(arguments.workspace) + i * taps, s.data);
      if (diagonals == 1) {
        return channels_.store_w(arguments, k, c, s.data, s.scratch, care.guard);
      }
      channels_.add_up(channels_.w_box(), s.data, diagonal * digits.bits, diagonal == 0, s.totals);
    }
    if constexpr (std::is_integral_v<Sum>) {
      channels_.store_w(arguments, k, c, s.totals, s.scratch);
    }
  });
}

// The spectra of some units: first all digits of all channels of x, then those of y.
template <typename T, typename Sum>
void FftTask<T, Sum>::load_gradients(const RunArguments& arguments, std::int64_t first,
                                     std::int64_t count, const Digits& digits) const {
  R* spectra = spectra_.at(arguments.workspace);
  Flag* flags = data_flags_.at(arguments.workspace);
  const std::int64_t inputs = p_.in_channels * digits.first;
  const std::int64_t items = inputs + p_.out_channels * digits.second;
  Suspicion suspicious{false};
  each(arguments.workspace, count * items, [&](std::int64_t item, const Slot& s) {
    const std::int64_t unit = first + item / items, b = unit / blocks_, block = unit % blocks_;
    std::int64_t at = item % items;
    Flag* flag = flags + (item / items) * (p_.in_channels + p_.out_channels);
    if (at < inputs) {
      const std::int64_t c = at / digits.first;
      const Digit digit(static_cast<int>(at % digits.first), digits.first, digits);
      const auto load = [&](T* data) {
        channels_.load_x(arguments.first, b, c, block, data, s.scratch, digit);
      };
      return spectrum(channels_.find_x(arguments.first, b, c, block), load, channels_.x_box(block),
                      spectra + item * size_, flag[c], suspicious, s);
    }
    at -= inputs;
    const std::int64_t k = at / digits.second;
    const Digit digit(static_cast<int>(at % digits.second), digits.second, digits);
    const auto load = [&](T* data) {
      channels_.load_y(arguments.second, b, k, block, data, s.scratch, digit);
    };
    spectrum(nullptr, load, channels_.y_box(block), spectra + item * size_,
             flag[p_.in_channels + k], suspicious, s);
  });
}

template <typename T, typename Sum>
void FftTask<T, Sum>::add_up_filters(const RunArguments& arguments, std::int64_t units, bool first,
                                     const Digits& digits) const {
  constexpr std::int64_t parts = 8;  // of a spectrum, for the threads to share
  const R* spectra = spectra_.at(arguments.workspace);
  R* w = filters_.at(arguments.workspace);
  const std::int64_t inputs = p_.in_channels * digits.first;
  const std::int64_t items = inputs + p_.out_channels * digits.second;
  const int diagonals = digits.diagonals();
  parallel_for(pairs_ * diagonals * parts, layout_.slots, [&](std::int64_t item, int) {
    const std::int64_t sum = item / parts, pair = sum / diagonals;
    const std::int64_t k = pair / group_inputs_;
    const std::int64_t c = k / group_outputs_ * group_inputs_ + pair % group_inputs_;
    bool add = !first;
    for (std::int64_t unit = 0; unit < units; ++unit) {
      const R* x = spectra + unit * items * size_;
      digits.for_each_pair(static_cast<int>(sum % diagonals), [&](int i, int j) {
        transform_.products(w + sum * size_, x + (inputs + k * digits.second + j) * size_,
                            x + (c * digits.first + i) * size_, true, add, item % parts, parts);
        add = true;
      });
    }
  });
}

template <typename T, typename Sum>
void FftTask<T, Sum>::collect_taps(const RunArguments& arguments, std::int64_t first,
                                   std::int64_t count, bool& any) const {
  const std::int64_t channels = p_.in_channels + p_.out_channels;
  const std::int64_t taps = element_count(filter_extents(p_));
  const Flag* flags = data_flags_.at(arguments.workspace);
  SumClass* classes = tap_classes_.at(arguments.workspace);
  if (std::all_of(flags, flags + count * channels, [](Flag flag) { return flag == 0; })) return;
  if (!any) std::fill_n(classes, pairs_ * taps, SumClass{0});
  any = true;
  parallel_for(pairs_, layout_.slots, [&](std::int64_t pair, int index) {
    const Slot s = slot(arguments.workspace, index);
    const std::int64_t k = pair / group_inputs_;
    const std::int64_t c = k / group_outputs_ * group_inputs_ + pair % group_inputs_;
    for (std::int64_t i = 0; i < count; ++i) {
      const Flag* flag = flags + i * channels;
      if (flag[c] == 0 && flag[p_.in_channels + k] == 0) continue;
      const std::int64_t unit = first + i;
      non_finite_.collect_taps(arguments.first, arguments.second, unit / blocks_, unit % blocks_, k,
                               c, reinterpret_cast<std::byte*>(s.sums), classes + pair * taps);
    }
  });
}

#define FALTUNG_INSTANTIATE(T, Sum)                                                              \
  template void FftTask<T, Sum>::backward_data(const RunArguments&, const Filters&, const Care&) \
      const;                                                                                     \
  template void FftTask<T, Sum>::backward_filter(const RunArguments&, const Care&) const;
FALTUNG_INSTANTIATE(float, float)
FALTUNG_INSTANTIATE(double, double)
FALTUNG_INSTANTIATE(std::complex<float>, std::complex<float>)
FALTUNG_INSTANTIATE(std::complex<double>, std::complex<double>)
FALTUNG_INSTANTIATE(double, std::uint64_t)
#undef FALTUNG_INSTANTIATE

}  // namespace faltung::fft
