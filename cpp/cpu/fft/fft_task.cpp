#include "cpp/cpu/fft/fft_task.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpp/core/message.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::fft {
namespace {

// How many units' spectra are made before they are used: enough that several threads find work,
// and no more than may be kept if one does not take more.
std::int64_t units_at_once(std::int64_t units, std::int64_t channels, std::int64_t bytes,
                           std::int64_t kept_bytes) {
  const std::int64_t wanted = (64 + channels - 1) / channels;
  const std::int64_t fit = kept_bytes / std::max<std::int64_t>(1, channels * bytes);
  return std::clamp<std::int64_t>(std::min(wanted, fit), 1, units);
}

}  // namespace

template <typename T, typename Sum>
FftTask<T, Sum>::FftTask(const Problem& problem, const BlockPlan& blocks, const Digits& max,
                         Range range)
    : p_(problem),
      plan_(blocks),
      group_inputs_(p_.in_channels / p_.groups),
      group_outputs_(p_.out_channels / p_.groups),
      blocks_(plan_.block_count()),
      pairs_(p_.out_channels * group_inputs_),
      channels_(problem, plan_),
      non_finite_(problem, plan_),
      transform_(plan_.lengths),
      max_(max),
      size_(transform_.spectrum_values()) {
  layout_.slots = plan_threads(std::numeric_limits<std::int64_t>::max(), plan_.nanoseconds * 1e-3);
  const std::int64_t units = p_.batch * blocks_;
  const auto bytes = size_ * static_cast<std::int64_t>(sizeof(R));
  std::int64_t spectra = 0, filters = pairs_ * max.second, totals = 0, loaded = 0, taps = 0,
               reached = 0;
  const bool single = max.is_whole();
  if (!single) totals = std::max(channels_.points(), channels_.image_values());
  switch (p_.pass) {
    case Pass::forward:
      at_once_ = units_at_once(units * p_.groups, group_inputs_, bytes, plan_.kept_bytes);
      if (range == Range::watched) range_.emplace(p_, sizes(plan_));
      loaded = at_once_ * group_inputs_;
      reached = at_once_;
      spectra = single && group_inputs_ == 1 && group_outputs_ == 1 ? 0 : loaded * max.first;
      break;
    case Pass::backward_data:
      at_once_ = blocks_;
      loaded = at_once_ * group_outputs_;
      reached = at_once_;
      spectra = loaded * max.first;
      break;
    case Pass::backward_filter:
      at_once_ = units_at_once(units, p_.in_channels + p_.out_channels, bytes, plan_.kept_bytes);
      spectra = at_once_ * (p_.in_channels * max.first + p_.out_channels * max.second);
      filters = pairs_ * (max.first + max.second - 1);
      loaded = at_once_ * (p_.in_channels + p_.out_channels);
      taps = pairs_ * element_count(filter_extents(p_));
      break;
  }
  spectra_ = layout_.shared.add<R>(spectra * size_);
  filters_ = layout_.shared.add<R>(filters * size_);
  data_flags_ = layout_.shared.add<Flag>(loaded);
  filter_flags_ = layout_.shared.add<Flag>(pairs_);
  norms_ = layout_.shared.add<double>(range_ ? loaded : 0);
  ranges_ = layout_.shared.add<typename RangeGuard<T>::Filter>(range_ ? p_.out_channels : 0);
  reach_ = layout_.shared.add<std::uint8_t>(
      std::is_integral_v<Sum> || spectra == 0 ? 0 : count_of({reached, channels_.points()}));
  tap_classes_ = layout_.shared.add<SumClass>(taps);
  data_ = layout_.slot.add<T>(channels_.points());
  sums_ = layout_.slot.add<R>(size_);
  totals_ = layout_.slot.add<std::uint64_t>(totals);
  scratch_ = layout_.slot.add<std::byte>(channels_.scratch_bytes());
  counts_ = layout_.slot.add<std::int32_t>(range_ ? extended_extent(p_.axes.back()) : 0);
  work_ = layout_.shared.add<std::byte>(layout_.slots * transform_.work_bytes(1));
}

template <typename T, typename Sum>
ErrorBound FftTask<T, Sum>::error_bound() const {
  if (range_) return {ErrorBound::Kind::elementwise, range_->allowed()};
  return normwise_bound(p_, sizes(plan_));
}

template <typename T, typename Sum>
std::string FftTask<T, Sum>::policy() const {
  return message("transforms of ", plan_.lengths, is_real<T> ? " reals" : " complex", ", ", blocks_,
                 " for each channel of an image",
                 range_ ? ", results near a block's bound summed anew" : "");
}

