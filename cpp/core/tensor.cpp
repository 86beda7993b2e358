#include <faltung/tensor.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include <faltung/allocator.hpp>
#include <faltung/error.hpp>
#include "cpp/core/allocator.hpp"
#include "cpp/core/backend.hpp"
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/strided.hpp"

namespace faltung {
namespace {

std::size_t byte_count(DType dtype, const Shape& shape) {
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(element_count(shape), static_cast<std::int64_t>(size_of(dtype)),
                             &bytes)) {
    throw InvalidProblem(message("a tensor of shape ", shape, " and type ", name(dtype),
                                 " takes more than 2^63 - 1 bytes; split it"));
  }
  return static_cast<std::size_t>(bytes);
}

void require_cpu(const Device& device, const char* what) {
  if (device.kind != DeviceKind::cpu) {
    throw InvalidProblem(message(what, " needs data on the cpu, these are on ", device,
                                 "; copy them with Tensor::to(Device::cpu())"));
  }
}

template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (is_complex(dtype_of<To>)) {
    using Part = typename To::value_type;
    if constexpr (is_complex(dtype_of<From>)) {
      return To(static_cast<Part>(value.real()), static_cast<Part>(value.imag()));
    } else {
      return To(static_cast<Part>(value), 0);
    }
  } else if constexpr (is_complex(dtype_of<From>)) {
    return convert<To>(value.real());
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BFloat16>) {
    return static_cast<To>(static_cast<float>(value));
  } else {
    return static_cast<To>(value);
  }
}

// One element. The loop around it is not part of it: 196 pairs of types would each compile one.
using Conversion = void (*)(const void* from, void* to);

Conversion conversion_between(DType from, DType to) {
  return visit_dtype(from, [&](auto source) {
    return visit_dtype(to, [&](auto target) -> Conversion {
      using From = decltype(source);
      using To = decltype(target);
      return [](const void* element, void* result) {
        *static_cast<To*>(result) = convert<To>(*static_cast<const From*>(element));
      };
    });
  });
}

}  // namespace

// A caller's allocator and the order in which it is asked.
struct Tensor::Source {
  Allocator allocator;
  Stream stream;
};

Tensor::Tensor(DType dtype, const Shape& shape, const Device& device)
    : Tensor(dtype, shape, device, Allocator{}) {}

Tensor::Tensor(DType dtype, const Shape& shape, const Device& device, const Allocator& allocator,
               const Stream& stream)
    : dtype_(dtype), shape_(shape), device_(device) {
  const std::size_t bytes = byte_count(dtype, shape);
  const bool given = allocator.context != nullptr || allocator.allocate != nullptr ||
                     allocator.deallocate != nullptr;
  std::unique_ptr<const Source> source;
  if (given) {
    source = std::make_unique<const Source>(
        Source{allocator_for(device, allocator), stream_on(device, stream)});
  }
  if (bytes == 0) return;
  if (given) {
    data_ = allocator.allocate(allocator.context, bytes, memory_alignment, source->stream);
  } else if (device.kind == DeviceKind::cpu) {
    data_ = ::operator new (bytes, std::align_val_t{memory_alignment}, std::nothrow);
  } else {
    data_ = cuda_backend().allocate(device, bytes);
  }
  if (data_ == nullptr) {
    throw DeviceError(message("no memory for a tensor of shape ", shape, " and type ", name(dtype),
                              " on ", device, ": ", bytes, " bytes"));
  }
  source_ = source.release();
}

