#pragma once

#include <complex>
#include <cstdint>
#include <iosfwd>
#include <string>

#include <faltung/export.hpp>

namespace faltung {

/// How an axis continues outside its extent. Pictures show four elements a b c d.
enum class BoundaryKind : std::uint8_t {
  zero,      ///< 0 0 | a b c d | 0 0
  constant,  ///< v v | a b c d | v v
  nearest,   ///< a a | a b c d | d d     numpy edge, PyTorch replicate
  reflect,   ///< b a | a b c d | d c     half-sample: ndimage reflect, numpy symmetric
  mirror,    ///< c b | a b c d | c b     whole-sample: ndimage mirror, numpy and PyTorch reflect
  wrap       ///< c d | a b c d | a b     periodic
};

/// One side's rule. All rules repeat as often as needed when the filter outgrows the input.
///
/// An empty axis (N = 0) has nothing to repeat: every rule but `constant` then gives zero.
struct Boundary {
  BoundaryKind kind = BoundaryKind::zero;  ///< the rule
  /// For `constant`, in the input's type: it must be representable there exactly if that is an
  /// integer type, and real unless the input is complex.
  std::complex<double> value = 0;

  /// 0 everywhere outside.
  static constexpr Boundary zero() noexcept { return {}; }
  /// `value` everywhere outside; see the member.
  static constexpr Boundary constant(std::complex<double> value) noexcept {
    return {BoundaryKind::constant, value};
  }
  /// The element at the end, repeated.
  static constexpr Boundary nearest() noexcept { return {BoundaryKind::nearest, 0}; }
  /// Mirrored at the edge of the last element, which is repeated.
  static constexpr Boundary reflect() noexcept { return {BoundaryKind::reflect, 0}; }
  /// Mirrored at the centre of the last element, which is not repeated.
  static constexpr Boundary mirror() noexcept { return {BoundaryKind::mirror, 0}; }
  /// Periodic.
  static constexpr Boundary wrap() noexcept { return {BoundaryKind::wrap, 0}; }

  /// Reads "zero", "constant" (0), "constant(1.5)", "constant(1,-2)" (complex), "nearest",
  /// "reflect", "mirror", "wrap"; "constant:1.5" too.
  ///
  /// @throws InvalidProblem for anything else.
  [[nodiscard]] FALTUNG_API static Boundary parse(std::string_view text);

  friend constexpr bool operator==(const Boundary&, const Boundary&) noexcept = default;
};

/// The form that `parse` reads, round-trip exact.
[[nodiscard]] FALTUNG_API std::string to_string(const Boundary& boundary);
FALTUNG_API std::ostream& operator<<(std::ostream& os, const Boundary& boundary);

}  // namespace faltung
