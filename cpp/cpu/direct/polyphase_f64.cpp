#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/direct/polyphase_f64.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/direct/polyphase_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::direct::HWY_NAMESPACE {
void dots_f64(const PhaseSums<double>& sums) { dots<false>(sums); }
void pair_dots_f64(const PhaseSums<double>& sums) { dots<true>(sums); }
void rows_f64(const PhaseSums<double>& sums) { rows(sums); }
}  // namespace faltung::direct::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung::direct {

HWY_EXPORT(dots_f64);
HWY_EXPORT(pair_dots_f64);
HWY_EXPORT(rows_f64);

template <>
PhaseKernels<double> phase_kernels<double>() {
  const std::size_t index = cpu_target_index();
  return {HWY_DISPATCH_TABLE(dots_f64)[index], HWY_DISPATCH_TABLE(pair_dots_f64)[index],
          HWY_DISPATCH_TABLE(rows_f64)[index]};
}

}  // namespace faltung::direct
#endif
