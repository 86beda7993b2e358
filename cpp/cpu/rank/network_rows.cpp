#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpp/cpu/rank/network_rows.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep

#include <hwy/highway.h>

#include <cstdint>

#include "cpp/cpu/rank/network.hpp"

HWY_BEFORE_NAMESPACE();
namespace faltung::rank::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <typename K>
void run_step(const Network::Step& step, const K* a, const K* b, std::int64_t count, K* scratch,
              std::int64_t pitch) {
  const hn::ScalableTag<K> d;
  const auto width = static_cast<std::int64_t>(hn::Lanes(d));
  K* const low = scratch + step.low * pitch;
  K* const high = scratch + step.high * pitch;
  if (step.high == Network::none) {
    for (std::int64_t i = 0; i < count; i += width) {
      hn::Store(hn::Min(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, low + i);
    }
  } else if (step.low == Network::none) {
    for (std::int64_t i = 0; i < count; i += width) {
      hn::Store(hn::Max(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, high + i);
    }
  } else {
    for (std::int64_t i = 0; i < count; i += width) {
      const auto one = hn::LoadU(d, a + i);
      const auto other = hn::LoadU(d, b + i);
      hn::Store(hn::Min(one, other), d, low + i);
      hn::Store(hn::Max(one, other), d, high + i);
    }
  }
}

template <typename K>
const K* run_steps(const Network& network, const K* keys, std::int64_t count, K* scratch,
                   std::int64_t pitch) {
  const auto find = [&](const Network::Row& row) {
    return row.slot == Network::tile ? keys + row.offset : scratch + row.slot * pitch + row.offset;
  };
  for (const Network::Step& step : network.steps) {
    run_step(step, find(step.a), find(step.b), count + step.more, scratch, pitch);
  }
  return scratch + network.result * pitch;
}

RunNetwork<std::uint8_t> rows_8() { return run_steps<std::uint8_t>; }
RunNetwork<std::uint16_t> rows_16() { return run_steps<std::uint16_t>; }
RunNetwork<std::uint32_t> rows_32() { return run_steps<std::uint32_t>; }
RunNetwork<std::uint64_t> rows_64() { return run_steps<std::uint64_t>; }

}  // namespace faltung::rank::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "cpp/cpu/simd/cpu_target.hpp"

namespace faltung::rank {

HWY_EXPORT(rows_8);
HWY_EXPORT(rows_16);
HWY_EXPORT(rows_32);
HWY_EXPORT(rows_64);

template <>
RunNetwork<std::uint8_t> network_rows() {
  return HWY_DISPATCH_TABLE(rows_8)[cpu_target_index()]();
}
template <>
RunNetwork<std::uint16_t> network_rows() {
  return HWY_DISPATCH_TABLE(rows_16)[cpu_target_index()]();
}
template <>
RunNetwork<std::uint32_t> network_rows() {
  return HWY_DISPATCH_TABLE(rows_32)[cpu_target_index()]();
}
template <>
RunNetwork<std::uint64_t> network_rows() {
  return HWY_DISPATCH_TABLE(rows_64)[cpu_target_index()]();
}

}  // namespace faltung::rank
#endif
