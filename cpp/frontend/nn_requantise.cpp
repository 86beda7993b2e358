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

// What one channel's sums become.
template <typename T>
class Convert {
 public:
  Convert(double factor, std::int64_t zero)
      : factor_(factor),
        zero_(static_cast<double>(zero)),
        low_(std::numeric_limits<T>::min() - zero_),
        high_(std::numeric_limits<T>::max() - zero_) {}

  T operator()(std::int32_t sum) const {
    // The limits are whole numbers, so that rounding after clamping changes nothing.
    const double value = std::min(std::max(sum * factor_, low_), high_);
    return static_cast<T>(static_cast<std::int32_t>(round_even(value) + zero_));
  }

 private:
  double factor_, zero_, low_, high_;
};

template <typename T>
void convert(const std::int32_t* sums, T* result, std::int64_t count, const Convert<T>& to) {
  for (std::int64_t i = 0; i < count; ++i) result[i] = to(sums[i]);
}

// Channels last: the channel changes with every element.
template <typename T>
void convert_pixels(const std::int32_t* sums, T* result, std::int64_t pixels,
                    const Requantisation& how) {
  const auto channels = static_cast<std::int64_t>(how.factor.size());
  const double* factor = how.factor.data();
  for (std::int64_t p = 0; p < pixels; ++p, sums += channels, result += channels) {
    for (std::int64_t k = 0; k < channels; ++k) {
      result[k] = Convert<T>(factor[k], how.zero)(sums[k]);
    }
  }
}

int threads_for(std::int64_t blocks, std::int64_t count) {
  constexpr double element_cycles = 3.7;  // of one thread, at the most: 5 bytes an element
  return plan_threads(
      blocks, 1e-3 * element_cycles * cpu_machine().cycle_ns() * static_cast<double>(count));
}

// Sums, and as many of them as bytes, of 80 KiB: within a core's L2.
constexpr std::int64_t block_elements = 1 << 14;

template <typename T>
void requantise_compact(const std::int32_t* sums, T* result, std::int64_t count,
                        const Requantisation& how) {
  const auto channels = static_cast<std::int64_t>(how.factor.size());
  // Lines of one channel, or pixels of all channels.
  const std::int64_t line = how.inner > 1 ? how.inner : channels;
  const std::int64_t lines = count / line;
  const std::int64_t step = std::max<std::int64_t>(1, block_elements / line);
  const std::int64_t blocks = (lines + step - 1) / step;
  parallel_for(blocks, threads_for(blocks, count), [&](std::int64_t block, int) {
    const std::int64_t first = block * step;
    const std::int64_t last = std::min(lines, first + step);
    if (how.inner == 1) {
      return convert_pixels(sums + first * line, result + first * line, last - first, how);
    }
    for (std::int64_t i = first; i < last; ++i) {
      const Convert<T> to(how.factor[static_cast<std::size_t>(i % channels)], how.zero);
      convert(sums + i * line, result + i * line, line, to);
    }
  });
}

// Element by element along the rows of the last axis.
template <typename T>
void requantise_strided(const std::int32_t* sums, const TensorView& y, std::int64_t count,
                        const Requantisation& how) {
  const std::int64_t row = y.shape.back(), rows = count / row, step = y.strides.back();
  const auto channels = static_cast<std::int64_t>(how.factor.size());
  const bool pixels = how.inner == 1 && row == channels;
  const std::int64_t rows_of_channel = pixels ? 1 : how.inner / row;
  const std::int64_t rows_of_block = std::max<std::int64_t>(1, block_elements / row);
  const std::int64_t blocks = (rows + rows_of_block - 1) / rows_of_block;
  parallel_for(blocks, threads_for(blocks, count), [&](std::int64_t block, int) {
    const std::int64_t last = std::min(rows, (block + 1) * rows_of_block);
    for (std::int64_t r = block * rows_of_block; r < last; ++r) {
      T* result = static_cast<T*>(y.data);
      for (std::size_t axis = y.shape.size() - 1, rest = static_cast<std::size_t>(r); axis-- > 0;) {
        const auto extent = static_cast<std::size_t>(y.shape[axis]);
        result += static_cast<std::int64_t>(rest % extent) * y.strides[axis];
        rest /= extent;
      }
      const std::int64_t channel = r / rows_of_channel % channels;
      for (std::int64_t i = 0; i < row; ++i) {
        const auto k = static_cast<std::size_t>(pixels ? i : channel);
        result[i * step] = Convert<T>(how.factor[k], how.zero)(sums[r * row + i]);
      }
    }
  });
}

template <typename T>
void requantise_to(const std::int32_t* sums, const TensorView& y, const Requantisation& how) {
  const std::int64_t count = element_count(y.shape);
  if (count == 0) return;
  if (is_compact(y)) return requantise_compact(sums, static_cast<T*>(y.data), count, how);
  requantise_strided<T>(sums, y, count, how);
}

}  // namespace

void requantise(const std::int32_t* sums, const TensorView& y, const Requantisation& how) {
  if (how.result == DType::i8) {
    requantise_to<std::int8_t>(sums, y, how);
  } else {
    requantise_to<std::uint8_t>(sums, y, how);
  }
}

}  // namespace faltung::nn
