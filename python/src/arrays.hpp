#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <faltung/faltung.hpp>

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

#include "options.hpp"

/// Arrays of Python as views, and back. Nothing is copied of what NumPy can describe: any strides,
/// read only or not; nor of what DLPack describes in the memory of the CPU.
namespace faltung::python {

namespace nb = nanobind;

/// What holds the memory of an array of Python's while a call uses it, and where work on it goes.
class Array {
 public:
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  /// The current stream of the array's library, or the one that it names. Stream{} on the CPU.
  [[nodiscard]] const Stream& stream() const { return stream_; }

 protected:
  Array() = default;
  ~Array() { PyBuffer_Release(&buffer_); }
  /// Reads what lies in the memory of a GPU, and says whether it does.
  template <typename View>
  bool read_device(nb::handle object, const char* name, View& view, bool writes);

  Py_buffer buffer_{};

 private:
  nb::object kept_;  // what has the memory on a GPU
  Stream stream_;
};

/// An array that a call reads, on the CPU or a GPU. Whatever numpy.asarray takes may stand for one.
///
/// @throws TypeError for elements of a type that Faltung has not: bool, text, objects.
class Operand : public Array {
 public:
  /// @param name  what messages call it
  Operand(nb::handle object, const char* name);

  [[nodiscard]] const ConstTensorView& view() const { return view_; }
  operator const ConstTensorView&() const { return view_; }

 private:
  nb::ndarray<nb::ro> exchanged_;  // keeps what DLPack gave
  ConstTensorView view_;
};

/// An array that a call writes, of a type and strides that a view has: NumPy's, or one that DLPack
/// or the CUDA array interface lets others write.
class Target : public Array {
 public:
  Target(nb::handle object, const char* name);

  operator const TensorView&() const { return view_; }

 private:
  nb::ndarray<> exchanged_;
  TensorView view_;
};

/// A new NumPy array, and its memory.
struct NewArray {
  NewArray(DType dtype, const Shape& shape);
  nb::object array;
  TensorView view;
};

/// Where the work of one call goes: into the stream of its first array on a GPU, after all that was
/// queued in the streams of the others; and what is queued in those afterwards comes after it.
class Order {
 public:
  Order(std::initializer_list<const Array*> arrays);
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;
  ~Order();
  /// Stream{} if all arrays lie on the CPU.
  [[nodiscard]] const Stream& stream() const { return stream_; }
  [[nodiscard]] bool on_gpu() const { return stream_.device.kind == DeviceKind::cuda; }

 private:
  Stream stream_;
  std::vector<Stream> others_;
};

/// A NumPy array that owns the tensor; of one on a GPU, computed in `stream`,
/// faltung._devices.DeviceArray.
nb::object array_of(Tensor&& tensor, const Stream& stream = {});
nb::object new_device_array(Tensor&& tensor, const Stream& stream);

/// The functions by which faltung._devices reads, makes and copies arrays on GPUs.
void bind_devices(nb::module_& m);

/// The view of an array that came by DLPack. False for elements that Faltung has not.
template <typename Exchanged, typename View>
bool read_exchanged(const Exchanged& array, View& view);

/// @throws TypeError for the elements of an array.
[[noreturn]] void refuse_type(const char* name, nb::handle object);

/// @throws InvalidProblem for more axes than a view has.
void check_rank(std::size_t rank);

/// NumPy's type, and the type of a NumPy dtype or of its name.
nb::object numpy_dtype(DType dtype);
DType dtype_of(nb::handle numpy_dtype);

/// Numbers of a Python sequence; of one number if it is none.
std::vector<std::int64_t> integers(nb::handle sequence);

/// What `find` finds, kept in `place`: never given back, because Python may end before static
/// objects do. A static variable that is initialised by Python would not do: other threads wait for
/// it, and the one that finds waits for them, for the interpreter's lock is theirs or it must stop
/// them.
template <typename Find>
nb::handle kept(std::atomic<PyObject*>& place, const Find& find) {
  PyObject* known = place.load(std::memory_order_acquire);
  if (known != nullptr) return known;
  nb::object found = find();
  // Another thread may have been first; then `found` goes.
  if (!place.compare_exchange_strong(known, found.ptr(), std::memory_order_acq_rel)) return known;
  return found.release();
}

/// A shape as a tuple.
nb::tuple tuple_of(const Extents& extents);

/// Does `work` while other threads of Python run.
template <typename Work>
decltype(auto) released(Work&& work) {
  const nb::gil_scoped_release release;
  return work();
}

/// Does the work of a call in its order, by options with the stream it goes to and those in force.
/// A result becomes an array where it lies.
///
/// @param order  of all arrays of the call, which outlive it
/// @param work   (options), a tensor or nothing
template <typename Options, typename Work>
auto computed(const Order& order, const Options& asked, Work&& work) {
  Options options = with_call_options(asked);
  if (order.on_gpu()) options.run.stream = order.stream();
  if constexpr (std::is_void_v<decltype(work(options))>) {
    released([&] { work(options); });
  } else {
    return array_of(released([&] { return work(options); }), order.stream());
  }
}

}  // namespace faltung::python
