#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/direct/boxes/box.hpp"
#include "cpp/cpu/error_terms.hpp"
#include "cpp/cpu/extended_input.hpp"

namespace faltung::direct {

/// How DepthwiseTask cuts the work. Changes speed, never results.
struct DepthwisePolicy {
  /// Fewer channels than a vector has lanes: then whole rows of outputs are one sequence of values
  /// [column, channel], of which `unit` are a column for the kernel.
  bool interleaved;
  std::int64_t parts;  ///< of the channels
  std::int64_t unit;   ///< values of a column for the kernel, at most
  Box box;

  /// The first channel of a part, or the end of the last one. Every part has a vector at least.
  [[nodiscard]] std::int64_t first_channel(std::int64_t part, std::int64_t channels,
                                           std::int64_t lanes) const {
    return part == parts ? channels : channels / lanes * part / parts * lanes;
  }
};

/// Channels of a part at most; a part's places in x are stretches of some KiB.
inline constexpr std::int64_t max_part_channels = 512;

/// @param lanes  values of a vector
inline DepthwisePolicy choose_depthwise(const Problem& p, const ThreeAxes& t, std::int64_t lanes) {
  const std::int64_t channels = p.out_channels;
  DepthwisePolicy policy{.interleaved = channels < lanes, .parts = 1, .unit = channels, .box = {}};
  if (policy.interleaved) {
    policy.unit = std::lcm(channels, lanes);
  } else if (p.groups == p.out_channels) {
    policy.parts = std::max<std::int64_t>(
        1, std::min(ceil_divide(channels, max_part_channels), channels / lanes));
    policy.unit = 0;
    for (std::int64_t part = 0; part < policy.parts; ++part) {
      policy.unit = std::max(policy.unit, policy.first_channel(part + 1, channels, lanes) -
                                              policy.first_channel(part, channels, lanes));
    }
  }
  const std::int64_t width = policy.interleaved ? channels : policy.unit;
  policy.box = choose_box(t, p.batch * policy.parts, width,
                          static_cast<std::int64_t>(size_of(p.accumulator)),
                          longest_sum(p) * static_cast<double>(width), 1);
  return policy;
}

/// Microseconds of one thread with cold caches: products, the last vector of the channels counted
/// as full; what is read and stored. Measured on an EPYC 9004.
inline double depthwise_us(const Problem& p) {
  constexpr double interleaved = 2;  // times product_ns: unaligned vectors, one a product
  constexpr double value_cycles = 1.48;
  const CpuMachine& machine = cpu_machine();
  const double lanes = machine.lanes(4);
  const auto channels = static_cast<double>(p.out_channels);
  const double slower =
      channels < lanes ? interleaved : std::ceil(channels / lanes) * lanes / channels;
  const double values = static_cast<double>(element_count(p.x_shape())) +
                        static_cast<double>(element_count(p.y_shape()));
  return 1e-3 * (p.multiply_adds() * slower * machine.product_ns(p.accumulator) +
                 values * value_cycles * machine.cycle_ns());
}

}  // namespace faltung::direct
