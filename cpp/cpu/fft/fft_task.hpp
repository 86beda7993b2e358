#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpp/cpu/fft/fft_channels.hpp"

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

  /// @param most  digits that a run may ask for; only integers have more than one
  FftTask(const Problem& problem, const BlockPlan& blocks, const Digits& max = {});
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

 private:
  using R = Real<T>;
  using Work = typename Transform<T>::Work;
  struct Spectra final : PreparedFilter {
    std::vector<R> values;
  };
  /// What one thread works with.
  struct Slot {
    T* data;
    R* sums;                ///< a spectrum
    std::uint64_t* totals;  ///< of digits' sums: as many as data, or an image
    typename Channels<T, Sum>::Scratch scratch;
    Work work;
  };
  [[nodiscard]] Slot slot(std::byte* workspace, int index) const;
  /// Calls f(item, slot) for every item: several at a time, or one after the other where there are
  /// too few, each with all threads.
  template <typename F>
  void each(std::byte* workspace, std::int64_t items, F&& f) const;

  void load_filters(const void* w, R* to, std::byte* workspace, const Digits& digits) const;
  void forward(const RunArguments& arguments, const R* w, const Care& care) const;
  void forward_single(const RunArguments& arguments, const R* w, const Care& care) const;
  void forward_output(const RunArguments& arguments, const R* x, const R* w, std::int64_t unit,
                      std::int64_t k, const Slot& s, const Care& care) const;
  void backward_data(const RunArguments& arguments, const R* w, const Care& care) const;
  void backward_input(const R* y, const R* w, std::int64_t g, std::int64_t c, int diagonal,
                      const Slot& s, const Digits& digits) const;
  void backward_filter(const RunArguments& arguments, const Care& care) const;
  void load_gradients(const RunArguments& arguments, std::int64_t first, std::int64_t count,
                      const Digits& digits) const;
  void add_up_filters(const RunArguments& arguments, std::int64_t units, bool first,
                      const Digits& digits) const;

  Problem p_;
  BlockPlan plan_;
  std::int64_t group_inputs_, group_outputs_, blocks_, pairs_;
  Channels<T, Sum> channels_;
  Transform<T> transform_;
  Digits max_;
  std::int64_t size_;     // of a spectrum
  std::int64_t at_once_;  // units whose spectra are kept
  SlotLayout layout_;
  Piece<R> spectra_, filters_;
  Piece<std::byte> work_;  // of all slots
  Piece<T> data_;          // this and all that follows: within a slot
  Piece<R> sums_;
  Piece<std::uint64_t> totals_;
  Piece<std::byte> scratch_;
};

}  // namespace faltung::fft
