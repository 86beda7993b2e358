#include "cpp/core/streamed/box.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include <faltung/dtype.hpp>

namespace faltung::streamed {
namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

template <std::size_t size>
void copy_fixed(std::byte* to, const std::byte* from) {
  std::memcpy(to, from, size);
}

}  // namespace

std::size_t Box::bytes(DType dtype) const {
  return static_cast<std::size_t>(element_count(shape)) * size_of(dtype);
}

RunCursor::RunCursor(const Box& box, const Strides& strides, std::size_t size)
    : counts_(box.shape),
      index_(Extents::filled(box.shape.size(), 0)),
      strides_(strides),
      row_axis_(box.row_axis),
      size_(static_cast<std::int64_t>(size)) {
  const std::vector<Stretch>& rows = box.rows;
  const std::int64_t row_stride = strides[row_axis_];
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (i != row_axis_) start_ += strides[i] * box.first[i];
  }
  strides_[row_axis_] = row_stride * rows.front().step;
  std::size_t axis = counts_.size();  // the first that a run takes whole
  const auto takes = [&](std::size_t i) { return counts_[i] == 1 || strides_[i] == elements_; };
  for (; axis > 0 && takes(axis - 1); --axis) {
    if (axis - 1 == row_axis_ && rows.size() > 1) break;
    elements_ *= counts_[axis - 1];
    counts_[axis - 1] = 1;
  }
  if (rows.size() == 1) {
    start_ += row_stride * rows.front().first;
    return;
  }
  // Rows in several stretches: those of a stretch are one run if they are side by side.
  const bool is_next = axis == row_axis_ + 1;
  for (const Stretch& stretch : rows) {
    if (is_next && (stretch.count == 1 || stretch.step * row_stride == elements_)) {
      units_.push_back({stretch.first, stretch.count});
      continue;
    }
    for (std::int64_t i = 0; i < stretch.count; ++i) {
      units_.push_back({stretch.first + i * stretch.step, 1});
    }
  }
  strides_[row_axis_] = row_stride;
  counts_[row_axis_] = static_cast<std::int64_t>(units_.size());
}

std::int64_t RunCursor::count() const { return element_count(counts_); }

std::optional<Run> RunCursor::next(std::size_t limit) {
  if (!more_) return std::nullopt;
  std::int64_t offset = start_;
  std::int64_t elements = elements_;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (i == row_axis_ && !units_.empty()) {
      const Unit& unit = units_[static_cast<std::size_t>(index_[i])];
      offset += strides_[i] * unit.first;
      elements *= unit.count;
    } else {
      offset += strides_[i] * index_[i];
    }
  }
  const auto bytes = static_cast<std::size_t>(elements * size_) - inside_;
  const Run run{offset * size_ + static_cast<std::ptrdiff_t>(inside_), compact_,
                std::min(bytes, limit)};
  compact_ += run.bytes;
  if (run.bytes < bytes) {
    inside_ += run.bytes;
  } else {
    step();
  }
  return run;
}

void RunCursor::step() {
  inside_ = 0;
  std::size_t axis = counts_.size();
  while (axis-- > 0 && ++index_[axis] == counts_[axis]) index_[axis] = 0;
  more_ = axis != static_cast<std::size_t>(-1);
}

void copy_run(std::byte* to, const std::byte* from, std::size_t bytes) {
  switch (bytes) {  // a call for every element would take far longer
    case 1:
      return copy_fixed<1>(to, from);
    case 2:
      return copy_fixed<2>(to, from);
    case 4:
      return copy_fixed<4>(to, from);
    case 8:
      return copy_fixed<8>(to, from);
    case 16:
      return copy_fixed<16>(to, from);
    default:
      std::memcpy(to, from, bytes);
  }
}

void gather(const ConstTensorView& tensor, const Box& box, std::byte* compact) {
  const auto* data = static_cast<const std::byte*>(tensor.data);
  RunCursor cursor(box, tensor.strides, size_of(tensor.dtype));
  while (const auto run = cursor.next(no_limit)) {
    copy_run(compact + run->compact, data + run->tensor, run->bytes);
  }
}

void scatter(const std::byte* compact, const Box& box, const TensorView& tensor) {
  auto* data = static_cast<std::byte*>(tensor.data);
  RunCursor cursor(box, tensor.strides, size_of(tensor.dtype));
  while (const auto run = cursor.next(no_limit)) {
    copy_run(data + run->tensor, compact + run->compact, run->bytes);
  }
}

}  // namespace faltung::streamed
