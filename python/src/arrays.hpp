#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <faltung/faltung.hpp>

#include <cstdint>
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
  /// Whose memory a call can read: that of the CPU, or that of GPUs too.
  enum class Memory : std::uint8_t { cpu, any };

  /// @param name  what messages call it
  Operand(nb::handle object, const char* name, Memory memory = Memory::cpu);
  Operand(const Operand&) = delete;
  Operand& operator=(const Operand&) = delete;
  ~Operand() { PyBuffer_Release(&buffer_); }

  [[nodiscard]] const ConstTensorView& view() const { return view_; }
  operator const ConstTensorView&() const { return view_; }
  /// Where work on it is to be queued: the current stream of its library. Stream{} on the CPU.
  [[nodiscard]] const Stream& stream() const { return stream_; }

 private:
  void read_device(nb::handle found, nb::handle object, const char* name);

  Py_buffer buffer_{};
  nb::ndarray<nb::ro> exchanged_;  // keeps what DLPack gave
  nb::object kept_;                // or what else has the memory
  ConstTensorView view_;
  Stream stream_;
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

/// The stream of operands of one call: that of the first on a GPU.
///
/// @throws TypeError if another operand there is of another stream.
[[nodiscard]] Stream stream_of(const Operand& a, const Operand& b);

/// A NumPy array that owns the tensor; of one on a GPU, computed in `stream`,
/// faltung._devices.DeviceArray.
nb::object array_of(Tensor&& tensor, const Stream& stream = {});

/// What exchanges memory of a GPU, compact and kept by `owner`, by DLPack.
nb::object exchanged_of(nb::handle owner, std::uintptr_t data, nb::handle dtype,
                        const std::vector<std::int64_t>& shape, int device);

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
