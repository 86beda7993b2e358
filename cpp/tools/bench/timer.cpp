#include "cpp/tools/bench/timer.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "cpp/tools/bench/pinned_threads.hpp"

namespace faltung::bench {

std::unique_ptr<Timer> make_cuda_timer(const Device& device);

namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class CpuTimer final : public Timer {
 public:
  Stream stream() const override { return {}; }

  double seconds(const std::function<void()>& work, Cache cache) override {
    if (cache == Cache::cold) flush();
    const auto start = Clock::now();
    work();
    return since(start);
  }

 private:
  // Larger than any cache of today's servers; written, so that no line of it stays clean in them.
  void flush() {
    other_.resize(std::size_t{256} << 20);
    for (std::size_t i = 0; i < other_.size(); i += 64) ++other_[i];
  }
  std::vector<unsigned char> other_;
};

double quantile(const std::vector<double>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - std::floor(position)) * (sorted[above] - sorted[below]);
}

}  // namespace

std::unique_ptr<Timer> make_timer(const Device& device) {
  if (device.kind == DeviceKind::cuda) return make_cuda_timer(device);
  return std::make_unique<CpuTimer>();
}

Summary summarize(std::vector<double> seconds) {
  if (seconds.empty()) return {};
  std::ranges::sort(seconds);
  return {seconds.size(), quantile(seconds, 0.5), quantile(seconds, 0.1), quantile(seconds, 0.9)};
}

Summary measure(Timer& timer, const std::function<void()>& work, Cache cache,
                const Effort& effort) {
  const auto start = Clock::now();
  const PinnedThreads pinned([&] {
    (void)timer.seconds(work, cache);  // first call: page faults, lazy loading
    (void)timer.seconds(work, cache);
  });
  std::vector<double> samples;
  double total = 0;
  while (true) {
    samples.push_back(timer.seconds(work, cache));
    total += samples.back();
    const bool enough = samples.size() >= effort.min_samples && total >= effort.min_seconds;
    const bool late = samples.size() >= 3 && since(start) >= effort.max_seconds;
    if (enough || late || samples.size() == 10000) break;
  }
  return summarize(std::move(samples));
}

}  // namespace faltung::bench
