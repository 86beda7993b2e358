#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/stencil_f64.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/stencil_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
void stencil_f64(const StencilRows<double>& rows) { stencil(rows); }
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(stencil_f64);

template <>
StencilKernel<double> stencil_kernel<double>() {
  return HWY_DISPATCH_TABLE(stencil_f64)[cpu_target_index()];
}

}  // namespace faltung::direct
#endif
