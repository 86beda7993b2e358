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
  using Z = Spectrum<T>;
  using Scratch = typename Channels<T, Sum>::Scratch;
  struct Spectra final : PreparedFilter {
    std::vector<Z> values;
  };

  // Group g, with the spectra of its filters.
  void forward(const RunArguments& arguments, std::int64_t g, const Z* w,
               const Scratch& scratch) const;
  void backward_data(const RunArguments& arguments, std::int64_t g, const Z* w,
                     const Scratch& scratch) const;
  void backward_filter(const RunArguments& arguments, std::int64_t g, const Scratch& scratch) const;

  Problem p_;
  std::int64_t group_inputs_, group_outputs_;
  Channels<T, Sum> channels_;
  std::int64_t size_, channel_size_;
  WorkspaceLayout layout_;
  std::size_t x_at_, w_at_, y_at_, scratch_at_;
};

}  // namespace faltung::fft
