#pragma once

#include <cstdint>
#include <vector>

#include <faltung/problem.hpp>

/// Problems taken apart by the zeros between their elements: every phase is a forward problem
/// without any. On each axis, of stride s, dilation d and input dilation u:
///
/// The gradient of the data, whose dy is dilated by s. With i = i0 + s m and i0 + lo = a + s b,
/// where 0 <= a < s, only the taps r = r0 + j P with r0 d = a + s q0 meet input i:
///
///     dx[i0 + s m] = sum over j:  w[r0 + j P] dy[m + b - q0 - j D]
///     P = s / gcd(s, d),   D = d / gcd(s, d)
///
/// which is a forward problem over dy without stride, of dilation D, its filter reversed.
///
/// A forward problem with input dilation. With o = o0 + M m only the taps r = r0 + j P with
/// o0 s + r0 d - lo = u q0 meet an element, and
///
///     y[o0 + M m] = sum over j:  w[r0 + j P] x[q0 + m s / gcd(s, u) + j d / gcd(d, u)]
///     M = u / gcd(s, u),   P = u / gcd(d, u)
///
/// Source: P. P. Vaidyanathan, Multirate Systems and Filter Banks, 1993, section 4.3.
namespace faltung::direct {

/// The results of one i0, or o0, on every axis.
struct Phase {
  /// One axis of it; `taps` is 0 if none meets these results.
  struct Part {
    std::int64_t first, step;          ///< i0 and s, or o0 and M
    std::int64_t count;                ///< of m
    std::int64_t first_tap, tap_step;  ///< r0, P
    std::int64_t taps;
  };
  std::vector<Part> parts;

  [[nodiscard]] bool is_empty() const;
  /// Where each tap of the forward problem, in order, stands in the filter of one pair of channels.
  [[nodiscard]] std::vector<std::int64_t> taps(const Problem& p) const;
};

/// Whether the axis of a forward problem can be taken apart: what stands outside is then zero, or
/// the mirror image, in which the zeros between elements stand where they would in a longer input.
[[nodiscard]] bool has_phases(const Axis& axis);

/// Whether `p` can be taken apart, and gains by it: a gradient of the data without input dilation
/// whose frames send nothing back, or a forward problem with input dilation; and there are not too
/// many phases.
[[nodiscard]] bool has_phases(const Problem& p);

/// The part of the outputs o0, o0 + M, ... of an axis of a forward problem, and the axis of its
/// forward problem; that of no taps has none.
[[nodiscard]] Phase::Part output_part(const Axis& axis, std::int64_t first);
[[nodiscard]] Axis output_axis(const Axis& axis, const Phase::Part& part);

/// All of them; together they have every element of the result once.
[[nodiscard]] std::vector<Phase> phases(const Problem& p);

/// The forward problem of a phase that is not empty, over dy or x. Its output is those elements of
/// the result, the first of which lies at the sum of first * stride; its filter is
/// [c, k/g, taps...] or [k, c/g, taps...], compact whatever the layout, in the accumulator's type.
[[nodiscard]] Problem forward_problem(const Problem& p, const Phase& phase);

/// Microseconds of one thread, if PhaseTask serves the problem.
[[nodiscard]] double phases_us(const Problem& p);

}  // namespace faltung::direct
