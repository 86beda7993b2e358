#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <faltung/faltung.hpp>

#include <string>
#include <vector>

/// Arrays of Python as views, and back. Nothing is copied of what NumPy can describe: any strides,
/// read only or not; nor of what DLPack describes in the memory of the CPU.
namespace faltung::python {

namespace nb = nanobind;

/// An array that a call reads. Whatever numpy.asarray takes may stand for one.
///
/// @throws TypeError for elements of a type that Faltung has not: bool, text, objects.
class Operand {
 public:
  /// @param name  what messages call it
  Operand(nb::handle object, const char* name);
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;
  ~Operand() { PyBuffer_Release(&buffer_); }

  [[nodiscard]] const ConstTensorView& view() const { return view_; }
  operator const ConstTensorView&() const { return view_; }

 private:
  Py_buffer buffer_{};
  nb::ndarray<nb::ro> exchanged_;  // keeps what DLPack gave
  ConstTensorView view_;
};

/// An array that a call writes, of a type and strides that a view has: NumPy's, or one that DLPack
/// lets others write.
class Target {
 public:
  Target(nb::handle object, const char* name);
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  ~Target() { PyBuffer_Release(&buffer_); }

  operator const TensorView&() const { return view_; }

 private:
  Py_buffer buffer_{};
  nb::ndarray<> exchanged_;
  TensorView view_;
};

/// A new NumPy array, and its memory.
struct NewArray {
  NewArray(DType dtype, const Shape& shape);
  nb::object array;
  TensorView view;
};

/// A NumPy array that owns the tensor.
nb::object array_of(Tensor&& tensor);

/// NumPy's type, and the type of a NumPy dtype or of its name.
nb::object numpy_dtype(DType dtype);
DType dtype_of(nb::handle numpy_dtype);

/// Numbers of a Python sequence; of one number if it is none.
std::vector<std::int64_t> integers(nb::handle sequence);

/// A shape as a tuple.
nb::tuple tuple_of(const Extents& extents);

/// Does `work` while other threads of Python run.
template <typename Work>
decltype(auto) released(Work&& work) {
  const nb::gil_scoped_release release;
  return work();
}

}  // namespace faltung::python
