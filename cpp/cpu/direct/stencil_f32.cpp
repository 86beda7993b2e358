#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/stencil_f32.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/stencil_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
void stencil_f32(const StencilRows<float>& rows) { stencil(rows); }
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(stencil_f32);

template <>
StencilKernel<float> stencil_kernel<float>() {
  return HWY_DISPATCH_TABLE(stencil_f32)[cpu_target_index()];
}

}  // namespace faltung::direct
#endif
