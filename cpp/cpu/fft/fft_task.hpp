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
/// where b also counts the blocks of an image. Each block is transformed by one thread, or where
/// there are few by several; sums have one order.
template <typename T, typename Sum>
class FftTask final : public Task {
 public:
  explicit FftTask(const Problem& problem);
  [[nodiscard]] std::size_t workspace_bytes() const override { return layout_.bytes(); }
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                               const void* w) const override;
  void run(const RunArguments& arguments) const override;

 private:
  using R = Real<T>;
  using Work = typename Transform<T>::Work;
  struct Spectra final : PreparedFilter {
    std::vector<R> values;
  };
  /// What one thread works with.
  struct Slot {
    T* data;
    R* sums;  ///< a spectrum
    typename Channels<T, Sum>::Scratch scratch;
    Work work;
  };
  [[nodiscard]] Slot slot(std::byte* workspace, int index) const;
  /// Calls f(item, slot) for every item: several at a time, or one after the other where there are
  /// too few, each with all threads.
  template <typename F>
  void each(std::byte* workspace, std::int64_t items, F&& f) const;

  void load_filters(const void* w, R* to, std::byte* workspace) const;
  void forward(const RunArguments& arguments, const R* w) const;
  void forward_single(const RunArguments& arguments, const R* w) const;
  void backward_data(const RunArguments& arguments, const R* w) const;
  void backward_filter(const RunArguments& arguments) const;
  void add_up_filters(const RunArguments& arguments, std::int64_t units, bool first) const;

  Problem p_;
  BlockPlan plan_;
  std::int64_t group_inputs_, group_outputs_, blocks_, pairs_;
  Channels<T, Sum> channels_;
  Transform<T> transform_;
  std::int64_t size_;     // of a spectrum
  std::int64_t at_once_;  // units whose spectra are kept
  int slots_;
  WorkspaceLayout layout_;
  std::size_t x_at_, w_at_, data_at_, sums_at_, scratch_at_, work_at_;
};

}  // namespace faltung::fft
