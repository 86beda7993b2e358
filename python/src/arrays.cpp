#include "arrays.hpp"

#include <nanobind/stl/string.h>

#include <atomic>
#include <optional>
#include <string_view>

namespace faltung::python {
namespace {

nb::handle numpy_empty() {
  static std::atomic<PyObject*> place;
  return kept(place, [] { return nb::object(nb::module_::import_("numpy").attr("empty")); });
}

// What faltung._arrays makes of an array that is no buffer: NumPy's, or a capsule of DLPack.
nb::handle readable() {
  static std::atomic<PyObject*> place;
  return kept(place,
              [] { return nb::object(nb::module_::import_("faltung._arrays").attr("readable")); });
}

nb::handle writable() {
  static std::atomic<PyObject*> place;
  return kept(place,
              [] { return nb::object(nb::module_::import_("faltung._arrays").attr("writable")); });
}

nb::object bfloat16() {
  try {
    return nb::module_::import_("numpy").attr("dtype")(
        nb::module_::import_("ml_dtypes").attr("bfloat16"));
  } catch (const nb::python_error&) {
    throw nb::type_error(
        "the result has elements of bfloat16, which NumPy has by the package ml_dtypes alone, and "
        "that cannot be imported: install ml_dtypes, or convert an operand to float32");
  }
}

std::optional<DType> integer_of(Py_ssize_t size, bool is_signed) {
  switch (size) {
    case 1:
      return is_signed ? i8 : u8;
    case 2:
      return is_signed ? i16 : u16;
    case 4:
      return is_signed ? i32 : u32;
    case 8:
      return is_signed ? i64 : u64;
    default:
      return std::nullopt;
  }
}

// The type that a format of the struct module names, in the byte order of this machine.
std::optional<DType> dtype_of_format(std::string_view format, Py_ssize_t size) {
  if (format.starts_with('<') || format.starts_with('=') || format.starts_with('@')) {
    format.remove_prefix(1);
  }
  if (format == "d") return f64;
  if (format == "f") return f32;
  if (format == "e") return f16;
  if (format == "Zf") return c64;
  if (format == "Zd") return c128;
  if (format.size() != 1) return std::nullopt;
  if (std::string_view("bhilq").find(format[0]) != std::string_view::npos) {
    return integer_of(size, true);
  }
  if (std::string_view("BHILQ").find(format[0]) != std::string_view::npos) {
    return integer_of(size, false);
  }
  return std::nullopt;
}

// Whether a NumPy dtype is bfloat16 of the package ml_dtypes, which has no format among buffers.
bool is_bfloat16(nb::handle dtype) {
  const nb::object name = nb::getattr(dtype, "name", nb::none());
  return nb::isinstance<nb::str>(name) &&
         std::string_view(nb::borrow<nb::str>(name).c_str()) == "bfloat16";
}

bool has_bfloat16(nb::handle array) { return is_bfloat16(nb::getattr(array, "dtype", nb::none())); }

std::optional<DType> dtype_of_exchanged(nb::dlpack::dtype type) {
  using Code = nb::dlpack::dtype_code;
  if (type.lanes != 1) return std::nullopt;
  const auto code = static_cast<Code>(type.code);
  const Py_ssize_t bytes = type.bits / 8;
  if (code == Code::Int || code == Code::UInt) return integer_of(bytes, code == Code::Int);
  if (code == Code::Bfloat && bytes == 2) return bf16;
  if (code == Code::Float)
    return dtype_of_format(bytes == 2 ? "e" : bytes == 4 ? "f" : bytes == 8 ? "d" : "", bytes);
  if (code == Code::Complex && bytes == 8) return c64;
  if (code == Code::Complex && bytes == 16) return c128;
  return std::nullopt;
}

// Whether the buffer is what a view can say. Python's lengths are 64-bit here, like ours.
bool read_buffer(const Py_buffer& buffer, DType& dtype, Shape& shape, Strides& strides) {
  check_rank(static_cast<std::size_t>(buffer.ndim));
  const auto found =
      dtype_of_format(buffer.format == nullptr ? "B" : buffer.format, buffer.itemsize);
  if (!found) return false;
  dtype = *found;
  for (int i = 0; i < buffer.ndim; ++i) {
    if (buffer.strides[i] % buffer.itemsize != 0) return false;
    shape.push_back(buffer.shape[i]);
    strides.push_back(buffer.strides[i] / buffer.itemsize);
  }
  // Complex elements are aligned as their parts are.
  const auto alignment =
      static_cast<std::uintptr_t>(is_complex(dtype) ? buffer.itemsize / 2 : buffer.itemsize);
  return reinterpret_cast<std::uintptr_t>(buffer.buf) % alignment == 0;
}

bool is_stepped_like_itself(const Py_buffer& buffer, ConstTensorView& view) {
  view.shape = {};
  view.strides = {};
  return read_buffer(buffer, view.dtype, view.shape, view.strides);
}

}  // namespace

void check_rank(std::size_t rank) {
  if (rank > Extents::max_rank) {
    throw InvalidProblem("an array has " + std::to_string(rank) +
                         " axes; at most 8 are supported: merge axes or loop over the outer ones");
  }
}

// Strides of DLPack count elements as ours do.
template <typename Exchanged, typename View>
bool read_exchanged(const Exchanged& array, View& view) {
  check_rank(array.ndim());
  const auto dtype = dtype_of_exchanged(array.dtype());
  if (!dtype) return false;
  view.dtype = *dtype;
  for (std::size_t i = 0; i < array.ndim(); ++i) {
    view.shape.push_back(array.shape_ptr()[i]);
    view.strides.push_back(array.stride_ptr()[i]);
  }
  view.data = array.data();
  return true;
}

template bool read_exchanged(const nb::ndarray<nb::ro>&, ConstTensorView&);
template bool read_exchanged(const nb::ndarray<>&, TensorView&);

void refuse_type(const char* name, nb::handle object) {
  const nb::str type(nb::hasattr(object, "dtype") ? nb::object(object.attr("dtype"))
                                                  : nb::borrow(object.type()));
  throw nb::type_error((std::string(name) + " has elements of type " + type.c_str() +
                        ", which Faltung has not; use NumPy's float16 to float64, complex64, "
                        "complex128, bfloat16 of ml_dtypes, or integers of 8 to 64 bits (uint8 for "
                        "bool)")
                           .c_str());
}

Operand::Operand(nb::handle object, const char* name) {
  const bool has_buffer = PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_RECORDS_RO) == 0;
  if (!has_buffer) PyErr_Clear();
  if (!has_buffer || !is_stepped_like_itself(buffer_, view_)) {
    PyBuffer_Release(&buffer_);
    view_.shape = {};
    view_.strides = {};
    if (read_device(object, name, view_, false)) return;
    nb::object array = readable()(object, name);
    if (nb::isinstance<nb::capsule>(array)) {
      exchanged_ = nb::cast<nb::ndarray<nb::ro>>(array);
      if (!read_exchanged(exchanged_, view_)) refuse_type(name, object);
      return;
    }
    const bool is_bf16 = has_bfloat16(array);
    if (is_bf16) array = array.attr("view")("u2");
    if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_RECORDS_RO) != 0) {
      PyErr_Clear();
      refuse_type(name, array);
    }
    if (!is_stepped_like_itself(buffer_, view_)) refuse_type(name, array);
    if (is_bf16) view_.dtype = bf16;
  }
  view_.data = buffer_.buf;
}

