#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/in_place_f64.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/in_place_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
InPlaceKernel<double, double> in_place_f64() { return in_place<double, double>(); }
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(in_place_f64);

template <>
InPlaceKernel<double, double> in_place_kernel<double, double>() {
  return HWY_DISPATCH_TABLE(in_place_f64)[cpu_target_index()]();
}

}  // namespace faltung::direct
#endif
