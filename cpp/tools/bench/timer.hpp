#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <faltung/device.hpp>

namespace faltung::bench {

/// Whether caches hold the operands when a run starts.
enum class Cache { cold, warm };

/// Measures single runs on one device.
class Timer {
 public:
  virtual ~Timer() = default;
  /// The stream that work to be timed must use.
  [[nodiscard]] virtual Stream stream() const = 0;
  /// Seconds that `work` takes, from an idle device; with Cache::cold after 256 MiB of other data
  /// went through the caches.
  [[nodiscard]] virtual double seconds(const std::function<void()>& work, Cache cache) = 0;
};

/// Wall clock on the CPU, CUDA events on a GPU.
///
/// @throws DeviceError if the device cannot be used.
[[nodiscard]] std::unique_ptr<Timer> make_timer(const Device& device);

/// Order statistics of a few runs, in seconds.
struct Summary {
  std::size_t samples = 0;
  double median = 0;
  double p10 = 0;
  double p90 = 0;
  /// (p90 - p10) / median: above 0.1 the report marks the figure as noisy.
  [[nodiscard]] double noise() const { return median > 0 ? (p90 - p10) / median : 0; }
};

[[nodiscard]] Summary summarize(std::vector<double> seconds);

/// When to stop timing one problem.
struct Effort {
  std::size_t min_samples = 15;
  double min_seconds = 0.2;  ///< keep sampling short runs at least this long
  double max_seconds = 30;   ///< stop here even with fewer samples, but never below 3
};

/// Warm-up runs, then as many timed ones as `effort` says, the working threads pinned.
[[nodiscard]] Summary measure(Timer& timer, const std::function<void()>& work, Cache cache,
                              const Effort& effort);

}  // namespace faltung::bench
