#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/gradient_f32.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/gradient_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
void channels_f32(const ChannelGradient<float>& a) { channel_gradient(a); }
void stencil_gradient_f32(const StencilGradient<float>& a) { stencil_gradient(a); }
GradientKernels<float> gradient_kernels_f32() {
  return make_gradient_kernels<float>(channels_f32, stencil_gradient_f32);
}
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(gradient_kernels_f32);

template <>
GradientKernels<float> gradient_kernels<float>() {
  return HWY_DISPATCH_TABLE(gradient_kernels_f32)[cpu_target_index()]();
}

}  // namespace faltung::direct
#endif
