#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cpp/cpu/fft/fft_channels.hpp"
#include "cpp/cpu/fft/filter_copy.hpp"
#include "cpp/cpu/fft/non_finite.hpp"
#include "cpp/cpu/fft/range_guard.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::fft {

/// One problem for the fft engine. With x, w and y placed in their blocks as Channels does it,
/// their transforms obey
///
///     forward           Y[b,k] = sum over c of  X[b,c] W[k,c]
///     backward_data     X[b,c] = sum over k of  Y[b,k] conj(W[k,c])
///     backward_filter   W[k,c] = sum over b of  Y[b,k] conj(X[b,c])
///
/// where b also counts the blocks of an image, and each diagonal of Digits is such a sum over its
/// pairs. Each block is transformed by one thread, or where
/// there are few by several; sums have one order.
template <typename T, typename Sum>
class FftTask final : public Task {
 public:
  /// How sums become exact, where they must: integers may be cut into digits, and a guard may watch
  /// floating sums that become integers.
  struct Care {
    Digits digits;
    const SumGuard* guard = nullptr;
  };

  /// Whether results within reach of their block's bound are taken from the definition.
  enum class Range : std::uint8_t { ignored, watched };

  /// @param most   digits that a run may ask for; only integers have more than one
  /// @param range  watched only in forward problems of floating sums
  FftTask(const Problem& problem, const BlockPlan& blocks, const Digits& max = {},
          Range range = Range::ignored);
  [[nodiscard]] std::size_t workspace_bytes() const override { return layout_.bytes(); }
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] PlanFacts facts() const override;
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                               const void* w) const override;
  void run(const RunArguments& arguments) const override { run(arguments, {}); }
  /// Digits of the second operand are taken from where it lies, even beside a prepared filter.
  /// Stops early, with parts of the result not written, if the guard gives up.
  void run(const RunArguments& arguments, const Care& care) const;
  [[nodiscard]] const BlockPlan& blocks() const { return plan_; }
  /// Results that were taken from the definition because of their range, over all runs.
  [[nodiscard]] std::int64_t recomputed() const { return recomputed_; }

 private:
  using R = Real<T>;
  using Work = typename Transform<T>::Work;
  using Flag = typename NonFinite<T>::Flag;
  /// The last block that was looked at had numbers that are not finite: the next one may, too, and
  /// is looked at before it is transformed. Changes no bit.
  using Suspicion = std::atomic<bool>;
  struct Spectra final : PreparedFilter {
    Spectra(const Problem& p, const void* w) : copy(p, w) {}
    FilterCopy copy;
    std::vector<R> values;
    std::vector<Flag> flags;
  };
  /// The filters of a run, as they are multiplied and as they are.
  struct Filters : NonFinite<T>::Filters {
    const R* spectra = nullptr;
  };
  /// What one thread works with.
  struct Slot {
    T* data;
    R* sums;                ///< a spectrum
    std::uint64_t* totals;  ///< of digits' sums: as many as data, or an image
    typename Channels<T, Sum>::Scratch scratch;
    Work work;
    std::int32_t* counts;  ///< of positions along a row of outputs
  };
  [[nodiscard]] Slot slot(std::byte* workspace, int index) const;
  /// Calls f(item, slot) for every item: several at a time, or one after the other where there are
  /// too few, each with all threads.
  template <typename F>
  void each(std::byte* workspace, std::int64_t items, F&& f) const;

  /// Spectra of what load(to) puts into a box of a block, or of the block `data` if that is not
  /// null. What is not finite counts as 0, and the flag is set.
  ///
  /// @param norm  of the data, if it is asked for; infinite if the spectra are not finite
  template <typename Load>
  void spectrum(const T* data, Load&& load, const Box& box, R* to, Flag& flag,
                Suspicion& suspicious, const Slot& s, double* norm = nullptr) const;
  [[nodiscard]] Filters filters(const RunArguments& arguments, const Digits& digits) const;
  void load_filters(const void* w, R* to, Flag* flags, std::byte* workspace,
                    const Digits& digits) const;
  void forward(const RunArguments& arguments, const Filters& w, const Care& care) const;
  void forward_single(const RunArguments& arguments, const Filters& w, const Care& care) const;
  [[nodiscard]] Flag filter_block(const RunArguments& arguments, const Filters& w, std::int64_t b,
                                  std::int64_t c, std::int64_t block, Suspicion& suspicious,
                                  const Slot& s, double& norm) const;
  /// Makes the sums of a block's outputs right whose range is too large for it.
  void settle(const RunArguments& arguments, const Filters& w, std::int64_t b, std::int64_t k,
              std::int64_t block, double norm, bool marked, const Slot& s) const;
  void reach_outputs(const RunArguments& arguments, std::int64_t first, std::int64_t count) const;
  void reach_inputs(const RunArguments& arguments, std::int64_t b, std::int64_t g) const;
  void forward_output(const RunArguments& arguments, const R* spectra, std::int64_t i,
                      const Filters& w, std::int64_t unit, std::int64_t k, const Slot& s,
                      const Care& care) const;
  void backward_data(const RunArguments& arguments, const Filters& w, const Care& care) const;
  void backward_input(const RunArguments& arguments, const Filters& w, std::int64_t b,
                      std::int64_t g, std::int64_t c, int diagonal, const Slot& s,
                      const Digits& digits) const;
  void backward_filter(const RunArguments& arguments, const Care& care) const;
  void load_gradients(const RunArguments& arguments, std::int64_t first, std::int64_t count,
                      const Digits& digits) const;
  void add_up_filters(const RunArguments& arguments, std::int64_t units, bool first,
                      const Digits& digits) const;
  /// What is not finite in some units; `any` tells whether there was any before, too.
  void collect_taps(const RunArguments& arguments, std::int64_t first, std::int64_t count,
                    bool& any) const;

  Problem p_;
  BlockPlan plan_;
  std::int64_t group_inputs_, group_outputs_, blocks_, pairs_;
  Channels<T, Sum> channels_;
  NonFinite<T> non_finite_;
  Transform<T> transform_;
  std::optional<RangeGuard<T>> range_;
  mutable std::atomic<std::int64_t> recomputed_{0};
  Digits max_;
  std::int64_t size_;     // of a spectrum
  std::int64_t at_once_;  // units whose spectra are kept
  SlotLayout layout_;
  Piece<R> spectra_, filters_;
  Piece<Flag> data_flags_, filter_flags_;
  Piece<double> norms_;  // of the data in `spectra_`, if the range is watched
  Piece<typename RangeGuard<T>::Filter> ranges_;
  Piece<std::uint8_t> reach_;
  Piece<SumClass> tap_classes_;  // of the filter gradient
  Piece<std::byte> work_;        // of all slots
  Piece<T> data_;                // this and all that follows: within a slot
  Piece<R> sums_;
  Piece<std::uint64_t> totals_;
  Piece<std::byte> scratch_;
  Piece<std::int32_t> counts_;
};

