#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cuda/fft/fft_lengths.hpp"
#include "tests/cuda/reductions.hpp"

// Lengths of transforms against a sorted list of all that there are.
namespace faltung::cuda::fft {
namespace {

// Products of powers of 2, 3, 5 and 7 up to `max`, in order.
std::vector<std::int64_t> smooth_numbers(std::int64_t max) {
  std::vector<std::int64_t> numbers = {1};
  for (const std::int64_t factor : {2, 3, 5, 7}) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] <= max / factor) numbers.push_back(numbers[i] * factor);
    }
  }
  test::sort_numbers(numbers);
  return numbers;
}

// What docs/engines/cuda-fft.md says of even lengths below 200,000.
TEST(CudaFftLengths, GoodOnesAreTheFastestOfAll) {
  constexpr std::int64_t below = 200'000;
  const std::vector<std::int64_t> all = smooth_numbers(2 * below);
  ASSERT_EQ(std::ranges::adjacent_find(all), all.end());
  for (const bool wide : {false, true}) {
    std::vector<std::int64_t> even;
    std::vector<double> us;
    for (const std::int64_t n : all) {
      if (n % 2 != 0) continue;
      even.push_back(n);
      us.push_back(line_us(n, wide));
    }
    std::int64_t longer = 0, count = 0;
    double gain = 0, largest = 0;
    for (std::int64_t min = 2; min < below; min += 2) {
      const auto least = std::ranges::lower_bound(even, min) - even.begin();
      const std::int64_t shortest = even[static_cast<std::size_t>(least)];
      double best = us[static_cast<std::size_t>(least)];
      for (auto i = static_cast<std::size_t>(least); even[i] <= shortest + shortest / 8; ++i) {
        best = std::min(best, us[i]);
      }
      const std::int64_t length = good_length(min, true, wide);
      ASSERT_TRUE(std::ranges::binary_search(even, length)) << min;
      ASSERT_EQ(line_us(length, wide), best) << min;
      const double own = us[static_cast<std::size_t>(least)] / best - 1;
      longer += length != shortest ? 1 : 0;
      gain += own;
      largest = std::max(largest, own);
      ++count;
    }
    const double share = static_cast<double>(longer) / static_cast<double>(count);
    const double mean = gain / static_cast<double>(longer);
    RecordProperty(wide ? "mean_gain_f64" : "mean_gain_f32", std::to_string(mean));
    std::printf("%s: %.2f are longer, and then %.1f %% faster, at most %.1f %%\n",
                wide ? "f64" : "f32", share, 100 * mean, 100 * largest);
    if (wide) continue;
    EXPECT_NEAR(share, 0.6, 0.05);
    EXPECT_NEAR(mean, 0.02, 0.005);
    EXPECT_NEAR(largest, 0.07, 0.005);
  }
}

}  // namespace
}  // namespace faltung::cuda::fft
