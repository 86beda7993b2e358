#include "cpp/cpu/direct/panel_packer.hpp"

#include <algorithm>

namespace faltung::direct {

/// Collects the pieces of one band after the other.
template <typename Value>
class PanelPacker<Value>::Pieces {
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
bool PanelPacker<Value>::reads_in_place(const Problem& p, const ThreeAxes& t) {
  return p.input == dtype_of<typename Traits::Element> && t.x[2] == 1 && t.axes[2].stride == 1 &&
         std::ranges::all_of(p.axes, [](const Axis& axis) {
           const bool below = axis.pad_lo <= 0 || axis.below.kind == BoundaryKind::zero;
           return below && (axis.above.kind == BoundaryKind::zero ||
                            reach(axis, axis.output()) - axis.pad_lo <= axis.input);
         });
}

template <typename Value>
PanelPacker<Value>::PanelPacker(const Problem& p, const ThreeAxes& t, const Box& box,
                                std::int64_t channels, const ChannelShape<Value>& kernel)
    : t_(t),
      loader_(p, t, box),
      box_channels_(p, t),
      kernel_(kernel),
      in_place_(reads_in_place(p, t)),
      bands_(t, box) {
  const std::int64_t outputs = box[0] * box[1] * box[2];
  const std::int64_t vectors = ceil_divide(outputs, kernel.lanes);
  // The last vector of the last tap may hang over. An odd number of vectors: channels that lie a
  // power of two apart would share few places in the caches.
  band_size_ = (ceil_divide(bands_.most_extra() * bands_.line, kernel.lanes) + vectors) | 1;
  band_size_ *= kernel.lanes;
  for (std::int64_t q = 0; q < t.axes[0].filter; ++q) {
    for (std::int64_t r = 0; r < t.axes[1].filter; ++r) {
      for (std::int64_t s = 0; s < t.axes[2].filter; ++s) {
        taps_.push_back(offset({q, r, s}));
      }
    }
  }
  for (std::int64_t v = 0; v < vectors; ++v) vectors_.push_back(v * kernel.lanes);

  const Box most = with_extra(box, bands_.most_extra());
  values_at_ = layout_.add<Value>(ceil_divide(channels, Traits::channels) * channel_step());
  // A row of outputs is at most zeros, values and zeros.
  pieces_at_ = layout_.add<PanelPiece>(bands_.count() * 3 * most[0] * most[1]);
  ends_at_ = layout_.add<std::int64_t>(bands_.count());
  segments_at_ = layout_.add<Segment>(in_place_ ? 0 : loader_.most_segments());
  buffer_at_ = layout_.add<Boxed>(in_place_ ? 0 : channels * loader_.size());
}

// Where the first output's value of a tap lies in a channel.
template <typename Value>
std::int64_t PanelPacker<Value>::offset(const Box& tap) const {
  std::int64_t band = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    const bool shared = a == bands_.axis;
    band = band * (shared ? bands_.phases : t_.axes[a].filter) +
           (shared ? tap[a] % bands_.phases : tap[a]);
  }
  return band * band_size_ + tap[bands_.axis] / bands_.phases * bands_.step * bands_.line;
}

// The values that one tap meets under a row of outputs.
template <typename Value>
void PanelPacker<Value>::add_row(Pieces& pieces, const Box& output, std::int64_t columns,
                                 const Box& tap) const {
  std::int64_t from = 0;
  if (!in_place_) {
    from = (output[0] * t_.axes[0].stride + tap[0] * t_.axes[0].dilation) * loader_.plane_size() +
           (output[1] * t_.axes[1].stride + tap[1] * t_.axes[1].dilation) * loader_.row_size() +
           output[2] + loader_.window().offsets[static_cast<std::size_t>(tap[2])];
    return pieces.add(from, columns);
  }
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
void PanelPacker<Value>::start(std::byte* workspace, const Box& first, const Box& outputs) const {
  Pieces pieces(at<PanelPiece>(workspace, pieces_at_));
  std::int64_t* end = at<std::int64_t>(workspace, ends_at_);
  const Box base = in_place_ ? first : Box{};  // a box starts with its first output
  Box taps = {t_.axes[0].filter, t_.axes[1].filter, t_.axes[2].filter};
  taps[bands_.axis] = bands_.phases;
  for (std::int64_t q = 0; q < taps[0]; ++q) {
    for (std::int64_t r = 0; r < taps[1]; ++r) {
      for (std::int64_t s = 0; s < taps[2]; ++s) {
        const Box tap = {q, r, s};
        const Box lines = with_extra(outputs, bands_.extra(tap[bands_.axis]));
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
void PanelPacker<Value>::pack(std::byte* workspace, const void* x, std::int64_t image,
                              std::int64_t channel_step, std::int64_t channels, const Box& first,
                              const Box& outputs) const {
  using Element = typename Traits::Element;
  const Element* from = nullptr;
  std::int64_t step = channel_step;
  if (in_place_) {
    from = static_cast<const Element*>(x) + image;
  } else if constexpr (std::is_same_v<Element, Boxed>) {
    Boxed* buffer = at<Boxed>(workspace, buffer_at_);
    box_channels_.load(loader_, x, image, channels, first, outputs,
                       at<Segment>(workspace, segments_at_), buffer);
    from = buffer;
    step = loader_.size();
  }
  kernel_.pack({.x = from,
                .channels = channels,
                .channel_step = step,
                .pieces = at<PanelPiece>(workspace, pieces_at_),
                .ends = at<std::int64_t>(workspace, ends_at_),
                .tap_count = bands_.count(),
                .y = at<Value>(workspace, values_at_),
                .row_step = band_size_});
}

template class PanelPacker<float>;
template class PanelPacker<double>;
template class PanelPacker<BFloat16Pair>;
template class PanelPacker<Int16Pair>;

}  // namespace faltung::direct
