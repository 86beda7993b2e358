#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cpp/core/engine.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/cpu/direct/finite.hpp"
#include "cpp/cpu/packed_filter.hpp"

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
        packer_(p),
        pads_zeros_(meets_zeros(p)) {}

  [[nodiscard]] std::int64_t step() const { return step_; }
  [[nodiscard]] std::int64_t size() const { return element_count(filter_extents(p_)) * step_; }

  /// The weights of this run's filter, the prepared ones or made in `scratch`; null if it cannot be
  /// used.
  [[nodiscard]] const Acc* find(const RunArguments& arguments, Acc* scratch) const {
    if (arguments.prepared != nullptr) {
      const auto& prepared = static_cast<const Prepared&>(*arguments.prepared);
      return prepared.compact.empty() ? prepared.weights.data() : nullptr;
    }
    return pack(arguments.second, scratch) ? scratch : nullptr;
  }

  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare(const void* w) const {
    auto prepared = std::make_unique<Prepared>();
    prepared->weights.resize(static_cast<std::size_t>(size()));
    if (!pack(w, prepared->weights.data())) {
      std::vector<Acc> scratch(static_cast<std::size_t>(packer_.size()));
      RunArguments arguments;
      arguments.second = w;
      const Acc* filter = packer_.filter(arguments, scratch.data());
      prepared->compact.assign(filter, filter + element_count(p_.w_shape()));
    }
    return prepared;
  }

  /// FilterPacker's form of a prepared filter that cannot be used.
  [[nodiscard]] static const Acc* compact(const PreparedFilter& prepared) {
    return static_cast<const Prepared&>(prepared).compact.data();
  }

 private:
  struct Prepared final : PreparedFilter {
    std::vector<Acc> weights;
    std::vector<Acc> compact;  // only if the weights cannot be used
  };

  /// False if they cannot be used.
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

  Problem p_;
  std::int64_t step_;
  TensorStrides w_;
  LoadRow<Acc> load_;
  FilterPacker<Acc> packer_;
  bool pads_zeros_;
};

}  // namespace faltung::direct