// Spectra of the data wait in the workspace, but where each is multiplied as soon as it is made.
template <typename T, typename Sum>
PlanFacts FftTask<T, Sum>::facts() const {
  PlanFacts facts;
  facts.threads = layout_.slots;
  facts.instruction_set = current_instruction_set().name;
  const bool waits =
      max_.first > 1 || p_.pass != Pass::forward || group_inputs_ > 1 || group_outputs_ > 1;
  facts.memory_passes = waits ? 3 : 1;
  facts.watches_range = range_.has_value();
  return facts;
}

template <typename T, typename Sum>
typename FftTask<T, Sum>::Slot FftTask<T, Sum>::slot(std::byte* workspace, int index) const {
  std::byte* own = layout_.at(workspace, index);
  return {data_.at(own),
          sums_.at(own),
          totals_.at(own),
          channels_.scratch(scratch_.at(own)),
          {work_.at(workspace) + index * transform_.work_bytes(1), 1},
          counts_.at(own)};
}

template <typename T, typename Sum>
void FftTask<T, Sum>::load_filters(const void* w, R* to, Flag* flags, std::byte* workspace,
                                   const Digits& digits) const {
  const std::int64_t count = digits.second;
  Suspicion suspicious{false};
  each(workspace, pairs_ * count, [&](std::int64_t item, const Slot& s) {
    const std::int64_t i = item / count;
    const Digit digit(static_cast<int>(item % count), digits.second, digits);
    const auto load = [&](T* data) {
      channels_.load_w(w, i / group_inputs_, i % group_inputs_, data, s.scratch, digit);
    };
    spectrum(nullptr, load, channels_.w_box(), to + item * size_, flags[i], suspicious, s);
  });
}

template <typename T, typename Sum>
std::unique_ptr<PreparedFilter> FftTask<T, Sum>::prepare_filter(const Stream&,
                                                                const void* w) const {
  auto spectra = std::make_unique<Spectra>(p_, w);
  spectra->values.resize(static_cast<std::size_t>(pairs_ * size_));
  spectra->flags.resize(static_cast<std::size_t>(pairs_));
  Tensor memory(DType::u8, {static_cast<std::int64_t>(layout_.bytes())});
  load_filters(w, spectra->values.data(), spectra->flags.data(),
               static_cast<std::byte*>(memory.data()), {});
  return spectra;
}

template <typename T, typename Sum>
typename FftTask<T, Sum>::Filters FftTask<T, Sum>::filters(const RunArguments& arguments,
                                                           const Digits& digits) const {
  Filters result;
  if (arguments.prepared != nullptr && digits.second == 1) {
    const auto& bound = *static_cast<const Spectra*>(arguments.prepared);
    result.w = bound.copy.data();
    result.flags = bound.flags.data();
    result.spectra = bound.values.data();
    return result;
  }
  R* to = filters_.at(arguments.workspace);
  Flag* flags = filter_flags_.at(arguments.workspace);
  load_filters(arguments.second, to, flags, arguments.workspace, digits);
  result.w = arguments.second;
  result.flags = flags;
  result.spectra = to;
  return result;
}

template <typename T, typename Sum>
void FftTask<T, Sum>::run(const RunArguments& arguments, const Care& care) const {
  if (p_.pass == Pass::backward_filter) return backward_filter(arguments, care);
  const Filters w = filters(arguments, care.digits);
  if (range_) range_->look(transform_, w.w, ranges_.at(arguments.workspace));
  if (p_.pass == Pass::backward_data) return backward_data(arguments, w, care);
  if (care.digits.is_whole() && group_inputs_ == 1 && group_outputs_ == 1) {
    return forward_single(arguments, w, care);
  }
  forward(arguments, w, care);
}

