#pragma once

#include <cstdint>
#include <vector>

#include <faltung/problem.hpp>

/// The gradient of the data, taken apart by the stride. With i = i0 + s m and i0 + lo = a + s b,
/// where 0 <= a < s, only the taps r = r0 + j P with r0 dilation = a + s q0 meet input i:
///
///     dx[i0 + s m] = sum over j:  w[r0 + j P] dy[m + b - q0 - j D]
///     P = s / gcd(s, dilation),   D = dilation / gcd(s, dilation)
///
/// which is a forward problem over dy without stride, of dilation D, its filter reversed.
namespace faltung::direct {

/// The inputs of one i0 on every axis.
struct Phase {
  /// One axis of it; `taps` is 0 if none meets these inputs.
  struct Part {
    std::int64_t first;                ///< i0
    std::int64_t count;                ///< m
    std::int64_t first_tap, tap_step;  ///< r0, P
    std::int64_t taps;
  };
  std::vector<Part> parts;

  [[nodiscard]] bool is_empty() const;
  /// Where each tap of the forward problem, in order, stands in the filter of one pair of channels.
  [[nodiscard]] std::vector<std::int64_t> taps(const Problem& p) const;
};

/// Whether `p` is a gradient of the data that can be taken apart: frames send nothing back, the
/// input is not dilated, and there are not too many phases.
[[nodiscard]] bool has_phases(const Problem& p);

/// All of them; together they have every element of dx once.
[[nodiscard]] std::vector<Phase> phases(const Problem& p);

/// The forward problem of a phase that is not empty. Its input is dy, its output those elements of
/// dx, the first of which lies at the sum of first * stride; its filter is [c, k/g, taps...],
/// compact whatever the layout, in the accumulator's type.
[[nodiscard]] Problem forward_problem(const Problem& p, const Phase& phase);

/// Microseconds of one thread.
[[nodiscard]] double phases_us(const Problem& p);

}  // namespace faltung::direct
