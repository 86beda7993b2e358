#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/in_place_f32.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/in_place_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
InPlaceKernel<float, float> in_place_f32() { return in_place<float, float>(); }
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(in_place_f32);

template <>
InPlaceKernel<float, float> in_place_kernel<float, float>() {
  return HWY_DISPATCH_TABLE(in_place_f32)[cpu_target_index()]();
}

}  // namespace faltung::direct
#endif
