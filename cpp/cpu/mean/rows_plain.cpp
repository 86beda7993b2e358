// The rows of builds without Highway, for the compiler to vectorise: lane by lane within a strip.

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "cpp/cpu/mean/rows.hpp"

namespace faltung::mean {
namespace {

constexpr std::int64_t strip = 32;  // lanes for which BlockMeans lends memory

template <typename T>
void block_rows(const Rows& shape, const BlockSums& sums, const T* rows, double* suffixes, T* to,
                std::int64_t to_pitch) {
  for (std::int64_t lane = 0; lane < shape.lanes; lane += strip) {
    const std::int64_t lanes = std::min(strip, shape.lanes - lane);
    double sum[strip];
    const auto add = [&](std::int64_t j) {
      const T* const row = rows + j * shape.pitch + lane;
      for (std::int64_t l = 0; l < lanes; ++l) sum[l] += static_cast<double>(row[l]) * sums.scale;
    };
    for (std::int64_t first = 0; first < shape.results; first += shape.size) {
      const std::int64_t count = std::min(shape.size, shape.results - first);
      std::copy_n(sums.base + lane, lanes, sum);
      for (std::int64_t j = shape.size; j-- > 0;) {
        add(first + j);
        if (j < count) std::copy_n(sum, lanes, suffixes + j * strip);
      }
      std::fill_n(sum, lanes, 0.0);
      for (std::int64_t j = 0; j < count; ++j) {
        if (j > 0) add(first + shape.size + j - 1);
        T* const result = to + (first + j) * to_pitch + lane;
        for (std::int64_t l = 0; l < lanes; ++l) {
          result[l] = static_cast<T>((suffixes[j * strip + l] + sum[l]) * sums.factor);
        }
      }
    }
  }
}

template <typename Sum>
Sum quotient(Sum sum, std::int32_t divisor, double reciprocal, bool nearest_even) {
  const auto whole = static_cast<std::int64_t>(static_cast<double>(sum) * reciprocal);
  if (!nearest_even) return static_cast<Sum>(whole);
  const std::int64_t rest = 2 * (static_cast<std::int64_t>(sum) - whole * divisor);
  const std::int64_t past = rest < 0 ? -rest : rest;
  const bool away = past > divisor || (past == divisor && whole % 2 != 0);
  return static_cast<Sum>(!away ? whole : sum < 0 ? whole - 1 : whole + 1);
}

template <typename T>
void moving_rows(const Rows& shape, const MovingSums<T>& sums, const T* rows, T* to,
                 std::int64_t to_pitch) {
  using Sum = MovingSum<T>;
  for (std::int64_t lane = 0; lane < shape.lanes; lane += strip) {
    const std::int64_t lanes = std::min(strip, shape.lanes - lane);
    Sum sum[strip], leaves[strip];
    std::copy_n(sums.base + lane, lanes, sum);
    const T* row = rows + lane;
    const T* enters = row;
    for (std::int64_t j = 0; j < shape.size; ++j, enters += shape.pitch) {
      for (std::int64_t l = 0; l < lanes; ++l) sum[l] += static_cast<Sum>(enters[l]);
    }
    T* result = to + lane;
    for (std::int64_t j = 0;; row += shape.pitch, enters += shape.pitch, result += to_pitch) {
      for (std::int64_t l = 0; l < lanes; ++l) {
        leaves[l] = static_cast<Sum>(row[l]);
        result[l] =
            static_cast<T>(quotient(sum[l], sums.divisor, sums.reciprocal, sums.nearest_even));
      }
      if (++j == shape.results) break;
      for (std::int64_t l = 0; l < lanes; ++l) sum[l] += static_cast<Sum>(enters[l]) - leaves[l];
    }
  }
}

}  // namespace

template <typename T>
BlockMeans<T> block_means() {
  return block_rows<T>;
}
template BlockMeans<float> block_means<float>();
template BlockMeans<double> block_means<double>();

template <typename T>
MovingMeans<T> moving_means() {
  return moving_rows<T>;
}
template MovingMeans<std::int8_t> moving_means<std::int8_t>();
template MovingMeans<std::uint8_t> moving_means<std::uint8_t>();
template MovingMeans<std::int16_t> moving_means<std::int16_t>();
template MovingMeans<std::uint16_t> moving_means<std::uint16_t>();
template MovingMeans<std::int32_t> moving_means<std::int32_t>();
template MovingMeans<std::uint32_t> moving_means<std::uint32_t>();

}  // namespace faltung::mean
