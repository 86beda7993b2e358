#pragma once

#include <cstdint>

#include <faltung/boundary.hpp>

#ifdef __CUDACC__
#define FALTUNG_HOST_DEVICE __host__ __device__
#else
#define FALTUNG_HOST_DEVICE
#endif

namespace faltung {

/// What `extend_index` answers where the extension holds no element but a constant.
inline constexpr std::int64_t outside = -1;

/// Remainder in [0, n), also for negative i.
FALTUNG_HOST_DEVICE constexpr std::int64_t positive_remainder(std::int64_t i,
                                                              std::int64_t n) noexcept {
  const std::int64_t remainder = i % n;
  return remainder < 0 ? remainder + n : remainder;
}

/// The index in [0, n) whose element stands at index `i` of an axis of n elements continued by
/// `kind`, or `outside`. Any i, any n >= 0; rules repeat as often as needed. Indices within
/// [0, n) map to themselves, so one function serves frames and interiors.
FALTUNG_HOST_DEVICE constexpr std::int64_t extend_index(BoundaryKind kind, std::int64_t i,
                                                        std::int64_t n) noexcept {
  if (i >= 0 && i < n) return i;
  if (n == 0) return outside;
  switch (kind) {
    case BoundaryKind::nearest:
      return i < 0 ? 0 : n - 1;
    case BoundaryKind::reflect: {  // period 2n: 0 .. n-1, n-1 .. 0
      const std::int64_t j = positive_remainder(i, 2 * n);
      return j < n ? j : 2 * n - 1 - j;
    }
    case BoundaryKind::mirror: {  // period 2n-2: 0 .. n-1, n-2 .. 1
      if (n == 1) return 0;
      const std::int64_t j = positive_remainder(i, 2 * n - 2);
      return j < n ? j : 2 * n - 2 - j;
    }
    case BoundaryKind::wrap:
      return positive_remainder(i, n);
    case BoundaryKind::zero:
    case BoundaryKind::constant:
      break;
  }
  return outside;
}

}  // namespace faltung