template <typename T, typename Sum>
template <typename F>
void FftTask<T, Sum>::each(std::byte* workspace, std::int64_t items, F&& f) const {
  if (items >= 4 * layout_.slots || items % layout_.slots == 0) {
    parallel_for(items, layout_.slots,
                 [&](std::int64_t item, int index) { f(item, slot(workspace, index)); });
    return;
  }
  // The work memory of all slots is one piece, and more than one transform by all threads needs.
  Slot all = slot(workspace, 0);
  all.work.slots = layout_.slots;
  for (std::int64_t item = 0; item < items; ++item) f(item, all);
}

template <typename T, typename Sum>
template <typename Load>
void FftTask<T, Sum>::spectrum(const T* data, Load&& load, const Box& box, R* to, Flag& flag,
                               Suspicion& suspicious, const Slot& s, double* norm) const {
  if (!suspicious.load(std::memory_order_relaxed)) {
    if (data == nullptr) {
      load(s.data);
      data = s.data;
    }
    if (norm != nullptr) *norm = channels_.norm(transform_, box, data);
    transform_.forward(data, box, to, s.work);
    if (std::is_integral_v<Sum>) return;
    flag = 0;
    if (transform_.is_finite(to)) return;
  }
  load(s.data);
  const bool found = non_finite_.clear(box, s.data);
  suspicious.store(found, std::memory_order_relaxed);
  flag = found ? 1 : 0;
  if (norm != nullptr) *norm = channels_.norm(transform_, box, s.data);
  transform_.forward(s.data, box, to, s.work);
  if (norm != nullptr && !transform_.is_finite(to)) {
    *norm = std::numeric_limits<double>::infinity();
  }
}

}  // namespace faltung::fft
