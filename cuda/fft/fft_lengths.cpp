#include "cuda/fft/fft_lengths.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "cpp/core/machine.hpp"

namespace faltung::cuda::fft {
namespace {

// Points along an axis that we take cuFFT to transform in one trip through memory; not measured.
constexpr double trip_points = 8192;

/// A length that was timed: what it takes beside what is said of it here, in lines that fill the
/// device. Figures go here once there are any: of one cuFFT on one H200, with their file in
/// bench/results.
struct MeasuredLength {
  std::int64_t length;
  bool wide;
  double factor;
};
constexpr std::array<MeasuredLength, 0> measured{};

/// A pass: its radix, and the real additions and multiplications of a transform of so many points.
/// Those of 16 and less that are powers of 2 are split-radix; 3, 5 and 7 as in FFTW's straight
/// code. Sources: Sorensen, Heideman & Burrus, IEEE Trans. ASSP 34 (1986) 152, table I; Frigo, PLDI
/// 1999.
struct Pass {
  int radix;
  double operations;
};
constexpr Pass passes[] = {{16, 168}, {8, 56}, {4, 16}, {2, 4}, {7, 96}, {5, 44}, {3, 16}};

// Products of powers of 2, 3, 5 and 7 within [min, max], in no order.
template <typename F>
void for_each_smooth(std::int64_t min, std::int64_t max, std::int64_t unit, const F& f) {
  for (std::int64_t seven = unit; seven <= max; seven *= 7) {
    for (std::int64_t five = seven; five <= max; five *= 5) {
      for (std::int64_t three = five; three <= max; three *= 3) {
        std::int64_t length = three;
        while (length < min) length *= 2;
        for (; length <= max; length *= 2) f(length);
      }
    }
  }
}

}  // namespace

double trips_of(std::int64_t length) {
  return std::ceil(std::log2(static_cast<double>(length)) / std::log2(trip_points));
}

double operations_of(std::int64_t length) {
  constexpr double turn = 6;  // of a point by a root of unity
  double operations = 0;
  for (const Pass& pass : passes) {
    for (; length % pass.radix == 0; length /= pass.radix) {
      operations += (pass.operations + turn * (pass.radix - 1)) / pass.radix;
    }
  }
  return operations;
}

double line_us(std::int64_t length, bool wide) {
  const GpuMachine& gpu = reference_gpu_machine();
  const double bytes = wide ? 32 : 16;  // a complex number there, and one back
  const double rate = 2 * gpu.products_per_us(wide ? DType::f64 : DType::f32);
  double us = static_cast<double>(length) *
              (trips_of(length) * bytes / gpu.moved_bytes_per_us() + operations_of(length) / rate);
  for (const MeasuredLength& one : measured) {
    if (one.length == length && one.wide == wide) us *= one.factor;
  }
  return us;
}

std::int64_t good_length(std::int64_t min, bool even, bool wide) {
  const std::int64_t unit = even ? 2 : 1;
  std::int64_t least = unit;
  while (least < min) least *= 2;
  for_each_smooth(min, least, unit, [&](std::int64_t n) { least = std::min(least, n); });
  std::int64_t best = least;
  double best_us = line_us(least, wide);
  for_each_smooth(least, least + least / 8, unit, [&](std::int64_t n) {
    const double us = line_us(n, wide);
    if (us > best_us || (us == best_us && n >= best)) return;
    best = n;
    best_us = us;
  });
  return best;
}

}  // namespace faltung::cuda::fft
