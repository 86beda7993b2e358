#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/gradient_f64.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/gradient_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
void channels_f64(const ChannelGradient<double>& a) { channel_gradient(a); }
void stencil_gradient_f64(const StencilGradient<double>& a) { stencil_gradient(a); }
GradientKernels<double> gradient_kernels_f64() {
  return make_gradient_kernels<double>(channels_f64, stencil_gradient_f64);
}
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(gradient_kernels_f64);

template <>
GradientKernels<double> gradient_kernels<double>() {
  return HWY_DISPATCH_TABLE(gradient_kernels_f64)[cpu_target_index()]();
}

}  // namespace faltung::direct
#endif
