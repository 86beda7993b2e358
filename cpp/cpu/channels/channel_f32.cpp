#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/channels/channel_f32.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/channels/channel_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::HWY_NAMESPACE {
void run_f32(const ChannelSums<float>& sums) { channel_sums(sums); }
void pack_f32(const PanelRows<float>& rows) { pack_panels(rows); }
void stream_f32(const RowCopies<float>& rows) { stream_rows(rows); }
ChannelShape<float> shape_f32() {
  return {tile_channels, tile_vectors, lanes_of<float>(), run_f32, pack_f32, stream_f32};
}
}  // namespace faltung::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung {

HWY_EXPORT(shape_f32);

template <>
ChannelShape<float> channel_kernel<float>() {
  return HWY_DISPATCH_TABLE(shape_f32)[cpu_target_index()]();
}

}  // namespace faltung
#endif
