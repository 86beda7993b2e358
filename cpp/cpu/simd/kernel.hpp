// A vector kernel for one type of values, once for each instruction set: what faltung_vector_kernel
// of simd.cmake compiles, which defines
//
//     FALTUNG_KERNEL        the function template that gives the kernel for the set in use
//     FALTUNG_MAKE_KERNEL   that which gives the one for the set that is compiled
//     FALTUNG_KERNEL_TYPES  the arguments of both
//     FALTUNG_KERNEL_FILE   where they are
//     FALTUNG_KERNEL_SPACE  their namespace
//     FALTUNG_KERNEL_NAME   what this one is called
//
// Hence no include guard: foreach_target.h includes this again for every set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/simd/kernel.hpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include FALTUNG_KERNEL_FILE

HWY_BEFORE_NAMESPACE();
namespace FALTUNG_KERNEL_SPACE::HWY_NAMESPACE {
auto FALTUNG_KERNEL_NAME() { return FALTUNG_MAKE_KERNEL<FALTUNG_KERNEL_TYPES>(); }
}  // namespace FALTUNG_KERNEL_SPACE::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/simd/cpu_target.hpp"

namespace FALTUNG_KERNEL_SPACE {

HWY_EXPORT(FALTUNG_KERNEL_NAME);

template <>
decltype(FALTUNG_KERNEL<FALTUNG_KERNEL_TYPES>()) FALTUNG_KERNEL<FALTUNG_KERNEL_TYPES>() {
  return HWY_DISPATCH_TABLE(FALTUNG_KERNEL_NAME)[cpu_target_index()]();
}

}  // namespace FALTUNG_KERNEL_SPACE
#endif
