#include "cpp/cpu/direct/layers/filter_tiles.hpp"

#include <algorithm>
#include <atomic>

#include "cpp/cpu/direct/boxes/finite.hpp"
#include "cpp/cpu/direct/direct_policy.hpp"
#include "cpp/cpu/extended_input.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/cpu/prefetch.hpp"

namespace faltung::direct {
namespace {

// The element, and beside it that of the next channel, `step` elements away in either direction,
// or 0 if it is the last channel.
template <typename Value, typename T>
Value value_at(const T* element, [[maybe_unused]] std::int64_t step, [[maybe_unused]] bool last) {
  if constexpr (ValueTraits<Value>::channels == 2) {
    using Element = typename ValueTraits<Value>::Element;
    return {Element(element[0]), last ? Element{} : Element(element[step])};
  } else {
    return load_element<Value>(*element);
  }
}

bool all_finite(const BFloat16Pair* values, std::int64_t count) {
  const auto finite = [](BFloat16 value) { return (value.bits & 0x7f80) != 0x7f80; };
  int others = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    others |= finite(values[i].first) && finite(values[i].second) ? 0 : 1;
  }
  return others == 0;
}

bool all_finite(const Int16Pair*, std::int64_t) { return true; }

template <typename Value, typename T>
constexpr bool is_readable() {
  if (std::is_same_v<Value, BFloat16Pair>) return std::is_same_v<T, BFloat16>;
  if (std::is_same_v<Value, Int16Pair>) return fits_int16(dtype_of<T>);
  return !is_complex(dtype_of<T>);
}

}  // namespace

template <typename Value>
FilterTiles<Value>::FilterTiles(const Problem& p, std::int64_t channels)
    : p_(p),
      w_(w_strides(p)),
      channels_(channels),
      group_inputs_(p.in_channels / p.groups),
      group_outputs_(p.out_channels / p.groups),
      group_tiles_(ceil_divide(group_outputs_, channels)),
      pads_zeros_(meets_zeros(p)),
      pack_(channels == 8 ? pack_of<8>(p.filter) : pack_of<4>(p.filter)) {
  const Shape extents = filter_extents(p);
  std::int64_t last = 0;
  for (std::size_t a = 0; a < extents.size(); ++a) last += (extents[a] - 1) * w_.spatial[a];
  for_each_index(extents, [&](std::int64_t, const Extents& r) {
    const std::int64_t offset = offset_of(r, w_.spatial);
    taps_.push_back(p.flip ? last - offset : offset);
  });
  rows_ = ceil_divide(group_inputs_, ValueTraits<Value>::channels) *
          static_cast<std::int64_t>(taps_.size());
  if constexpr (std::is_floating_point_v<Value>) {
    // Channels a multiple of this apart drive each other out of a first-level cache.
    constexpr std::int64_t page = 4096;
    in_place_ = p.filter == dtype_of<Value> && group_outputs_ % channels == 0 &&
                w_.outer * static_cast<std::int64_t>(sizeof(Value)) % page != 0 &&
                (group_inputs_ == 1 || w_.channel == std::ssize(taps_));
    for (std::int64_t t = 0; t < std::ssize(taps_); ++t) {
      in_place_ = in_place_ && taps_[static_cast<std::size_t>(t)] == t;
    }
  }
}

template <typename Value>
void FilterTiles<Value>::prefetch_rows(const WeightTiles<Value>& weights, std::int64_t tile,
                                       std::int64_t first_row, std::int64_t rows) const {
  constexpr std::int64_t line = 64 / sizeof(Value);
  const Value* from = weights.data + tile * weights.tile_step + first_row * weights.row_step;
  for (std::int64_t k = 0; k < channels_; ++k) {
    for (std::int64_t row = 0; row < rows; row += line) {
      prefetch<CacheLevel::second>(from + k * weights.channel_step + row);
    }
  }
}

template <typename Value>
bool FilterTiles<Value>::usable(const WeightTiles<Value>& weights, std::int64_t tile,
                                std::int64_t first_row, std::int64_t rows) const {
  if (!pads_zeros_) return true;
  const Value* from = weights.data + tile * weights.tile_step + first_row * weights.row_step;
  bool finite = true;
  for (std::int64_t k = 0; k < channels_; ++k) {
    finite &= all_finite(from + k * weights.channel_step, rows);
  }
  return finite;
}

// Reads a few streams, one for each output channel, and writes one.
template <typename Value>
template <typename T, int channels>
void FilterTiles<Value>::pack_as(const FilterTiles& self, const void* w, std::int64_t tile,
                                 Value* to) {
  const std::int64_t first = tile % self.group_tiles_ * channels;
  const std::int64_t count = std::min<std::int64_t>(channels, self.group_outputs_ - first);
  const std::int64_t k_step = self.w_.outer;
  const T* from =
      static_cast<const T*>(w) + (tile / self.group_tiles_ * self.group_outputs_ + first) * k_step;
  constexpr std::int64_t merged = ValueTraits<Value>::channels;
  for (std::int64_t c = 0; c < self.group_inputs_; c += merged, from += merged * self.w_.channel) {
    const auto value = [step = self.w_.channel, last = c + 1 == self.group_inputs_](const T* at) {
      return value_at<Value>(at, step, last);
    };
    for (const std::int64_t tap : self.taps_) {
      const T* values = from + tap;
      if (count == channels) {
        for (int k = 0; k < channels; ++k) to[k] = value(values + k * k_step);
      } else {
        for (int k = 0; k < channels; ++k) {
          to[k] = k < count ? value(values + k * k_step) : Value{};
        }
      }
      to += channels;
    }
  }
}

template <typename Value>
template <int channels>
typename FilterTiles<Value>::Pack FilterTiles<Value>::pack_of(DType type) {
  return visit_dtype(type, [](auto element) -> Pack {
    using T = decltype(element);
    if constexpr (is_readable<Value, T>()) return pack_as<T, channels>;
    return nullptr;
  });
}

template <typename Value>
bool FilterTiles<Value>::pack(const void* w, Value* to, int threads) const {
  std::atomic<bool> usable{true};
  parallel_for(p_.groups * group_tiles_, threads, [&](std::int64_t tile, int) {
    Value* values = to + tile * tile_size();
    pack_(*this, w, tile, values);
    if (pads_zeros_ && !all_finite(values, tile_size())) {
      usable.store(false, std::memory_order_relaxed);
    }
  });
  return usable;
}

template class FilterTiles<float>;
template class FilterTiles<double>;
template class FilterTiles<BFloat16Pair>;
template class FilterTiles<Int16Pair>;

}  // namespace faltung::direct
