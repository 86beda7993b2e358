#include "cpp/tools/bench/ceilings.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <faltung/threads.hpp>
#include "cpp/tools/bench/product_rate.hpp"
#include "cpp/tools/bench/timer.hpp"

namespace faltung::bench {

Ceilings measure_cuda_ceilings(const Device& device);

namespace {

constexpr Effort effort{.min_samples = 15, .min_seconds = 0.1, .max_seconds = 5};

// The threads of a run copy their share of 256 MiB, far more than any cache.
double copy_rate(Timer& timer) {
  const std::size_t bytes = std::size_t{256} << 20;
  std::vector<std::byte> source(bytes), target(bytes);
  const auto team_size = static_cast<std::size_t>(threads());
  const auto work = [&] {
    std::vector<std::jthread> team;
    for (std::size_t i = 0; i < team_size; ++i) {
      const std::size_t begin = bytes * i / team_size;
      const std::size_t end = bytes * (i + 1) / team_size;
      team.emplace_back(
          [&, begin, end] { std::memcpy(&target[begin], &source[begin], end - begin); });
    }
  };
  return 2.0 * static_cast<double>(bytes) / measure(timer, work, Cache::warm, effort).p10;
}

}  // namespace

Ceilings measure_ceilings(const Device& device) {
  if (device.kind == DeviceKind::cuda) return measure_cuda_ceilings(device);
  const auto timer = make_timer(device);
  Ceilings ceilings;
  ceilings.copy_bytes_per_second = copy_rate(*timer);
  ceilings.matrix_flops = {{"f32", product_rate<float>()}, {"f64", product_rate<double>()}};
  return ceilings;
}

double limit_seconds(const Problem& p, const Ceilings& ceilings) {
  const double copy = p.bytes() / ceilings.copy_bytes_per_second;
  const bool dense = p.in_channels / p.groups > 1 && p.out_channels / p.groups > 1;
  std::string type(name(p.input));
  if (p.input == f32 && p.math == Math::fast) type = "tf32";
  auto rate = ceilings.matrix_flops.find(type);
  // The CPU computes half types in f32.
  if (rate == ceilings.matrix_flops.end()) rate = ceilings.matrix_flops.find("f32");
  if (!dense || rate == ceilings.matrix_flops.end()) return copy;
  return std::max(copy, 2.0 * p.multiply_adds() / rate->second);
}

}  // namespace faltung::bench