Tensor::Tensor(Tensor&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      source_(std::exchange(other.source_, nullptr)),
      dtype_(other.dtype_),
      shape_(std::exchange(other.shape_, Shape{0})),
      device_(other.device_) {}

Tensor& Tensor::operator=(Tensor&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(source_, other.source_);
  std::swap(dtype_, other.dtype_);
  std::swap(shape_, other.shape_);
  std::swap(device_, other.device_);
  return *this;
}

Tensor::~Tensor() {
  if (data_ == nullptr) return;
  if (source_ != nullptr) {
    const std::unique_ptr<const Source> source(source_);
    const Allocator& a = source->allocator;
    a.deallocate(a.context, data_, bytes(), memory_alignment, source->stream);
  } else if (device_.kind == DeviceKind::cpu) {
    ::operator delete (data_, std::align_val_t{memory_alignment});
  } else {
    cuda_backend().release(device_, data_);
  }
}

Tensor Tensor::zeros(DType dtype, const Shape& shape, const Device& device) {
  Tensor tensor(dtype, shape, device);
  if (tensor.data_ == nullptr) return tensor;
  if (device.kind == DeviceKind::cpu) {
    std::memset(tensor.data_, 0, tensor.bytes());
  } else {
    cuda_backend().fill(tensor.data_, device, 0, tensor.bytes());
  }
  return tensor;
}

Tensor Tensor::copy_from(const void* values, std::size_t count, DType dtype, const Shape& shape) {
  if (static_cast<std::int64_t>(count) != element_count(shape)) {
    throw InvalidProblem(message(count, " values do not fill shape ", shape, ", which has ",
                                 element_count(shape), " elements"));
  }
  Tensor tensor(dtype, shape);
  if (count != 0) std::memcpy(tensor.data_, values, tensor.bytes());
  return tensor;
}

std::size_t Tensor::bytes() const { return byte_count(dtype_, shape_); }

void Tensor::check_values(DType wanted) const {
  require_cpu(device_, "Tensor::values");
  if (wanted != dtype_) {
    throw InvalidProblem(
        message("Tensor::values asked for ", name(wanted), ", the elements are ", name(dtype_)));
  }
}

TensorView Tensor::view() & { return {data_, dtype_, shape_, compact_strides(shape_), device_}; }

ConstTensorView Tensor::view() const& {
  return {data_, dtype_, shape_, compact_strides(shape_), device_};
}

Tensor Tensor::reshaped(const Shape& shape) && {
  if (element_count(shape) != size()) {
    throw InvalidProblem(message("shape ", shape_, " has ", size(), " elements and cannot become ",
                                 shape, " with ", element_count(shape)));
  }
  shape_ = shape;
  return std::move(*this);
}

Tensor Tensor::clone() const { return to(device_); }

Tensor Tensor::to(const Device& device) const {
  Tensor copy(dtype_, shape_, device);
  if (data_ == nullptr) return copy;
  if (device_.kind == DeviceKind::cpu && device.kind == DeviceKind::cpu) {
    std::memcpy(copy.data_, data_, bytes());
  } else {
    cuda_backend().copy(copy.data_, device, data_, device_, bytes());
  }
  return copy;
}

void copy_elements(const ConstTensorView& from, const TensorView& to) {
  require_cpu(from.device, "compact_copy");
  require_cpu(to.device, "compact_copy");
  if (element_count(from.shape) == 0) return;
  const auto from_size = static_cast<std::int64_t>(size_of(from.dtype));
  const auto to_size = static_cast<std::int64_t>(size_of(to.dtype));
  const auto* source = static_cast<const std::byte*>(from.data);
  auto* target = static_cast<std::byte*>(to.data);
  const bool same = from.dtype == to.dtype;
  if (same && is_compact(from) && is_compact(to)) {
    std::memcpy(target, source, static_cast<std::size_t>(element_count(from.shape) * to_size));
    return;
  }
  const FloatEnvironment environment;
  const Conversion conversion = conversion_between(from.dtype, to.dtype);
  // Row by row: the index of every element would take longer than its conversion.
  const std::int64_t columns = from.shape.empty() ? 1 : from.shape.back();
  const std::int64_t from_step = from.shape.empty() ? 0 : from.strides.back() * from_size;
  const std::int64_t to_step = from.shape.empty() ? 0 : to.strides.back() * to_size;
  const bool as_bytes = same && from_step == from_size && to_step == to_size;
  Shape rows = from.shape;
  if (!rows.empty()) rows[rows.size() - 1] = 1;
  for_each_index(rows, [&](std::int64_t, const Extents& index) {
    const std::byte* read = source + offset_of(index, from.strides) * from_size;
    std::byte* write = target + offset_of(index, to.strides) * to_size;
    if (as_bytes) {
      std::memcpy(write, read, static_cast<std::size_t>(columns * to_size));
      return;
    }
    for (std::int64_t i = 0; i < columns; ++i, read += from_step, write += to_step) {
      conversion(read, write);
    }
  });
}

namespace {

// All memory between the first and the last element of a view on a GPU, and the view there.
struct Fetched {
  Tensor memory;
  ConstTensorView view;
};

Fetched fetched(const ConstTensorView& view, const Stream& stream) {
  const auto size = static_cast<std::int64_t>(size_of(view.dtype));
  std::int64_t first = 0, last = 0;
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    const std::int64_t reach = (view.shape[i] - 1) * view.strides[i];
    (reach < 0 ? first : last) += reach;
  }
  Fetched f{Tensor(u8, {(last - first + 1) * size}), view};
  const Stream queue = stream_on(view.device, stream);
  cuda_backend().wait(queue);
  cuda_backend().copy(f.memory.data(), Device::cpu(),
                      static_cast<const std::byte*>(view.data) + first * size, view.device,
                      f.memory.bytes());
  f.view.data = static_cast<const std::byte*>(f.memory.data()) - first * size;
  f.view.device = Device::cpu();
  return f;
}

}  // namespace

Tensor cpu_copy(const ConstTensorView& view, DType dtype, const Stream& stream) {
  Tensor copy(dtype, view.shape);
  if (view.device.kind == DeviceKind::cpu) {
    copy_elements(view, copy);
  } else if (element_count(view.shape) != 0) {
    copy_elements(fetched(view, stream).view, copy);
  }
  return copy;
}

Tensor compact_copy(const ConstTensorView& view, DType dtype) {
  require_cpu(view.device, "compact_copy");
  return cpu_copy(view, dtype);
}

}  // namespace faltung
