#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/in_place_u8.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/in_place_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
InPlaceKernel<float, std::uint8_t> in_place_u8() { return in_place<float, std::uint8_t>(); }
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(in_place_u8);

template <>
InPlaceKernel<float, std::uint8_t> in_place_kernel<float, std::uint8_t>() {
  return HWY_DISPATCH_TABLE(in_place_u8)[cpu_target_index()]();
}

}  // namespace faltung::direct
#endif
