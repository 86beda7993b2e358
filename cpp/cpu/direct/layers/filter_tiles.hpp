#pragma once

#include <cstdint>
#include <vector>

#include "cpp/core/engine.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/cpu/channels/channel_kernel.hpp"

namespace faltung::direct {

/// Where the weights of a tile lie that channel_kernel.hpp reads, in elements.
template <typename Value>
struct WeightTiles {
  const Value* data;
  std::int64_t tile_step;     ///< from a tile to the next
  std::int64_t row_step;      ///< from a tap to the next, and from its last to the next channel
  std::int64_t channel_step;  ///< between output channels
};

/// The filter as channel_kernel.hpp reads it: [group, tile, input channel or pair of them, tap,
/// output channel of the tile], channels that do not exist as zeros.
///
/// A filter that is not finite while taps meet the zeros of a boundary cannot be used so, since
/// every weight is multiplied by what stands there.
template <typename Value>
class FilterTiles {
 public:
  /// @param channels  output channels of a tile, 4 or 8
  FilterTiles(const Problem& p, std::int64_t channels);

  [[nodiscard]] std::int64_t group_tiles() const { return group_tiles_; }
  [[nodiscard]] std::int64_t tile_size() const { return rows_ * channels_; }
  [[nodiscard]] std::int64_t size() const { return p_.groups * group_tiles_ * tile_size(); }

  /// Whether w consists of Value in the order of the formula and fills all tiles.
  [[nodiscard]] bool reads_in_place() const { return in_place_; }
  /// Where they lie in a w that is read in place, and in tiles.
  [[nodiscard]] WeightTiles<Value> in_filter(const void* w) const {
    return {static_cast<const Value*>(w), channels_ * w_.outer, 1, w_.outer};
  }
  [[nodiscard]] WeightTiles<Value> in_tiles(const Value* tiles) const {
    return {tiles, tile_size(), channels_, 1};
  }
  /// Prefetches these rows of a tile that lies in w: its channels lie too far apart for what
  /// processors prefetch by themselves.
  void prefetch_rows(const WeightTiles<Value>& weights, std::int64_t tile, std::int64_t first_row,
                     std::int64_t rows) const;
  /// Whether these rows of a tile that lies in w can be used.
  [[nodiscard]] bool usable(const WeightTiles<Value>& weights, std::int64_t tile,
                            std::int64_t first_row, std::int64_t rows) const;

  /// Makes all tiles; false if they cannot be used.
  bool pack(const void* w, Value* to, int threads) const;

 private:
  using Pack = void (*)(const FilterTiles&, const void* w, std::int64_t tile, Value* to);

  template <typename T, int channels>
  static void pack_as(const FilterTiles& self, const void* w, std::int64_t tile, Value* to);
  template <int channels>
  static Pack pack_of(DType type);

  Problem p_;
  TensorStrides w_;
  std::int64_t channels_, group_inputs_, group_outputs_, group_tiles_;
  std::vector<std::int64_t> taps_;  ///< where they lie in a channel's filter
  std::int64_t rows_;               ///< of a tile: values of c/g, times taps
  bool pads_zeros_;
  bool in_place_ = false;
  Pack pack_;
};

}  // namespace faltung::direct
