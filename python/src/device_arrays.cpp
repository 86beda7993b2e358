#include <algorithm>
#include <atomic>

#include "bindings.hpp"

// Arrays in the memory of GPUs. What they say of themselves is asked by faltung._devices, whose
// DeviceArray stands for each of them.
namespace faltung::python {
namespace {

using Numbers = std::vector<std::int64_t>;

nb::handle devices() {
  static std::atomic<PyObject*> place;
  return kept(place, [] { return nb::object(nb::module_::import_("faltung._devices")); });
}

// Their DeviceArray; None of all arrays that lie elsewhere.
nb::handle found() {
  static std::atomic<PyObject*> place;
  return kept(place, [] { return nb::object(devices().attr("found")); });
}

std::uintptr_t address_of(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

// Both numbers are those of the legacy default stream.
bool is_same(const Stream& a, const Stream& b) {
  const auto number = [](const Stream& s) {
    return std::max<std::uintptr_t>(address_of(s.handle), 1);
  };
  return number(a) == number(b);
}

void have_wait(const Stream& stream, const Stream& other) {
  devices().attr("have_wait")(address_of(stream.handle), address_of(other.handle),
                              other.device.index);
}

// What an array of another library says by DLPack: (owner, address, type, shape, strides, device).
template <typename Exchanged, typename View>
nb::tuple described_as(nb::handle capsule, const char* name) {
  auto* kept = new Exchanged(nb::cast<Exchanged>(capsule));
  const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<Exchanged*>(p); });
  View view;
  if (!read_exchanged(*kept, view)) refuse_type(name, capsule);
  return nb::make_tuple(owner, address_of(view.data), static_cast<int>(view.dtype),
                        tuple_of(view.shape), tuple_of(view.strides), kept->device_id());
}

nb::tuple described(nb::handle capsule, const char* name, bool writes) {
  return writes ? described_as<nb::ndarray<>, TensorView>(capsule, name)
                : described_as<nb::ndarray<nb::ro>, ConstTensorView>(capsule, name);
}

// What exchanges an array by DLPack.
nb::object exchanged(nb::handle owner, std::uintptr_t data, int type, const Numbers& shape,
                     const Numbers& strides, int device) {
  const auto dtype = static_cast<DType>(type);
  using Code = nb::dlpack::dtype_code;
  const Code code = dtype == bf16        ? Code::Bfloat
                    : is_complex(dtype)  ? Code::Complex
                    : !is_integer(dtype) ? Code::Float
                    : is_signed(dtype)   ? Code::Int
                                         : Code::UInt;
  const nb::dlpack::dtype element{static_cast<std::uint8_t>(code),
                                  static_cast<std::uint8_t>(8 * size_of(dtype)), 1};
  const std::vector<std::size_t> extents(shape.begin(), shape.end());
  return nb::cast(nb::ndarray<>(reinterpret_cast<void*>(data), extents.size(), extents.data(),
                                owner, strides.data(), element, nb::device::cuda::value, device));
}

Stream stream_numbered(std::uintptr_t number, int device) {
  return {Device::cuda(device), reinterpret_cast<void*>(number)};
}

// A compact copy, complete when the call returns.
nb::object to_device(nb::handle array, int device) {
  const Operand operand(array, "array");
  return array_of(released([&] {
                    return compact_copy(operand, operand.view().dtype).to(Device::cuda(device));
                  }),
                  stream_numbered(0, device));
}

// A copy, complete when the call returns: by a filter of one tap, for arrays of any strides.
nb::object to_cpu(nb::handle array) {
  const Operand operand(array, "array");
  const Tensor one = Tensor::from<double>({1});
  const image::FilterOptions options{.axes = {0}, .run = {.stream = operand.stream()}};
  const Tensor there = released([&] { return image::correlate(operand, one, options); });
  devices().attr("wait_for")(address_of(operand.stream().handle));
  return array_of(released([&] { return there.to(Device::cpu()); }));
}

}  // namespace

template <typename View>
bool Array::read_device(nb::handle object, const char* name, View& view, bool writes) {
  const nb::object array = found()(object, name, writes);
  if (array.is_none()) return false;
  const auto said = nb::cast<nb::tuple>(array.attr("_said"));
  view.data = reinterpret_cast<void*>(nb::cast<std::uintptr_t>(said[0]));
  view.dtype = static_cast<DType>(nb::cast<int>(said[1]));
  const auto shape = nb::cast<nb::tuple>(said[2]), strides = nb::cast<nb::tuple>(said[3]);
  check_rank(shape.size());
  for (const nb::handle extent : shape) view.shape.push_back(nb::cast<std::int64_t>(extent));
  for (const nb::handle step : strides) view.strides.push_back(nb::cast<std::int64_t>(step));
  const int device = nb::cast<int>(said[4]);
  view.device = Device::cuda(device);
  stream_ = stream_numbered(nb::cast<std::uintptr_t>(said[5]), device);
  kept_ = array;
  return true;
}

template bool Array::read_device(nb::handle, const char*, ConstTensorView&, bool);
template bool Array::read_device(nb::handle, const char*, TensorView&, bool);

Order::Order(std::initializer_list<const Array*> arrays) {
  for (const Array* array : arrays) {
    if (array == nullptr || array->stream().device.kind == DeviceKind::cpu) continue;
    const Stream& stream = array->stream();
    if (!on_gpu()) stream_ = stream;
    // Arrays of two devices are for the library to refuse.
    if (stream.device != stream_.device || is_same(stream, stream_)) continue;
    if (std::ranges::any_of(others_, [&](const Stream& s) { return is_same(s, stream); })) continue;
    have_wait(stream_, stream);
    others_.push_back(stream);
  }
}

Order::~Order() {
  for (const Stream& other : others_) {
    try {
      have_wait(other, stream_);
    } catch (nb::python_error& error) {
      error.discard_as_unraisable("the order of streams after a call");
    }
  }
}

nb::object new_device_array(Tensor&& tensor, const Stream& stream) {
  auto* owned = new Tensor(std::move(tensor));
  const nb::capsule owner(owned, [](void* p) noexcept {
    const nb::gil_scoped_release release;  // it waits for work that still uses the memory
    delete static_cast<Tensor*>(p);
  });
  return devices().attr("DeviceArray")(owner, address_of(owned->data()),
                                       static_cast<int>(owned->dtype()), tuple_of(owned->shape()),
                                       owned->device().index, address_of(stream.handle));
}

void bind_devices(nb::module_& m) {
  m.def("described", described);
  m.def("exchanged", exchanged);
  m.def("to_device", to_device);
  m.def("to_cpu", to_cpu);
  m.def("type_number", [](nb::handle dtype) { return static_cast<int>(dtype_of(dtype)); });
  m.def("numpy_type", [](int number) { return numpy_dtype(static_cast<DType>(number)); });
  m.def("new_on_device",
        [](nb::handle dtype, const Numbers& shape, int device, std::uintptr_t stream) {
          const DType type = dtype_of(dtype);
          return array_of(
              released([&] { return Tensor(type, Shape(std::span(shape)), Device::cuda(device)); }),
              stream_numbered(stream, device));
        });
}

}  // namespace faltung::python
