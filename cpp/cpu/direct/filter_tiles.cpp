#include "cpp/cpu/direct/filter_tiles.hpp"

#include <algorithm>
#include <atomic>

#include "cpp/cpu/direct/finite.hpp"
#include "cpp/cpu/packed_filter.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung::direct {

template <typename Acc>
FilterTiles<Acc>::FilterTiles(const Problem& p, std::int64_t channels)
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
  rows_ = group_inputs_ * static_cast<std::int64_t>(taps_.size());
}

// Reads a few streams, one for each output channel, and writes one.
template <typename Acc>
template <typename T, int channels>
void FilterTiles<Acc>::pack_as(const FilterTiles& self, const void* w, std::int64_t tile, Acc* to) {
  const std::int64_t first = tile % self.group_tiles_ * channels;
  const std::int64_t count = std::min<std::int64_t>(channels, self.group_outputs_ - first);
  const std::int64_t k_step = self.w_.outer;
  const T* from =
      static_cast<const T*>(w) + (tile / self.group_tiles_ * self.group_outputs_ + first) * k_step;
  for (std::int64_t c = 0; c < self.group_inputs_; ++c, from += self.w_.channel) {
    for (const std::int64_t tap : self.taps_) {
      const T* values = from + tap;
      if (count == channels) {
        for (int k = 0; k < channels; ++k) to[k] = load_element<Acc>(values[k * k_step]);
      } else {
        for (int k = 0; k < channels; ++k) {
          to[k] = k < count ? load_element<Acc>(values[k * k_step]) : Acc(0);
        }
      }
      to += channels;
    }
  }
}

template <typename Acc>
template <int channels>
typename FilterTiles<Acc>::Pack FilterTiles<Acc>::pack_of(DType type) {
  return visit_dtype(type, [](auto element) -> Pack {
    using T = decltype(element);
    if constexpr (!is_complex(dtype_of<T>)) return pack_as<T, channels>;
    return nullptr;
  });
}

template <typename Acc>
bool FilterTiles<Acc>::pack(const void* w, Acc* to, int threads) const {
  std::atomic<bool> usable{true};
  parallel_for(p_.groups * group_tiles_, threads, [&](std::int64_t tile, int) {
    Acc* values = to + tile * tile_size();
    pack_(*this, w, tile, values);
    if (pads_zeros_ && !all_finite(values, tile_size())) {
      usable.store(false, std::memory_order_relaxed);
    }
  });
  return usable;
}

template <typename Acc>
const Acc* FilterTiles<Acc>::find(const RunArguments& arguments, Acc* scratch, int threads) const {
  if (arguments.prepared != nullptr) {
    const auto& prepared = static_cast<const Prepared&>(*arguments.prepared);
    return prepared.compact.empty() ? prepared.tiles.data() : nullptr;
  }
  return pack(arguments.second, scratch, threads) ? scratch : nullptr;
}

template <typename Acc>
void FilterTiles<Acc>::run_without(const DirectTask<Acc>& general, const RunArguments& arguments) {
  if (arguments.prepared == nullptr) return general.run(arguments);
  general.run_packed(arguments, static_cast<const Prepared&>(*arguments.prepared).compact.data());
}

template <typename Acc>
std::unique_ptr<PreparedFilter> FilterTiles<Acc>::prepare(const void* w) const {
  auto prepared = std::make_unique<Prepared>();
  prepared->tiles.resize(static_cast<std::size_t>(size()));
  if (!pack(w, prepared->tiles.data(), 1)) {
    const FilterPacker<Acc> packer(p_);
    std::vector<Acc> scratch(static_cast<std::size_t>(packer.size()));
    RunArguments arguments;
    arguments.second = w;
    const Acc* filter = packer.filter(arguments, scratch.data());
    prepared->compact.assign(filter, filter + p_.out_channels * rows_);
  }
  return prepared;
}

template class FilterTiles<float>;
template class FilterTiles<double>;

}  // namespace faltung::direct
