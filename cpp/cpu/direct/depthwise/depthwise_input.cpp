#include "cpp/cpu/direct/depthwise/depthwise_input.hpp"

#include <algorithm>

#include "cpp/core/order.hpp"

namespace faltung::direct {
namespace {

constexpr std::int64_t constants = 6;

template <typename Acc>
bool consists_of(DType type) {
  return type == dtype_of<Acc> || (std::is_same_v<Acc, std::uint32_t> && type == DType::i32);
}

}  // namespace

template <typename Acc>
DepthwiseInput<Acc>::DepthwiseInput(const Problem& p, const ThreeAxes& t,
                                    const DepthwisePolicy& policy, WorkspaceLayout& layout)
    : t_(t),
      input_(p.input),
      window_(t.axes[2], policy.box[2]),
      load_(load_row<Acc>(p.input)),
      multiplier_(p.out_channels / p.groups),
      width_(policy.interleaved ? p.out_channels : policy.unit),
      in_place_(consists_of<Acc>(p.input) && !policy.interleaved && multiplier_ == 1),
      interleaved_(policy.interleaved),
      dense_(t.x[2] == p.in_channels && policy.parts == 1),
      rows_(reach(t.axes[1], policy.box[1])),
      planes_(reach(t.axes[0], policy.box[0])),
      row_size_(window_.size()),
      column_step_(policy.unit),
      hop_(0),
      offsets_(window_.offsets) {
  if (!in_place_) {
    row_size_ *= width_;
    for (std::int64_t& offset : offsets_) offset *= width_;
    // The last column may hang over.
    if (interleaved_) row_size_ += policy.unit;
  }
  if (t.axes[2].stride == 1 && t.axes[2].dilation == 1) {
    hop_ = interleaved_ ? policy.unit / width_ : 1;
    if (hop_ >= t.axes[2].filter || (hop_ > 1 && needs_order(p))) hop_ = 0;
  }
  table_ = layout.add<const Part*>(in_place_ ? planes_ * rows_ * row_size_ : 0);
  columns_ = layout.add<std::int64_t>(window_.size());
  constants_ = layout.add<Acc>(constants * width_);
  copy_ = layout.add<Acc>(in_place_ ? 0 : planes_ * rows_ * row_size_);
}

template <typename Acc>
void DepthwiseInput<Acc>::start(std::byte* workspace) const {
  for (std::int64_t i = 0; i < constants; ++i) {
    const Axis& axis = t_.axes[static_cast<std::size_t>(i / 2)];
    const Boundary& boundary = i % 2 == 0 ? axis.below : axis.above;
    const bool constant = boundary.kind == BoundaryKind::constant;
    std::fill_n(constants_.at(workspace) + i * width_, width_,
                constant ? as_element<Acc>(boundary.value, input_) : Acc(0));
  }
}

template <typename Acc>
void DepthwiseInput<Acc>::aim(std::byte* workspace, std::int64_t plane, std::int64_t row,
                              DepthwiseRow<Part>& to) const {
  const std::int64_t first = (plane * rows_ + row) * row_size_;
  to.places = in_place_ ? table_.at(workspace) + first : nullptr;
  to.copy = in_place_ ? nullptr : reinterpret_cast<const Part*>(copy_.at(workspace)) + first;
  to.column_step = column_step_;
  to.plane_step = t_.axes[0].dilation * rows_ * row_size_;
  to.row_step = t_.axes[1].dilation * row_size_;
  to.offsets = offsets_.data();
  to.hop = hop_;
}

template <typename Acc>
void DepthwiseInput<Acc>::load(std::byte* workspace, const void* x, std::int64_t image,
                               std::int64_t channels, const Box& first, const Box& outputs) const {
  find_columns(workspace, first[2], outputs[2]);
  for (std::int64_t z = 0; z < reach(t_.axes[0], outputs[0]); ++z) {
    for (std::int64_t y = 0; y < reach(t_.axes[1], outputs[1]); ++y) {
      const std::array<std::int64_t, 2> position = {first[0] * t_.axes[0].stride + z,
                                                    first[1] * t_.axes[1].stride + y};
      const RowPlace found = row_place(t_.axes, t_.x, position);
      const Row place = {image + found.offset, constant_of(found.boundary)};
      const std::int64_t i = z * rows_ + y;
      if (in_place_) {
        point(workspace, static_cast<const Part*>(x), place, outputs[2],
              table_.at(workspace) + i * row_size_);
      } else {
        copy(workspace, x, place, channels, outputs[2], copy_.at(workspace) + i * row_size_);
      }
    }
  }
}

// The number of a boundary's constant: those below and above each axis. -1 if it is null.
template <typename Acc>
int DepthwiseInput<Acc>::constant_of(const Boundary* boundary) const {
  for (std::size_t a = 0; boundary != nullptr && a < 3; ++a) {
    if (boundary == &t_.axes[a].below) return static_cast<int>(2 * a);
    if (boundary == &t_.axes[a].above) return static_cast<int>(2 * a + 1);
  }
  return -1;
}

/// Calls f(first place, places) for each phase of a row.
template <typename Acc>
template <typename F>
void DepthwiseInput<Acc>::for_each_phase(std::int64_t outputs, F&& f) const {
  for (std::size_t i = 0; i < window_.phases.size(); ++i) {
    f(static_cast<std::int64_t>(i) * window_.length,
      Window::used(t_.axes[2], window_.phases[i], outputs));
  }
}

// For each place of a row the index along the last axis, or -1 minus the number of its constant.
template <typename Acc>
void DepthwiseInput<Acc>::find_columns(std::byte* workspace, std::int64_t first,
                                       std::int64_t outputs) const {
  const Axis& axis = t_.axes[2];
  std::int64_t* columns = columns_.at(workspace);
  for_each_phase(outputs, [&](std::int64_t place, std::int64_t count) {
    const std::int64_t phase = window_.phases[static_cast<std::size_t>(place / window_.length)];
    for (std::int64_t i = 0; i < count; ++i) {
      const auto [j, boundary] = axis_place(axis, (first + i) * axis.stride + phase);
      columns[place + i] = j == outside ? -1 - constant_of(boundary) : j;
    }
  });
}

template <typename Acc>
void DepthwiseInput<Acc>::point(std::byte* workspace, const Part* x, Row row, std::int64_t outputs,
                                const Part** to) const {
  const auto* values = reinterpret_cast<const Part*>(constants_.at(workspace));
  const std::int64_t* columns = columns_.at(workspace);
  for_each_phase(outputs, [&](std::int64_t place, std::int64_t count) {
    for (std::int64_t i = place; i < place + count; ++i) {
      const std::int64_t constant = row.constant >= 0 ? row.constant : -1 - columns[i];
      to[i] = constant >= 0 ? values + constant * width_ : x + row.offset + columns[i] * t_.x[2];
    }
  });
}

template <typename Acc>
void DepthwiseInput<Acc>::copy(std::byte* workspace, const void* x, Row row, std::int64_t channels,
                               std::int64_t outputs, Acc* to) const {
  const Acc* values = constants_.at(workspace);
  const std::int64_t* columns = columns_.at(workspace);
  for_each_phase(outputs, [&](std::int64_t place, std::int64_t count) {
    const std::int64_t end = place + count;
    for (std::int64_t i = place; i < end;) {
      const std::int64_t constant = row.constant >= 0 ? row.constant : -1 - columns[i];
      if (constant >= 0) {
        std::copy_n(values + constant * width_, width_, to + i * width_);
        ++i;
        continue;
      }
      std::int64_t run = 1;
      while (dense_ && i + run < end && columns[i + run] == columns[i] + run) ++run;
      const std::int64_t from = row.offset + columns[i] * t_.x[2];
      for (std::int64_t m = 0; m < multiplier_; ++m) {
        load_(x, from, 1, run * (channels / multiplier_), to + i * width_ + m, multiplier_);
      }
      i += run;
    }
  });
}

template class DepthwiseInput<float>;
template class DepthwiseInput<double>;
template class DepthwiseInput<std::uint32_t>;

}  // namespace faltung::direct
