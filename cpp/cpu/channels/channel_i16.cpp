#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/channels/channel_i16.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include "cpp/cpu/channels/channel_kernel-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::HWY_NAMESPACE {
#if FALTUNG_ADDS_INT16_PAIRS
void run_i16(const ChannelSums<Int16Pair>& sums) { channel_sums(sums); }
void pack_i16(const PanelRows<Int16Pair>& rows) { pack_pairs(rows); }
void stream_i32(const RowCopies<std::uint32_t>& rows) { stream_rows(rows); }
ChannelShape<Int16Pair> shape_i16() {
  return {tile_channels, tile_vectors, lanes_of<std::int32_t>(), run_i16, pack_i16, stream_i32};
}
#else
ChannelShape<Int16Pair> shape_i16() { return {}; }
#endif
}  // namespace faltung::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/cpu_target.hpp"

namespace faltung {

HWY_EXPORT(shape_i16);

template <>
ChannelShape<Int16Pair> channel_kernel<Int16Pair>() {
  return HWY_DISPATCH_TABLE(shape_i16)[cpu_target_index()]();
}

bool has_int16_kernel() { return channel_kernel<Int16Pair>().run != nullptr; }

}  // namespace faltung
#endif
