#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "cpp/cpu/element_rows.hpp"
#include "cpp/cpu/filter_rows.hpp"

namespace faltung {

/// The filter as accumulators, compact [k, c/g, r...] in the order of the formula, conjugated as
/// the pass needs it.
template <typename Acc>
class FilterPacker {
 public:
  explicit FilterPacker(const Problem& p)
      : p_(p),
        w_(w_strides(p)),
        load_(load_row<Acc>(p.filter)),
        // The adjoint conjugates once more.
        conjugate_(is_complex_value<Acc> && p.conjugate != (p.pass == Pass::backward_data)) {
    if constexpr (!std::is_integral_v<Acc>) {
      const Strides compact = compact_strides(p.w_shape());
      as_it_is_ = p.filter == dtype_of<Acc> && p.layout == Layout::channels_first && !p.flip &&
                  !conjugate_ && (p.w_strides.empty() || p.w_strides == compact);
    }
  }

  /// Elements of the packed form; none if w can be used where it lies.
  [[nodiscard]] std::int64_t size() const { return as_it_is_ ? 0 : element_count(p_.w_shape()); }

  /// The packed form of this run's filter: the prepared one, w itself, or one made in `scratch`.
  [[nodiscard]] const Acc* filter(const RunArguments& arguments, Acc* scratch) const {
    if (arguments.prepared != nullptr) {
      return static_cast<const Packed*>(arguments.prepared)->values.data();
    }
    return filter(arguments.second, scratch);
  }
  /// That of w: itself, or one made in `scratch`.
  [[nodiscard]] const Acc* filter(const void* w, Acc* scratch) const {
    if (as_it_is_) return static_cast<const Acc*>(w);
    pack(w, scratch);
    return scratch;
  }

  /// Null if w can be used where it lies.
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare(const void* w) const {
    if (as_it_is_) return nullptr;
    auto packed = std::make_unique<Packed>();
    packed->values.resize(static_cast<std::size_t>(size()));
    pack(w, packed->values.data());
    return packed;
  }

 private:
  struct Packed final : PreparedFilter {
    std::vector<Acc> values;
  };

  // The step from one tap to the next in the order of the formula, if it is one for all axes.
  [[nodiscard]] std::optional<std::int64_t> common_step() const {
    const Shape extents = filter_extents(p_);
    const Strides compact = compact_strides(extents);
    std::optional<std::int64_t> step;
    for (std::size_t a = extents.size(); a-- > 0;) {
      if (extents[a] == 1) continue;
      if (!step) step = w_.spatial[a];
      if (w_.spatial[a] != *step * compact[a]) return {};
    }
    return p_.flip ? -step.value_or(0) : step.value_or(1);
  }

  // Taps, channels and filters that lie one step apart are read as one stretch: what is called for
  // each row of three taps would take longer than they do.
  void pack(const void* w, Acc* to) const {
    const std::optional<std::int64_t> step = common_step();
    if (!step) return pack_rows(w, to);
    std::int64_t count = element_count(filter_extents(p_));
    std::int64_t inputs = p_.in_channels / p_.groups, outputs = p_.out_channels;
    const std::int64_t first = p_.flip ? -(count - 1) * *step : 0;
    if (inputs == 1 || w_.channel == *step * count) {
      count *= std::exchange(inputs, 1);
      if (outputs == 1 || w_.outer == *step * count) count *= std::exchange(outputs, 1);
    }
    for (std::int64_t k = 0; k < outputs; ++k) {
      for (std::int64_t c = 0; c < inputs; ++c, to += count) {
        load_(w, first + k * w_.outer + c * w_.channel, *step, count, to, 1);
        if (conjugate_) std::transform(to, to + count, to, conjugate_value<Acc>);
      }
    }
  }

  void pack_rows(const void* w, Acc* to) const {
    const std::int64_t taps = p_.axes.back().filter;
    for_each_filter_row(p_, w_,
                        [&](std::int64_t row, std::int64_t, std::int64_t first, std::int64_t step) {
                          Acc* values = to + row * taps;
                          load_(w, first, step, taps, values, 1);
                          if (conjugate_)
                            std::transform(values, values + taps, values, conjugate_value<Acc>);
                        });
  }

  Problem p_;
  TensorStrides w_;
  LoadRow<Acc> load_;
  bool conjugate_;
  bool as_it_is_ = false;
};

}  // namespace faltung
