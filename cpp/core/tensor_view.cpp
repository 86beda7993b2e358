#include <faltung/tensor_view.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <ostream>
#include <type_traits>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/strided.hpp"

namespace faltung {
namespace {

void check_rank(const ConstTensorView& view) {
  if (view.strides.size() == view.shape.size()) return;
  throw InvalidProblem(message("the view has ", view.strides.size(), " strides for ",
                               view.shape.size(), " axes; give one stride per axis"));
}

std::size_t checked_axis(std::int64_t axis, std::int64_t rank, const char* field) {
  if (axis < -rank || axis >= rank) {
    throw InvalidProblem(message(field, " is ", axis, " for a view of ", rank,
                                 " axes; count from 0, or from -1 at the end"));
  }
  return static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
}

// A position between the elements, 0 to extent, or the one of an element.
std::int64_t position(std::int64_t value, std::int64_t extent, bool element, const char* field) {
  const std::int64_t max = element ? extent - 1 : extent;
  if (value < -extent || value > max) {
    throw InvalidProblem(message(field, " of the slice is ", value, " on an axis of ", extent,
                                 " elements; use ", -extent, " to ", max));
  }
  return value < 0 ? value + extent : value;
}

struct Range {
  std::int64_t start, count;
};

Range resolve(const Slice& s, std::int64_t extent) {
  if (s.step == 0) {
    throw InvalidProblem("step of the slice is 0; use 1 for every element, -1 for backwards");
  }
  const bool forward = s.step > 0;
  // Backwards, start names an element, of which an empty axis has none.
  std::int64_t start = forward ? 0 : extent - 1;
  if (s.start) start = position(*s.start, extent, !forward && extent > 0, "start");
  std::int64_t stop = forward ? extent : -1;
  if (s.stop) stop = position(*s.stop, extent, false, "stop");
  const std::int64_t room = forward ? stop - start : start - stop;
  if (room <= 0) return {0, 0};
  const auto step = static_cast<std::uint64_t>(s.step);
  const std::uint64_t steps = (static_cast<std::uint64_t>(room) - 1) / (forward ? step : 0 - step);
  return {start, static_cast<std::int64_t>(steps) + 1};
}

// The view that `v` becomes, whether it is one to read or to write. Null stays null.
template <typename View>
View sliced(View v, std::int64_t axis, const Slice& s) {
  check_rank(v);
  const std::size_t i = checked_axis(axis, static_cast<std::int64_t>(v.shape.size()), "axis");
  const Range range = resolve(s, v.shape[i]);
  if (v.data != nullptr && range.count > 0) {
    using Byte = std::conditional_t<std::is_same_v<View, TensorView>, std::byte, const std::byte>;
    const auto size = static_cast<std::int64_t>(size_of(v.dtype));
    v.data = static_cast<Byte*>(v.data) + range.start * v.strides[i] * size;
  }
  v.shape[i] = range.count;
  // With fewer than two elements no step is taken, and the product might overflow.
  if (range.count > 1) v.strides[i] *= s.step;
  return v;
}

template <typename View>
View permuted(View v, const Extents& order) {
  check_rank(v);
  const auto wrong = [&] {
    return InvalidProblem(message("order is ", order, " for a view of ", v.shape.size(),
                                  " axes; name each of them once"));
  };
  if (order.size() != v.shape.size()) throw wrong();
  const Shape shape = v.shape;
  const Strides strides = v.strides;
  std::array<bool, Extents::max_rank> seen{};
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t from =
        checked_axis(order[i], static_cast<std::int64_t>(order.size()), "an axis of the order");
    if (std::exchange(seen[from], true)) throw wrong();
    v.shape[i] = shape[from];
    v.strides[i] = strides[from];
  }
  return v;
}

// The shortest digits that read back as the same number, whatever the locale.
template <typename T>
std::string text_of(T value) {
  if constexpr (is_complex(dtype_of<T>)) {
    const std::string imaginary = text_of(value.imag());
    return text_of(value.real()) + (imaginary[0] == '-' ? "" : "+") + imaginary + "i";
  } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return text_of(static_cast<float>(value));
  } else {
    std::array<char, 32> buffer;
    return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr};
  }
}

// The first elements in row-major order, up to `max` of them and a sign that there are more.
std::string first_elements(const ConstTensorView& view, int max) {
  std::string text;
  Extents index = Extents::filled(view.shape.size(), 0);
  for (int count = 0; count < max; ++count) {
    text += visit_dtype(view.dtype, [&](auto element) {
      using T = decltype(element);
      return ' ' + text_of(static_cast<const T*>(view.data)[offset_of(index, view.strides)]);
    });
    std::size_t axis = view.shape.size();
    while (axis-- > 0 && ++index[axis] == view.shape[axis]) index[axis] = 0;
    if (axis == static_cast<std::size_t>(-1)) return text;
  }
  return text + " ...";
}

}  // namespace

ConstTensorView ConstTensorView::slice(std::int64_t axis, const Slice& s) const {
  return sliced(*this, axis, s);
}
TensorView TensorView::slice(std::int64_t axis, const Slice& s) const {
  return sliced(*this, axis, s);
}
ConstTensorView ConstTensorView::permute(const Extents& order) const {
  return permuted(*this, order);
}
TensorView TensorView::permute(const Extents& order) const { return permuted(*this, order); }

std::int64_t detail::checked_offset(const ConstTensorView& view, DType wanted,
                                    const Extents& index) {
  if (wanted != view.dtype) {
    throw InvalidProblem(
        message("at asked for ", name(wanted), ", the elements are ", name(view.dtype)));
  }
  if (view.device.kind != DeviceKind::cpu) {
    throw InvalidProblem(message("at needs data on the cpu, these are on ", view.device,
                                 "; copy them with Tensor::to(Device::cpu())"));
  }
  check_rank(view);
  bool inside = index.size() == view.shape.size();
  for (std::size_t i = 0; inside && i < index.size(); ++i) {
    inside = index[i] >= 0 && index[i] < view.shape[i];
  }
  if (!inside) {
    throw InvalidProblem(message("index ", index, " is none of a view of shape ", view.shape,
                                 "; give one number per axis, from 0 to its extent less 1"));
  }
  if (view.data == nullptr) {
    throw InvalidProblem(message("the view has no data (a null pointer) for shape ", view.shape));
  }
  return offset_of(index, view.strides);
}

bool is_compact(const ConstTensorView& view) noexcept {
  if (std::ranges::find(view.shape, 0) != view.shape.end()) return true;
  std::int64_t step = 1;
  for (std::size_t i = view.shape.size(); i-- > 0;) {
    if (view.shape[i] != 1 && view.strides[i] != step) return false;
    step *= view.shape[i];
  }
  return true;
}

std::string to_string(const ConstTensorView& view) {
  const std::string text = message(name(view.dtype), ' ', view.shape, " on ", view.device);
  const bool readable = view.device.kind == DeviceKind::cpu && view.data != nullptr &&
                        view.strides.size() == view.shape.size() &&
                        std::ranges::all_of(view.shape, [](std::int64_t e) { return e > 0; });
  constexpr int max = 8;
  return readable ? text + ':' + first_elements(view, max) : text;
}

std::ostream& operator<<(std::ostream& os, const ConstTensorView& view) {
  return os << to_string(view);
}

}  // namespace faltung
