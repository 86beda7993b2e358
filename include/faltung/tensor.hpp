#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <ranges>
#include <span>
#include <utility>

#include <faltung/allocator.hpp>
#include <faltung/device.hpp>
#include <faltung/dtype.hpp>
#include <faltung/export.hpp>
#include <faltung/extents.hpp>
#include <faltung/tensor_view.hpp>

namespace faltung {

template <typename T>
class Values;

/// Memory of its own, compact and row-major. Moves; copies only through `clone`.
///
/// A temporary Tensor converts to a ConstTensorView, so that f(g(x)) works: it lives until the end
/// of the full expression. Whatever would outlive it is refused when compiling (view, slice and
/// permute of a temporary, and writing into one), or owns the memory (`values`). Only a view made
/// by hand from a temporary, `ConstTensorView v = g(x);`, still dangles.
class FALTUNG_API Tensor {
 public:
  Tensor() = default;
  /// Uninitialised elements.
  ///
  /// @throws InvalidProblem if the shape overflows, DeviceError if memory runs out.
  Tensor(DType dtype, const Shape& shape, const Device& device = Device::cpu());
  /// The same in memory of the caller's allocator, which is asked in the order of `stream` and gets
  /// it back in that order when the Tensor ends; what stands behind both outlives it. `{}` is the
  /// memory that the constructor above takes.
  ///
  /// @throws InvalidProblem also if only a part of an allocator is given.
  Tensor(DType dtype, const Shape& shape, const Device& device, const Allocator& allocator,
         const Stream& stream = {});
  Tensor(Tensor&&) noexcept;
  Tensor& operator=(Tensor&&) noexcept;
  ~Tensor();

  /// All elements 0; throws as the constructor.
  [[nodiscard]] static Tensor zeros(DType dtype, const Shape& shape,
                                    const Device& device = Device::cpu());
  /// On the CPU, filled from `values` in row-major order. The element type is that of the values,
  /// which may be a list, an array, a vector or a span; without a shape there is one axis.
  ///
  ///     Tensor::from({1.f, 2.f}, {2, 1})    Tensor::from<float>({1, 2})    Tensor::from(samples)
  ///
  /// @throws InvalidProblem if their number is not that of the shape.
  template <std::ranges::contiguous_range Range>
  [[nodiscard]] static Tensor from(const Range& values, const Shape& shape) {
    return copy_from(std::ranges::data(values), std::ranges::size(values),
                     dtype_of<std::ranges::range_value_t<Range>>, shape);
  }
  /// The same of a span.
  template <typename T>
  [[nodiscard]] static Tensor from(std::span<const T> values, const Shape& shape) {
    return copy_from(values.data(), values.size(), dtype_of<T>, shape);
  }
  /// The same of a list.
  template <typename T>
  [[nodiscard]] static Tensor from(std::initializer_list<T> values, const Shape& shape) {
    return copy_from(std::data(values), values.size(), dtype_of<T>, shape);
  }
  /// The same, along one axis.
  template <std::ranges::contiguous_range Range>
  [[nodiscard]] static Tensor from(const Range& values) {
    return from(values, {static_cast<std::int64_t>(std::ranges::size(values))});
  }
  /// The same of a list, along one axis.
  template <typename T>
  [[nodiscard]] static Tensor from(std::initializer_list<T> values) {
    return from(values, {static_cast<std::int64_t>(values.size())});
  }

  /// Type of the elements.
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  /// Extents, slowest axis first.
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  /// Where the memory is.
  [[nodiscard]] const Device& device() const noexcept { return device_; }
  /// Number of elements.
  [[nodiscard]] std::int64_t size() const { return element_count(shape_); }
  /// Bytes of all elements.
  [[nodiscard]] std::size_t bytes() const;
  [[nodiscard]] void* data() noexcept { return data_; }
  [[nodiscard]] const void* data() const noexcept { return data_; }

  /// The elements, row-major. Only for tensors on the CPU. Those of a temporary Tensor own it:
  /// `for (float v : convolve(x, k).values<float>())` and `auto v = g(x).values<float>()` are safe.
  ///
  /// @throws InvalidProblem if T is not the element type or the data are on another device.
  template <typename T>
  [[nodiscard]] std::span<T> values() & {
    check_values(dtype_of<T>);
    return {static_cast<T*>(data_), static_cast<std::size_t>(size())};
  }
  /// The same, to be read.
  template <typename T>
  [[nodiscard]] std::span<const T> values() const& {
    check_values(dtype_of<T>);
    return {static_cast<const T*>(data_), static_cast<std::size_t>(size())};
  }
  /// The same of a temporary, whose memory goes with them.
  template <typename T>
  [[nodiscard]] Values<T> values() &&;
  template <typename T>
  void values() const&& = delete;

