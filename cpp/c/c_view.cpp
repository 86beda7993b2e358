#include "cpp/c/c_view.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include <faltung/error.hpp>
#include <faltung/extents.hpp>
#include "cpp/core/message.hpp"

namespace faltung::c {
namespace {

static_assert(FALTUNG_MAX_RANK == Extents::max_rank);
static_assert(int{FALTUNG_F16} == int(f16) && int{FALTUNG_BF16} == int(bf16));
static_assert(int{FALTUNG_F32} == int(f32) && int{FALTUNG_F64} == int(f64));
static_assert(int{FALTUNG_C64} == int(c64) && int{FALTUNG_C128} == int(c128));
static_assert(int{FALTUNG_I8} == int(i8) && int{FALTUNG_U8} == int(u8));
static_assert(int{FALTUNG_I16} == int(i16) && int{FALTUNG_U16} == int(u16));
static_assert(int{FALTUNG_I32} == int(i32) && int{FALTUNG_U32} == int(u32));
static_assert(int{FALTUNG_I64} == int(i64) && int{FALTUNG_U64} == int(u64));
static_assert(int{FALTUNG_CPU} == int(DeviceKind::cpu));
static_assert(int{FALTUNG_CUDA} == int(DeviceKind::cuda));

bool is_dtype(faltung_dtype dtype) { return dtype >= FALTUNG_F16 && dtype <= FALTUNG_U64; }

// Literals, so that each ends with a 0.
constexpr std::array<const char*, 14> dtype_names = {"f16",  "bf16", "f32", "f64", "c64",
                                                     "c128", "i8",   "u8",  "i16", "u16",
                                                     "i32",  "u32",  "i64", "u64"};

Device device_of(const faltung_device& device, std::string_view name) {
  if (device.kind != FALTUNG_CPU && device.kind != FALTUNG_CUDA) {
    throw InvalidProblem(message(name, " has device.kind ", device.kind,
                                 ", which names nothing; use FALTUNG_CPU (0) or FALTUNG_CUDA (1)"));
  }
  if (device.index < 0 || (device.kind == FALTUNG_CPU && device.index != 0)) {
    throw InvalidProblem(message(name, " has device.index ", device.index,
                                 device.kind == FALTUNG_CPU ? " on the CPU, which is one; use 0"
                                                            : ", but GPUs count from 0"));
  }
  return {DeviceKind(device.kind), device.index};
}

}  // namespace

TensorView view_of(const faltung_view* view, std::string_view name) {
  if (view == nullptr) {
    throw InvalidProblem(message(name, " is a null pointer; pass a faltung_view"));
  }
  if (!is_dtype(view->dtype)) {
    throw InvalidProblem(message(name, " has dtype ", view->dtype,
                                 ", which names nothing; use FALTUNG_F16 (0) to FALTUNG_U64 (",
                                 int{FALTUNG_U64}, ")"));
  }
  if (view->rank < 0 || view->rank > FALTUNG_MAX_RANK) {
    throw InvalidProblem(
        message(name, " has rank ", view->rank, "; views have 0 to ", FALTUNG_MAX_RANK, " axes"));
  }
  const auto rank = static_cast<std::size_t>(view->rank);
  if (rank != 0 && view->shape == nullptr) {
    throw InvalidProblem(message(name, " has rank ", rank,
                                 ", but its shape is a null pointer; give one extent per axis"));
  }
  TensorView result{view->data,
                    DType(view->dtype),
                    Shape(std::span(view->shape, rank)),
                    {},
                    device_of(view->device, name)};
  result.strides = view->strides == nullptr ? compact_strides(result.shape)
                                            : Strides(std::span(view->strides, rank));
  return result;
}

}  // namespace faltung::c

const char* faltung_dtype_name(faltung_dtype dtype) {
  using namespace faltung::c;
  return is_dtype(dtype) ? dtype_names[static_cast<std::size_t>(dtype)] : nullptr;
}

size_t faltung_dtype_size(faltung_dtype dtype) {
  return faltung::c::is_dtype(dtype) ? faltung::size_of(faltung::DType(dtype)) : 0;
}
