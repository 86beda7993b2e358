#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "bindings.hpp"
#include "options.hpp"
#include "xla/ffi/api/ffi.h"

// What XLA calls for faltung.jax, by its foreign function interface: compiled programs hand over
// their own memory, and the interpreter has no part in it. Source:
// https://docs.jax.dev/en/latest/ffi.html
namespace faltung::python {
namespace {

namespace ffi = xla::ffi;
using Integers = ffi::Span<const std::int64_t>;

std::optional<DType> dtype_of_xla(ffi::DataType type) {
  switch (type) {
    case ffi::DataType::F16:
      return f16;
    case ffi::DataType::BF16:
      return bf16;
    case ffi::DataType::F32:
      return f32;
    case ffi::DataType::F64:
      return f64;
    case ffi::DataType::C64:
      return c64;
    case ffi::DataType::C128:
      return c128;
    case ffi::DataType::S8:
      return i8;
    case ffi::DataType::U8:
      return u8;
    case ffi::DataType::S16:
      return i16;
    case ffi::DataType::U16:
      return u16;
    case ffi::DataType::S32:
      return i32;
    case ffi::DataType::U32:
      return u32;
    case ffi::DataType::S64:
      return i64;
    case ffi::DataType::U64:
      return u64;
    default:
      return std::nullopt;
  }
}

// A compact array of XLA's: some axes that jax.vmap put in front, of the batch's extent or of 1,
// and those of one call.
struct Batched {
  Batched(ffi::AnyBuffer buffer, std::size_t rank, const char* name) {
    const auto found = dtype_of_xla(buffer.element_type());
    const std::size_t all = buffer.dimensions().size();
    if (!found || all < rank) {
      throw InvalidProblem(std::string(name) + " is no array of numbers of rank " +
                           std::to_string(rank) + " or more");
    }
    dtype = *found;
    data = static_cast<std::byte*>(buffer.untyped_data());
    for (std::size_t i = 0; i < all; ++i) {
      (i + rank < all ? lead : shape).push_back(buffer.dimensions()[i]);
    }
  }

  [[nodiscard]] std::int64_t calls() const { return element_count(lead); }
  // That of call `index` of as many as `whole` has.
  [[nodiscard]] TensorView part(const Shape& whole, std::int64_t index) const {
    std::int64_t place = 0, step = 1;
    for (std::size_t axis = whole.size(); axis-- > 0; index /= whole[axis]) {
      place += lead[axis] == 1 ? 0 : index % whole[axis] * step;
      step *= lead[axis];
    }
    const auto bytes = static_cast<std::int64_t>(size_of(dtype)) * element_count(shape);
    return {data + place * bytes, dtype, shape, compact_strides(shape), Device::cpu()};
  }

  DType dtype = f32;
  std::byte* data = nullptr;
  Shape lead, shape;
};

using Call = void (*)(const ConstTensorView& a, const ConstTensorView& b, const ResultView& y,
                      const nn::ConvOptions& options);

// `rows` says that the batch of the first operand is that of the result, so that calls which share
// the second are one.
ffi::Error run(ffi::AnyBuffer first, ffi::AnyBuffer second, ffi::Result<ffi::AnyBuffer> result,
               Integers stride, Integers padding, Integers dilation, std::int64_t groups,
               std::int64_t packed, Call call, bool rows) {
  try {
    const std::size_t rank = stride.size() + 2;
    Batched a(first, rank, "the first operand"), b(second, rank, "the second operand");
    Batched y(*result, rank, "the result");
    if (first.element_count() == 0 || second.element_count() == 0) {
      std::memset(y.data, 0, result->size_bytes());
      return ffi::Error::Success();
    }
    if (result->element_count() == 0) return ffi::Error::Success();
    nn::ConvOptions options{.stride = std::vector<std::int64_t>(stride.begin(), stride.end()),
                            .dilation = std::vector<std::int64_t>(dilation.begin(), dilation.end()),
                            .groups = groups};
    const CallOptions given = unpacked_options(packed);
    options.method = given.method;
    options.run = given.run;
    std::vector<std::pair<std::int64_t, std::int64_t>> sides;
    for (std::size_t i = 0; i + 1 < padding.size(); i += 2) {
      sides.emplace_back(padding[i], padding[i + 1]);
    }
    options.padding = nn::Padding::sides(sides);
    if (rows && b.calls() == 1 && a.calls() == y.calls()) {
      for (Batched* each : {&a, &y}) each->shape[0] *= each->calls(), each->lead = {};
      b.lead = {};
    }
    for (std::int64_t i = 0; i < y.calls(); ++i) {
      call(a.part(y.lead, i), b.part(y.lead, i), y.part(y.lead, i), options);
    }
    return ffi::Error::Success();
  } catch (const InvalidProblem& error) {
    return ffi::Error::InvalidArgument(error.what());
  } catch (const std::exception& error) {
    return ffi::Error::Internal(error.what());
  }
}

template <bool rows>
auto handler(Call call) {
  return ffi::Ffi::Bind()
      .Arg<ffi::AnyBuffer>()
      .Arg<ffi::AnyBuffer>()
      .Ret<ffi::AnyBuffer>()
      .Attr<Integers>("stride")
      .Attr<Integers>("padding")
      .Attr<Integers>("dilation")
      .Attr<std::int64_t>("groups")
      .Attr<std::int64_t>("options")
      .To([call](ffi::AnyBuffer a, ffi::AnyBuffer b, ffi::Result<ffi::AnyBuffer> y, Integers stride,
                 Integers padding, Integers dilation, std::int64_t groups, std::int64_t options) {
        return run(a, b, y, stride, padding, dilation, groups, options, call, rows);
      });
}

XLA_FFI_Error* conv(XLA_FFI_CallFrame* frame) {
  static const auto made = handler<true>(
      [](const auto& x, const auto& w, const auto& y, const auto& o) { nn::conv(x, w, y, o); });
  return made->Call(frame);
}

XLA_FFI_Error* conv_input(XLA_FFI_CallFrame* frame) {
  static const auto made =
      handler<true>([](const auto& dy, const auto& w, const auto& dx, const auto& o) {
        nn::conv_data_gradient(dy, w, dx, o);
      });
  return made->Call(frame);
}

XLA_FFI_Error* conv_weight(XLA_FFI_CallFrame* frame) {
  static const auto made =
      handler<false>([](const auto& x, const auto& dy, const auto& dw, const auto& o) {
        nn::conv_filter_gradient(x, dy, dw, o);
      });
  return made->Call(frame);
}

}  // namespace

void bind_jax(nb::module_& m) {
  nb::dict targets;
  targets["conv"] = nb::capsule(reinterpret_cast<void*>(&conv));
  targets["conv_input"] = nb::capsule(reinterpret_cast<void*>(&conv_input));
  targets["conv_weight"] = nb::capsule(reinterpret_cast<void*>(&conv_weight));
  m.attr("jax_targets") = targets;
}

}  // namespace faltung::python
