#pragma once

#include <concepts>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <type_traits>

#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/export.hpp>
#include <faltung/extents.hpp>

namespace faltung {

/// Which elements of an axis to keep: start, start + step, ... up to stop, which is left out.
///
///     {.start = 2, .stop = 5}    elements 2, 3, 4        {.start = -2}   the last two
///     {.step = 2}                every other one         {.step = -1}    all, backwards
///
/// Negative positions count from the end, as in Python; unlike there, positions outside the axis
/// are refused instead of moved to its end.
struct Slice {
  std::optional<std::int64_t> start = std::nullopt;  ///< default: the first, or last if step < 0
  std::optional<std::int64_t> stop = std::nullopt;   ///< default: all that follow
  std::int64_t step = 1;                             ///< not 0
};

/// Data somebody else owns, to be read: pointer, type, shape, strides in elements, device.
///
/// Strides may be of any sign, and zero for broadcast inputs. `data` points at index (0, 0, ...).
struct ConstTensorView {
  const void* data = nullptr;  ///< the element at index (0, 0, ...)
  DType dtype = DType::f32;    ///< type of the elements
  Shape shape;                 ///< extents, slowest axis first
  Strides strides;             ///< elements between neighbours, one number for each axis
  Device device;               ///< where the data are

  /// Some elements of one axis; nothing is copied. A negative axis counts from the end.
  ///
  /// @throws InvalidProblem if there is no such axis, a position lies outside it, or step is 0.
  [[nodiscard]] FALTUNG_API ConstTensorView slice(std::int64_t axis, const Slice& slice) const;

  /// The axes in another order; nothing is copied. Axis i of the result is axis order[i] of this:
  /// {0, 3, 1, 2} makes NCHW of NHWC. numpy.transpose, torch.permute.
  ///
  /// @throws InvalidProblem unless `order` names every axis once.
  [[nodiscard]] FALTUNG_API ConstTensorView permute(const Extents& order) const;

  /// The element at an index, one number per axis, each from 0. Only for data on the CPU.
  ///
  /// @throws InvalidProblem if T is not the element type, or the index is not one of the shape.
  template <typename T, std::integral... Index>
  [[nodiscard]] const T& at(Index... index) const;
};

/// The same, to be written.
struct TensorView {
  void* data = nullptr;      ///< the element at index (0, 0, ...)
  DType dtype = DType::f32;  ///< type of the elements
  Shape shape;               ///< extents, slowest axis first
  Strides strides;           ///< elements between neighbours, one number for each axis
  Device device;             ///< where the data are

  /// To be read.
  operator ConstTensorView() const { return {data, dtype, shape, strides, device}; }

  /// As ConstTensorView::slice.
  [[nodiscard]] FALTUNG_API TensorView slice(std::int64_t axis, const Slice& slice) const;
  /// As ConstTensorView::permute.
  [[nodiscard]] FALTUNG_API TensorView permute(const Extents& order) const;
  /// As ConstTensorView::at.
  template <typename T, std::integral... Index>
  [[nodiscard]] T& at(Index... index) const;
};

namespace detail {
/// Offset in elements from `view.data`, everything checked.
[[nodiscard]] FALTUNG_API std::int64_t checked_offset(const ConstTensorView& view, DType wanted,
                                                      const Extents& index);
}  // namespace detail

template <typename T, std::integral... Index>
const T& ConstTensorView::at(Index... index) const {
  return static_cast<const T*>(
      data)[detail::checked_offset(*this, dtype_of<T>, {static_cast<std::int64_t>(index)...})];
}
template <typename T, std::integral... Index>
T& TensorView::at(Index... index) const {
  return static_cast<T*>(
      data)[detail::checked_offset(*this, dtype_of<T>, {static_cast<std::int64_t>(index)...})];
}

/// A compact view of `data` with the element type of the pointer.
template <typename T>
[[nodiscard]] auto view(T* data, const Shape& shape, const Device& device = Device::cpu()) {
  return std::conditional_t<std::is_const_v<T>, ConstTensorView, TensorView>{
      data, dtype_of<std::remove_const_t<T>>, shape, compact_strides(shape), device};
}

/// A view with strides in elements.
template <typename T>
[[nodiscard]] auto view(T* data, const Shape& shape, const Strides& strides,
                        const Device& device = Device::cpu()) {
  return std::conditional_t<std::is_const_v<T>, ConstTensorView, TensorView>{
      data, dtype_of<std::remove_const_t<T>>, shape, strides, device};
}

/// Whether the elements lie row-major without gaps (axes of extent 1 may have any stride).
[[nodiscard]] FALTUNG_API bool is_compact(const ConstTensorView& view) noexcept;

/// One short line: "f32 2x3 on cpu: 1 2 3 4 5 6", with "..." after the eighth element. Elements of
/// data that the CPU cannot read are left out. Also for a Tensor.
[[nodiscard]] FALTUNG_API std::string to_string(const ConstTensorView& view);
FALTUNG_API std::ostream& operator<<(std::ostream& os, const ConstTensorView& view);

}  // namespace faltung
