#pragma once

#include <cstdint>

#include "cpp/core/engine.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/cpu/direct/boxes/finite.hpp"
#include "cpp/cpu/element_rows.hpp"

namespace faltung::direct {

/// The filters of all channels as depthwise_kernel.hpp reads them: [tap, channel], the channels
/// repeated until they fill a row of `step` values.
///
/// A filter that is not finite while taps meet the zeros of a boundary cannot be used so, since
/// every weight is multiplied by what stands there.
template <typename Acc>
class DepthwiseFilter {
 public:
  /// @param p     has one input channel in a group
  /// @param step  a multiple of the output channels
  DepthwiseFilter(const Problem& p, std::int64_t step)
      : p_(p),
        step_(step),
        w_(w_strides(p)),
        load_(load_row<Acc>(p.filter)),
        pads_zeros_(meets_zeros(p)) {}

  [[nodiscard]] std::int64_t step() const { return step_; }
  [[nodiscard]] std::int64_t size() const { return element_count(filter_extents(p_)) * step_; }

  /// Makes the weights; false if they cannot be used.
  bool pack(const void* w, Acc* to) const {
    const Shape extents = filter_extents(p_);
    std::int64_t last = 0;
    for (std::size_t a = 0; a < extents.size(); ++a) last += (extents[a] - 1) * w_.spatial[a];
    Acc* row = to;
    for_each_index(extents, [&](std::int64_t, const Extents& r) {
      const std::int64_t offset = offset_of(r, w_.spatial);
      load_(w, p_.flip ? last - offset : offset, w_.outer, p_.out_channels, row, 1);
      for (std::int64_t i = p_.out_channels; i < step_; ++i) row[i] = row[i - p_.out_channels];
      row += step_;
    });
    return !pads_zeros_ || all_finite(to, size());
  }

 private:
  Problem p_;
  std::int64_t step_;
  TensorStrides w_;
  LoadRow<Acc> load_;
  bool pads_zeros_;
};

}  // namespace faltung::direct
