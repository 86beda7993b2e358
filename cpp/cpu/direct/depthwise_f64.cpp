#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/depthwise_f64.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/depthwise_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
void sum_depthwise_f64(const DepthwiseRow<double>& row) { depthwise(row); }
DepthwiseKernel<double> depthwise_f64() { return {depthwise_lanes<double>(), sum_depthwise_f64}; }
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(depthwise_f64);

template <>
DepthwiseKernel<double> depthwise_kernel<double>() {
  return HWY_DISPATCH_TABLE(depthwise_f64)[cpu_target_index()]();
}

}  // namespace faltung::direct
#endif
