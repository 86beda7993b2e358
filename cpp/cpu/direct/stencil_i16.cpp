#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/stencil_i16.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/stencil_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
#if FALTUNG_ADDS_INT16_PAIRS
StencilKernel<Int16Pair> kernel_i16() { return stencil<Int16Pair>; }
#else
StencilKernel<Int16Pair> kernel_i16() { return nullptr; }
#endif
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(kernel_i16);

template <>
StencilKernel<Int16Pair> stencil_kernel<Int16Pair>() {
  return HWY_DISPATCH_TABLE(kernel_i16)[cpu_target_index()]();
}

}  // namespace faltung::direct
#endif