// One filter for each channel: nothing is summed, and a block never leaves its thread.
template <typename T, typename Sum>
void FftTask<T, Sum>::forward_single(const RunArguments& arguments, const Filters& w,
                                     const Care& care) const {
  const std::int64_t units = p_.batch * p_.groups * blocks_;
  Suspicion suspicious{false};
  each(arguments.workspace, units, [&](std::int64_t unit, const Slot& s) {
    if (care.guard != nullptr && care.guard->gave_up()) return;
    const std::int64_t block = unit % blocks_;
    const std::int64_t c = unit / blocks_ % p_.groups;
    const std::int64_t b = unit / blocks_ / p_.groups;
    double norm = 0;
    Flag flag = filter_block(arguments, w, b, c, block, suspicious, s, norm);
    if constexpr (!std::is_integral_v<Sum>) {
      auto* memory = reinterpret_cast<std::byte*>(s.sums);
      auto* reach = reinterpret_cast<std::uint8_t*>(memory) + 3 * channels_.points();
      non_finite_.reach_outputs(arguments.first, &flag, b, block, c, memory, reach);
      non_finite_.mark_outputs(arguments.first, &flag, reach, w, b, block, c, memory, s.data);
    }
    if (range_) settle(arguments, w, b, c, block, norm, flag != 0, s);
    channels_.store_y(arguments, b, c, block, s.data, s.scratch, care.guard);
  });
}

template <typename T, typename Sum>
void FftTask<T, Sum>::settle(const RunArguments& arguments, const Filters& w, std::int64_t b,
                             std::int64_t k, std::int64_t block, double norm, bool marked,
                             const Slot& s) const {
  const Flag* flags = w.flags + k * group_inputs_;
  const bool tap = std::any_of(flags, flags + group_inputs_, [](Flag flag) { return flag != 0; });
  const typename RangeGuard<T>::Run run{arguments.first, w.w, ranges_.at(arguments.workspace),
                                        transform_, recomputed_};
  channels_.for_each_output_row(
      block, s.data,
      [&](const Extents& first, std::size_t axis, T* sums, std::int64_t step, std::int64_t count) {
        range_->settle(run, b, k, first, axis, {norm, marked || tap}, sums, step, count, s.counts);
      });
}

// One block, from x to its sums, with zeros in place of what is not finite; whether there is any.
template <typename T, typename Sum>
typename FftTask<T, Sum>::Flag FftTask<T, Sum>::filter_block(const RunArguments& arguments,
                                                             const Filters& w, std::int64_t b,
                                                             std::int64_t c, std::int64_t block,
                                                             Suspicion& suspicious, const Slot& s,
                                                             double& norm) const {
  const Box x_box = channels_.x_box(block), y_box = channels_.y_box(block);
  const R* filter = w.spectra + c * size_;
  if (!suspicious.load(std::memory_order_relaxed)) {
    const T* x = channels_.find_x(arguments.first, b, c, block);
    if (x == nullptr) {
      channels_.load_x(arguments.first, b, c, block, s.data, s.scratch);
      x = s.data;
    }
    if (range_) norm = channels_.norm(transform_, x_box, x);
    transform_.filter(x, x_box, filter, s.data, y_box, s.work);
    if (std::is_integral_v<Sum> || non_finite_.is_finite(y_box, s.data)) return 0;
  }
  channels_.load_x(arguments.first, b, c, block, s.data, s.scratch);
  const bool found = non_finite_.clear(x_box, s.data);
  suspicious.store(found, std::memory_order_relaxed);
  if (range_) norm = channels_.norm(transform_, x_box, s.data);
  transform_.filter(s.data, x_box, filter, s.data, y_box, s.work);
  if (!non_finite_.is_finite(y_box, s.data)) norm = std::numeric_limits<double>::infinity();
  return found ? 1 : 0;
}

// A unit is a block of one group of channels of an image.
template <typename T, typename Sum>
void FftTask<T, Sum>::forward(const RunArguments& arguments, const Filters& w,
                              const Care& care) const {
  R* x = spectra_.at(arguments.workspace);
  Flag* flags = data_flags_.at(arguments.workspace);
  const std::int64_t digits = care.digits.first;
  const std::int64_t units = p_.batch * p_.groups * blocks_;
  double* norms = range_ ? norms_.at(arguments.workspace) : nullptr;
  Suspicion suspicious{false};
  const auto gave_up = [&] { return care.guard != nullptr && care.guard->gave_up(); };
  for (std::int64_t first = 0; first < units; first += at_once_) {
    const std::int64_t count = std::min(at_once_, units - first);
    each(
        arguments.workspace, count * group_inputs_ * digits, [&](std::int64_t item, const Slot& s) {
          if (gave_up()) return;
          const std::int64_t input = item / digits, unit = first + input / group_inputs_;
          const std::int64_t b = unit / blocks_ / p_.groups, block = unit % blocks_;
          const std::int64_t c = unit / blocks_ % p_.groups * group_inputs_ + input % group_inputs_;
          const Digit digit(static_cast<int>(item % digits), care.digits.first, care.digits);
          const T* found = channels_.find_x(arguments.first, b, c, block);
          const auto load = [&](T* data) {
            channels_.load_x(arguments.first, b, c, block, data, s.scratch, digit);
          };
          spectrum(found, load, channels_.x_box(block), x + item * size_, flags[input], suspicious,
                   s, norms != nullptr ? norms + input : nullptr);
        });
    if constexpr (!std::is_integral_v<Sum>) reach_outputs(arguments, first, count);
    each(arguments.workspace, count * group_outputs_, [&](std::int64_t item, const Slot& s) {
      if (gave_up()) return;
      const std::int64_t i = item / group_outputs_, unit = first + i;
      const std::int64_t k = unit / blocks_ % p_.groups * group_outputs_ + item % group_outputs_;
      forward_output(arguments, x, i, w, unit, k, s, care);
    });
  }
}

