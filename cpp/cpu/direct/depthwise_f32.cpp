#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/depthwise_f32.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/depthwise_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
void sum_depthwise_f32(const DepthwiseRow<float>& row) { depthwise(row); }
DepthwiseKernel<float> depthwise_f32() { return {depthwise_lanes<float>(), sum_depthwise_f32}; }
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(depthwise_f32);

template <>
DepthwiseKernel<float> depthwise_kernel<float>() {
  return HWY_DISPATCH_TABLE(depthwise_f32)[cpu_target_index()]();
}

}  // namespace faltung::direct
#endif
