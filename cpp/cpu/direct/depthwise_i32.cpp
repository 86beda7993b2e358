#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/depthwise_i32.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/depthwise_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
void sum_depthwise_i32(const DepthwiseRow<std::int32_t>& row) { depthwise(row); }
DepthwiseKernel<std::int32_t> depthwise_i32() {
  return {depthwise_lanes<std::int32_t>(), sum_depthwise_i32};
}
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(depthwise_i32);

template <>
DepthwiseKernel<std::int32_t> depthwise_kernel<std::int32_t>() {
  return HWY_DISPATCH_TABLE(depthwise_i32)[cpu_target_index()]();
}

}  // namespace faltung::direct
#endif
