#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/channels/channel_f64.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/channels/channel_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::HWY_NAMESPACE {
void run_f64(const ChannelSums<double>& sums) { channel_sums(sums); }
void pack_f64(const PanelRows<double>& rows) { pack_panels(rows); }
void stream_f64(const RowCopies<double>& rows) { stream_rows(rows); }
ChannelShape<double> shape_f64() {
  return {tile_channels, tile_vectors, lanes_of<double>(), run_f64, pack_f64, stream_f64};
}
}  // namespace faltung::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung {

HWY_EXPORT(shape_f64);

template <>
ChannelShape<double> channel_kernel<double>() {
  return HWY_DISPATCH_TABLE(shape_f64)[cpu_target_index()]();
}

}  // namespace faltung
#endif
