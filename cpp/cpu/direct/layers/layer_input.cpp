#include "cpp/cpu/direct/layers/layer_input.hpp"

#include <algorithm>

namespace faltung::direct {

/// Collects the pieces of one band after the other.
template <typename Value>
class LayerInput<Value>::Pieces {
 public:
  explicit Pieces(PanelPiece* pieces) : pieces_(pieces) {}

  [[nodiscard]] std::int64_t count() const { return count_; }
  void start_band() { position_ = 0; }
  void add(std::int64_t from, std::int64_t count) {
    if (count == 0) return;
    if (position_ > 0 && joins(from)) {
      pieces_[count_ - 1].count += count;
    } else {
      pieces_[count_++] = {position_, from, count};
    }
    position_ += count;
  }

 private:
  [[nodiscard]] bool joins(std::int64_t from) const {
    const PanelPiece& last = pieces_[count_ - 1];
    return from == PanelPiece::zeros
               ? last.from == from
               : last.from != PanelPiece::zeros && last.from + last.count == from;
  }

  PanelPiece* pieces_;
  std::int64_t count_ = 0, position_ = 0;
};

template <typename Value>
bool LayerInput<Value>::reads_in_place(const Problem& p, const ThreeAxes& t) {
  return p.input == dtype_of<typename Traits::Element> && t.x[2] == 1 && t.axes[2].stride == 1 &&
         std::ranges::all_of(p.axes, [](const Axis& axis) {
           return all_met(axis, [](const Boundary& b) { return b.kind == BoundaryKind::zero; });
         });
}

template <typename Value>
LayerInput<Value>::LayerInput(const Problem& p, const ThreeAxes& t, const LayerPolicy& policy,
                              const ChannelShape<Value>& kernel, WorkspaceLayout& layout)
    : t_(t),
      loader_(p, t, policy.box),
      kernel_(kernel),
      packs_(policy.packs),
      in_place_(packs_ && reads_in_place(p, t)),
      x_step_(x_strides(p).channel),
      bands_(t, policy.box) {
  // The last vector of the last tap may hang over. An odd number of vectors: channels that lie a
  // power of two apart would share few places in the caches.
  const std::int64_t max_vectors = vectors(policy.box);
  band_size_ = (ceil_divide(bands_.max_extra() * bands_.line, kernel.lanes) + max_vectors) | 1;
  band_size_ *= kernel.lanes;
  for (std::int64_t q = 0; q < t.axes[0].filter; ++q) {
    for (std::int64_t r = 0; r < t.axes[1].filter; ++r) {
      for (std::int64_t s = 0; s < t.axes[2].filter; ++s) {
        taps_.push_back(packs_ ? offset({q, r, s}) : box_offset({0, 0, 0}, {q, r, s}));
      }
    }
  }
  if (packs_) {
    const Box max = with_extra(policy.box, bands_.max_extra());
    const std::int64_t channels = ceil_divide(policy.channels, Traits::channels);
    values_ = layout.add<Value>(channels * bands_.count() * band_size_);
    // A row of outputs is at most zeros, values and zeros.
    pieces_ = layout.add<PanelPiece>(bands_.count() * 3 * max[0] * max[1]);
    ends_ = layout.add<std::int64_t>(bands_.count());
  }
  vectors_ = layout.add<std::int64_t>(max_vectors);
  segments_ = layout.add<Segment>(in_place_ ? 0 : loader_.max_segments());
  buffer_ = layout.add<Boxed>(in_place_ ? 0 : policy.channels * loader_.size());
}

// Where the first output's value of a tap lies in a channel.
template <typename Value>
std::int64_t LayerInput<Value>::offset(const Box& tap) const {
  std::int64_t band = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    const bool shared = a == bands_.axis;
    band = band * (shared ? bands_.phases : t_.axes[a].filter) +
           (shared ? tap[a] % bands_.phases : tap[a]);
  }
  return band * band_size_ + tap[bands_.axis] / bands_.phases * bands_.step * bands_.line;
}

// Where a tap's value for an output lies in a box.
template <typename Value>
std::int64_t LayerInput<Value>::box_offset(const Box& output, const Box& tap) const {
  return (output[0] * t_.axes[0].stride + tap[0] * t_.axes[0].dilation) * loader_.plane_size() +
         (output[1] * t_.axes[1].stride + tap[1] * t_.axes[1].dilation) * loader_.row_size() +
         output[2] + loader_.window().offsets[static_cast<std::size_t>(tap[2])];
}

