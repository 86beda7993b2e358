#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>

#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/export.hpp>
#include <faltung/extents.hpp>

namespace faltung {

/// Data somebody else owns, to be read: pointer, type, shape, strides in elements, device.
///
/// Strides may be of any sign, and zero for broadcast inputs. `data` points at index (0, 0, ...).
struct ConstTensorView {
  const void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;
  Strides strides;
  Device device;
};

/// The same, to be written.
struct TensorView {
  void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;
  Strides strides;
  Device device;

  operator ConstTensorView() const { return {data, dtype, shape, strides, device}; }
};

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

/// Memory of its own, compact and row-major. Moves; copies only through `clone`.
class FALTUNG_API Tensor {
 public:
  Tensor() = default;
  /// Uninitialised elements.
  ///
  /// @throws InvalidProblem if the shape overflows, DeviceError if memory runs out.
  Tensor(DType dtype, const Shape& shape, const Device& device = Device::cpu());
  Tensor(Tensor&&) noexcept;
  Tensor& operator=(Tensor&&) noexcept;
  ~Tensor();

  [[nodiscard]] static Tensor zeros(DType dtype, const Shape& shape,
                                    const Device& device = Device::cpu());
  /// On the CPU, filled from `values` in row-major order.
  ///
  /// @throws InvalidProblem if their number is not that of the shape.
  template <typename T>
  [[nodiscard]] static Tensor from(std::span<const T> values, const Shape& shape) {
    return copy_from(values.data(), values.size(), dtype_of<T>, shape);
  }
  template <typename T>
  [[nodiscard]] static Tensor from(std::initializer_list<T> values, const Shape& shape) {
    return from(std::span<const T>(values.begin(), values.size()), shape);
  }

  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] const Device& device() const noexcept { return device_; }
  [[nodiscard]] std::int64_t size() const { return element_count(shape_); }
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] void* data() noexcept { return data_; }
  [[nodiscard]] const void* data() const noexcept { return data_; }

  /// The elements, row-major. Only for tensors on the CPU.
  ///
  /// @throws InvalidProblem if T is not the element type or the data are on another device.
  template <typename T>
  [[nodiscard]] std::span<T> values() {
    check_values(dtype_of<T>);
    return {static_cast<T*>(data_), static_cast<std::size_t>(size())};
  }
  template <typename T>
  [[nodiscard]] std::span<const T> values() const {
    check_values(dtype_of<T>);
    return {static_cast<const T*>(data_), static_cast<std::size_t>(size())};
  }

  [[nodiscard]] TensorView view();
  [[nodiscard]] ConstTensorView view() const;
  operator TensorView() { return view(); }
  operator ConstTensorView() const { return view(); }

  /// The same elements under another shape with as many of them.
  [[nodiscard]] Tensor reshaped(const Shape& shape) &&;
  [[nodiscard]] Tensor clone() const;
  /// A copy on another device; waits until it is complete.
  [[nodiscard]] Tensor to(const Device& device) const;

 private:
  static Tensor copy_from(const void* values, std::size_t count, DType dtype, const Shape& shape);
  void check_values(DType wanted) const;
  void* data_ = nullptr;
  DType dtype_ = DType::f32;
  Shape shape_{0};
  Device device_;
};

/// A compact copy of any view on the CPU, converted to `dtype`.
///
/// Conversion is that of a C cast, with half types through float; complex to real drops the
/// imaginary part. @throws InvalidProblem if the view is not on the CPU.
[[nodiscard]] FALTUNG_API Tensor compact_copy(const ConstTensorView& view, DType dtype);

}  // namespace faltung
