#include <algorithm>
#include <cstdint>
#include <limits>

#include "cpp/core/machine.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/frontend/nn_quantised.hpp"

namespace faltung::nn {
namespace {

// To the nearest, halves to even, for |value| < 2^51: the sum has no bits below 1. Unlike
// std::nearbyint it becomes vector instructions on every processor.
double round_even(double value) {
  constexpr double shift = 0x1.8p52;
  return (value + shift) - shift;
}

template <typename T>
void convert(const std::int32_t* sums, T* result, std::int64_t count, double factor, double zero) {
  const double low = std::numeric_limits<T>::min() - zero;
  const double high = std::numeric_limits<T>::max() - zero;
  for (std::int64_t i = 0; i < count; ++i) {
    // The limits are whole numbers, so that rounding after clamping changes nothing.
    const double value = std::min(std::max(sums[i] * factor, low), high);
    result[i] = static_cast<T>(static_cast<std::int32_t>(round_even(value) + zero));
  }
}

// Channels last: the channel changes with every element.
template <typename T>
void convert_pixels(const std::int32_t* sums, T* result, std::int64_t pixels,
                    const Requantisation& how) {
  const double zero = static_cast<double>(how.zero);
  const double low = std::numeric_limits<T>::min() - zero;
  const double high = std::numeric_limits<T>::max() - zero;
  const auto channels = static_cast<std::int64_t>(how.factor.size());
  const double* factor = how.factor.data();
  for (std::int64_t p = 0; p < pixels; ++p, sums += channels, result += channels) {
    for (std::int64_t k = 0; k < channels; ++k) {
      const double value = std::min(std::max(sums[k] * factor[k], low), high);
      result[k] = static_cast<T>(static_cast<std::int32_t>(round_even(value) + zero));
    }
  }
}

template <typename T>
void requantise_to(const std::int32_t* sums, T* result, std::int64_t count,
                   const Requantisation& how) {
  const auto channels = static_cast<std::int64_t>(how.factor.size());
  // Lines of one channel, or pixels of all channels.
  const std::int64_t line = how.inner > 1 ? how.inner : channels;
  const std::int64_t lines = count / line;
  constexpr std::int64_t block_elements = 1 << 14;  // 80 KiB of sums and bytes: within a core's L2
  const std::int64_t step = std::max<std::int64_t>(1, block_elements / line);
  const std::int64_t blocks = (lines + step - 1) / step;
  constexpr double element_cycles = 3.7;  // of one thread, at the most: 5 bytes an element
  const double microseconds =
      1e-3 * element_cycles * cpu_machine().cycle_ns() * static_cast<double>(count);
  const int slots = plan_threads(blocks, microseconds);
  parallel_for(blocks, slots, [&](std::int64_t block, int) {
    const std::int64_t first = block * step;
    const std::int64_t last = std::min(lines, first + step);
    if (how.inner == 1) {
      return convert_pixels(sums + first * line, result + first * line, last - first, how);
    }
    for (std::int64_t i = first; i < last; ++i) {
      convert(sums + i * line, result + i * line, line,
              how.factor[static_cast<std::size_t>(i % channels)], static_cast<double>(how.zero));
    }
  });
}

}  // namespace

void requantise(const std::int32_t* sums, void* result, std::int64_t count,
                const Requantisation& how) {
  if (count == 0) return;
  if (how.result == DType::i8) {
    requantise_to(sums, static_cast<std::int8_t*>(result), count, how);
  } else {
    requantise_to(sums, static_cast<std::uint8_t*>(result), count, how);
  }
}

}  // namespace faltung::nn