// The values that one tap meets under a row of outputs.
template <typename Value>
void LayerInput<Value>::add_row(Pieces& pieces, const Box& output, std::int64_t columns,
                                const Box& tap) const {
  if (!in_place_) return pieces.add(box_offset(output, tap), columns);
  std::int64_t from = 0;
  for (std::size_t a = 0; a < 2; ++a) {
    const Axis& axis = t_.axes[a];
    const std::int64_t at = output[a] * axis.stride + tap[a] * axis.dilation - axis.pad_lo;
    if (at < 0 || at >= axis.input) return pieces.add(PanelPiece::zeros, columns);
    from += at * t_.x[a];
  }
  const Axis& axis = t_.axes[2];
  const std::int64_t start = output[2] + tap[2] * axis.dilation - axis.pad_lo;
  const std::int64_t begin = std::clamp<std::int64_t>(-start, 0, columns);
  const std::int64_t end = std::clamp(axis.input - start, begin, columns);
  pieces.add(PanelPiece::zeros, begin);
  pieces.add(from + start + begin, end - begin);
  pieces.add(PanelPiece::zeros, columns - end);
}

template <typename Value>
void LayerInput<Value>::find_pieces(std::byte* workspace, const Block& block) const {
  Pieces pieces(pieces_.at(workspace));
  std::int64_t* end = ends_.at(workspace);
  const Box base = in_place_ ? block.first : Box{};  // a box starts with its first output
  Box taps = {t_.axes[0].filter, t_.axes[1].filter, t_.axes[2].filter};
  taps[bands_.axis] = bands_.phases;
  for (std::int64_t q = 0; q < taps[0]; ++q) {
    for (std::int64_t r = 0; r < taps[1]; ++r) {
      for (std::int64_t s = 0; s < taps[2]; ++s) {
        const Box tap = {q, r, s};
        const Box lines = with_extra(block.outputs, bands_.extra(tap[bands_.axis]));
        pieces.start_band();
        for (std::int64_t z = 0; z < lines[0]; ++z) {
          for (std::int64_t y = 0; y < lines[1]; ++y) {
            add_row(pieces, {base[0] + z, base[1] + y, base[2]}, lines[2], tap);
          }
        }
        *end++ = pieces.count();
      }
    }
  }
}

template <typename Value>
void LayerInput<Value>::start(std::byte* workspace, const Block& block,
                              ChannelSums<Value>& sums) const {
  const auto& [planes, rows, columns] = block.outputs;
  std::int64_t* vectors = vectors_.at(workspace);
  sums.taps = taps_.data();
  sums.tap_count = tap_count();
  sums.vectors = vectors;
  sums.vector_count = this->vectors(block.outputs);
  sums.last_values = kernel_.lanes;
  if (packs_) {
    sums.x = values_.at(workspace);
    sums.channel_step = bands_.count() * band_size_;
    sums.last_values -= sums.vector_count * kernel_.lanes - planes * rows * columns;
    find_pieces(workspace, block);
    for (std::int64_t v = 0; v < sums.vector_count; ++v) vectors[v] = v * kernel_.lanes;
  } else if constexpr (std::is_same_v<Value, Boxed>) {
    sums.x = buffer_.at(workspace);
    sums.channel_step = loader_.size();
    for (std::int64_t z = 0; z < planes; ++z) {
      for (std::int64_t y = 0; y < rows; ++y) {
        for (std::int64_t x = 0; x < columns; x += kernel_.lanes) {
          *vectors++ = box_offset({z, y, x}, {}) - box_offset({}, {});
        }
      }
    }
  }
}

template <typename Value>
void LayerInput<Value>::load(std::byte* workspace, const void* x, std::int64_t image,
                             std::int64_t channels, const Block& block) const {
  using Element = typename Traits::Element;
  const Element* from = nullptr;
  std::int64_t step = x_step_;
  if (in_place_) {
    from = static_cast<const Element*>(x) + image;
  } else if constexpr (std::is_same_v<Element, Boxed>) {
    Boxed* buffer = buffer_.at(workspace);
    loader_.load(x, image, channels, block.first, block.outputs, segments_.at(workspace), buffer);
    from = buffer;
    step = loader_.size();
  }
  if (!packs_) return;
  kernel_.pack({.x = from,
                .channels = channels,
                .channel_step = step,
                .pieces = pieces_.at(workspace),
                .ends = ends_.at(workspace),
                .tap_count = bands_.count(),
                .y = values_.at(workspace),
                .row_step = band_size_});
}

template class LayerInput<float>;
template class LayerInput<double>;
template class LayerInput<BFloat16Pair>;
template class LayerInput<Int16Pair>;

}  // namespace faltung::direct