// What reaches the outputs of some units whose data are not all finite.
template <typename T, typename Sum>
void FftTask<T, Sum>::reach_outputs(const RunArguments& arguments, std::int64_t first,
                                    std::int64_t count) const {
  const Flag* flags = data_flags_.at(arguments.workspace);
  if (std::all_of(flags, flags + count * group_inputs_, [](Flag flag) { return flag == 0; })) {
    return;
  }
  std::uint8_t* reach = reach_.at(arguments.workspace);
  parallel_for(count, layout_.slots, [&](std::int64_t i, int index) {
    const std::int64_t unit = first + i;
    const Slot s = slot(arguments.workspace, index);
    non_finite_.reach_outputs(arguments.first, flags + i * group_inputs_,
                              unit / blocks_ / p_.groups, unit % blocks_,
                              unit / blocks_ % p_.groups, reinterpret_cast<std::byte*>(s.sums),
                              reach + i * channels_.points());
  });
}

// One channel of outputs, from the spectra of its unit: the i-th of those in `spectra`.
template <typename T, typename Sum>
void FftTask<T, Sum>::forward_output(const RunArguments& arguments, const R* spectra,
                                     std::int64_t i, const Filters& w, std::int64_t unit,
                                     std::int64_t k, const Slot& s, const Care& care) const {
  const R* x = spectra + i * group_inputs_ * care.digits.first * size_;
  const Digits& digits = care.digits;
  const std::int64_t b = unit / blocks_ / p_.groups, block = unit % blocks_;
  const int diagonals = digits.diagonals();
  for (int diagonal = 0; diagonal < diagonals; ++diagonal) {
    bool add = false;
    for (std::int64_t c = 0; c < group_inputs_; ++c) {
      digits.for_each_pair(diagonal, [&](int d, int j) {
        transform_.products(s.sums, x + (c * digits.first + d) * size_,
                            w.spectra + ((k * group_inputs_ + c) * digits.second + j) * size_,
                            false, add);
        add = true;
      });
    }
    transform_.inverse(s.sums, s.data, channels_.y_box(block), s.work);
    if (diagonals == 1) {
      const Flag* flags = data_flags_.at(arguments.workspace) + i * group_inputs_;
      double norm = 0;
      if (range_) {
        const double* norms = norms_.at(arguments.workspace) + i * group_inputs_;
        for (std::int64_t c = 0; c < group_inputs_; ++c) norm = std::hypot(norm, norms[c]);
        if (!non_finite_.is_finite(channels_.y_box(block), s.data)) {
          norm = std::numeric_limits<double>::infinity();
        }
      }
      if constexpr (!std::is_integral_v<Sum>) {
        non_finite_.mark_outputs(arguments.first, flags,
                                 reach_.at(arguments.workspace) + i * channels_.points(), w, b,
                                 block, k, reinterpret_cast<std::byte*>(s.sums), s.data);
      }
      if (range_) {
        const bool marked =
            std::any_of(flags, flags + group_inputs_, [](Flag flag) { return flag != 0; });
        settle(arguments, w, b, k, block, norm, marked, s);
      }
      return channels_.store_y(arguments, b, k, block, s.data, s.scratch, care.guard);
    }
    channels_.add_up(channels_.y_box(block), s.data, diagonal * digits.bits, diagonal == 0,
                     s.totals);
  }
  if constexpr (std::is_integral_v<Sum>) {
    channels_.store_y(arguments, b, k, block, s.totals, s.scratch);
  }
}

template class FftTask<float, float>;
template class FftTask<double, double>;
template class FftTask<std::complex<float>, std::complex<float>>;
template class FftTask<std::complex<double>, std::complex<double>>;
template class FftTask<double, std::uint64_t>;

}  // namespace faltung::fft
