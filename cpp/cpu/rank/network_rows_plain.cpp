// The rows of builds without Highway, for the compiler to vectorise.

#include <algorithm>
#include <cstdint>

#include "cpp/cpu/rank/network.hpp"

namespace faltung::rank {
namespace {

// `low` or `high` may be a row that is read, but not further on than it is written.
template <typename K>
void run_step(const Network::Step& step, const K* a, const K* b, std::int64_t count, K* scratch,
              std::int64_t pitch) {
  for (std::int64_t i = 0; i < count; ++i) {
    const K one = a[i], other = b[i];
    if (step.low != Network::none) scratch[step.low * pitch + i] = std::min(one, other);
    if (step.high != Network::none) scratch[step.high * pitch + i] = std::max(one, other);
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

}  // namespace

template <>
RunNetwork<std::uint8_t> network_rows() {
  return run_steps<std::uint8_t>;
}
template <>
RunNetwork<std::uint16_t> network_rows() {
  return run_steps<std::uint16_t>;
}
template <>
RunNetwork<std::uint32_t> network_rows() {
  return run_steps<std::uint32_t>;
}
template <>
RunNetwork<std::uint64_t> network_rows() {
  return run_steps<std::uint64_t>;
}

}  // namespace faltung::rank