Target::Target(nb::handle given, const char* name) {
  nb::object object = nb::borrow(given);
  const bool is_numpy = nb::hasattr(given, "__array_interface__");
  const bool is_bf16 = is_numpy && has_bfloat16(given);
  if (is_bf16) object = object.attr("view")("u2");
  if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_RECORDS) != 0) {
    if (is_numpy) throw nb::python_error();
    PyErr_Clear();
    if (read_device(object, name, view_, true)) return;
    exchanged_ = nb::cast<nb::ndarray<>>(writable()(object, name));
    if (!read_exchanged(exchanged_, view_)) refuse_type(name, object);
    return;
  }
  if (!read_buffer(buffer_, view_.dtype, view_.shape, view_.strides)) refuse_type(name, object);
  if (is_bf16) view_.dtype = bf16;
  view_.data = buffer_.buf;
}

NewArray::NewArray(DType dtype, const Shape& shape) {
  array = numpy_empty()(tuple_of(shape), numpy_dtype(dtype == bf16 ? u16 : dtype));
  Py_buffer buffer;
  if (PyObject_GetBuffer(array.ptr(), &buffer, PyBUF_WRITABLE) != 0) throw nb::python_error();
  view = {buffer.buf, dtype, shape, compact_strides(shape), Device::cpu()};
  PyBuffer_Release(&buffer);  // `array` keeps the memory
  if (dtype == bf16) array = array.attr("view")(numpy_dtype(bf16));
}

nb::object array_of(Tensor&& tensor, const Stream& stream) {
  if (tensor.device().kind == DeviceKind::cuda) return new_device_array(std::move(tensor), stream);
  auto* owned = new Tensor(std::move(tensor));
  const nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<Tensor*>(p); });
  // By way of bytes, so that NumPy's own types come out: its int64, and not its equal long long.
  const std::size_t bytes = static_cast<std::size_t>(owned->size()) * size_of(owned->dtype());
  const nb::object memory =
      nb::cast(nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>(owned->data(), {bytes}, owner));
  return memory.attr("view")(numpy_dtype(owned->dtype())).attr("reshape")(tuple_of(owned->shape()));
}

nb::object numpy_dtype(DType dtype) {
  constexpr const char* names[] = {"f2", "",   "f4", "f8", "c8", "c16", "i1",
                                   "u1", "i2", "u2", "i4", "u4", "i8",  "u8"};
  static std::atomic<PyObject*> places[std::size(names)];
  if (dtype == bf16) return bfloat16();
  const auto number = static_cast<std::size_t>(dtype);
  return nb::borrow(kept(places[number], [&] {
    return nb::object(nb::module_::import_("numpy").attr("dtype")(names[number]));
  }));
}

DType dtype_of(nb::handle numpy_dtype) {
  const nb::object dtype = nb::module_::import_("numpy").attr("dtype")(numpy_dtype);
  if (is_bfloat16(dtype)) return bf16;
  const auto size = nb::cast<Py_ssize_t>(dtype.attr("itemsize"));
  const std::string kind = nb::cast<std::string>(dtype.attr("char"));
  const std::string format = kind == "F" ? "Zf" : kind == "D" ? "Zd" : kind;
  const auto found = dtype_of_format(format, size);
  if (!found) refuse_type("dtype", numpy_dtype);
  return *found;
}

std::vector<std::int64_t> integers(nb::handle sequence) {
  if (!PySequence_Check(sequence.ptr())) return {nb::cast<std::int64_t>(sequence)};
  std::vector<std::int64_t> values;
  for (const nb::handle value : sequence) values.push_back(nb::cast<std::int64_t>(value));
  return values;
}

nb::tuple tuple_of(const Extents& extents) {
  nb::object tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(extents.size())));
  for (std::size_t i = 0; i < extents.size(); ++i) {
    PyTuple_SET_ITEM(tuple.ptr(), static_cast<Py_ssize_t>(i), PyLong_FromLongLong(extents[i]));
  }
  return nb::cast<nb::tuple>(tuple);
}

}  // namespace faltung::python