  /// One element, as in TensorView::at.
  template <typename T, std::integral... Index>
  [[nodiscard]] T& at(Index... index) & {
    return view().at<T>(index...);
  }
  /// The same, to be read.
  template <typename T, std::integral... Index>
  [[nodiscard]] const T& at(Index... index) const& {
    return view().at<T>(index...);
  }
  /// The same of a temporary, by value.
  template <typename T, std::integral... Index>
  [[nodiscard]] T at(Index... index) const&& {
    return view().at<T>(index...);
  }

  /// Valid as long as this Tensor.
  [[nodiscard]] TensorView view() &;
  /// The same, to be read.
  [[nodiscard]] ConstTensorView view() const&;
  void view() const&& = delete;  // the memory would be gone: name the Tensor first
  /// What functions that write take: `view()`.
  operator TensorView() & { return view(); }
  /// What functions that read take: `view()`.
  operator ConstTensorView() const { return view(); }

  /// Some elements of one axis, as in TensorView.
  [[nodiscard]] TensorView slice(std::int64_t axis, const Slice& slice) & {
    return view().slice(axis, slice);
  }
  /// The same, to be read.
  [[nodiscard]] ConstTensorView slice(std::int64_t axis, const Slice& slice) const& {
    return view().slice(axis, slice);
  }
  void slice(std::int64_t axis, const Slice& slice) const&& = delete;
  /// The axes in another order, as in TensorView.
  [[nodiscard]] TensorView permute(const Extents& order) & { return view().permute(order); }
  /// The same, to be read.
  [[nodiscard]] ConstTensorView permute(const Extents& order) const& {
    return view().permute(order);
  }
  void permute(const Extents& order) const&& = delete;

  /// The same elements under another shape with as many of them.
  ///
  /// @throws InvalidProblem if the numbers differ.
  [[nodiscard]] Tensor reshaped(const Shape& shape) &&;
  /// A copy on the same device, in memory of the standard kind as that of `to`.
  [[nodiscard]] Tensor clone() const;
  /// A copy on another device; waits until it is complete.
  [[nodiscard]] Tensor to(const Device& device) const;

 private:
  static Tensor copy_from(const void* values, std::size_t count, DType dtype, const Shape& shape);
  void check_values(DType wanted) const;
  struct Source;
  void* data_ = nullptr;
  const Source* source_ = nullptr;  // of the memory; null: the standard one
  DType dtype_ = DType::f32;
  Shape shape_{0};
  Device device_;
};

/// The elements of a Tensor that was a temporary, together with its memory: a range to iterate, to
/// index and to pass on. Moves; what it gives out is valid as long as it lives, as with a vector.
template <typename T>
class Values {
 public:
  /// Takes the memory of `tensor`, whose element type is T.
  explicit Values(Tensor&& tensor) : tensor_(std::move(tensor)), span_(tensor_.values<T>()) {}
  Values(Values&& other) noexcept
      : tensor_(std::move(other.tensor_)), span_(std::exchange(other.span_, {})) {}
  Values& operator=(Values&& other) noexcept {
    tensor_ = std::move(other.tensor_);
    span_ = std::exchange(other.span_, {});
    return *this;
  }

  [[nodiscard]] std::size_t size() const noexcept { return span_.size(); }
  [[nodiscard]] bool empty() const noexcept { return span_.empty(); }
  [[nodiscard]] T* data() noexcept { return span_.data(); }
  [[nodiscard]] const T* data() const noexcept { return span_.data(); }
  [[nodiscard]] T* begin() noexcept { return data(); }
  [[nodiscard]] T* end() noexcept { return data() + size(); }
  [[nodiscard]] const T* begin() const noexcept { return data(); }
  [[nodiscard]] const T* end() const noexcept { return data() + size(); }
  T& operator[](std::size_t i) noexcept { return span_[i]; }
  const T& operator[](std::size_t i) const noexcept { return span_[i]; }

 private:
  Tensor tensor_;
  std::span<T> span_;
};

/// @cond  Declared above.
template <typename T>
Values<T> Tensor::values() && {
  return Values<T>(std::move(*this));
}
/// @endcond

/// A compact copy of any view on the CPU, converted to `dtype`.
///
/// Conversion is that of a C cast, with half types through float; complex to real drops the
/// imaginary part. @throws InvalidProblem if the view is not on the CPU.
[[nodiscard]] FALTUNG_API Tensor compact_copy(const ConstTensorView& view, DType dtype);

}  // namespace faltung
