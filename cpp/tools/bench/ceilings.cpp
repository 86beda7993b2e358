#include "cpp/tools/bench/ceilings.hpp"

#include <cblas.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "cpp/tools/bench/timer.hpp"

namespace faltung::bench {

Ceilings measure_cuda_ceilings(const Device& device);

namespace {

constexpr Effort effort{.least_samples = 15, .least_seconds = 0.1, .most_seconds = 5};

// All hardware threads copy their share of 256 MiB, far more than any cache.
double copy_rate(Timer& timer) {
  const std::size_t bytes = std::size_t{256} << 20;
  std::vector<std::byte> source(bytes), target(bytes);
  const std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
  const auto work = [&] {
    std::vector<std::jthread> team;
    for (std::size_t i = 0; i < threads; ++i) {
      const std::size_t begin = bytes * i / threads;
      const std::size_t end = bytes * (i + 1) / threads;
      team.emplace_back(
          [&, begin, end] { std::memcpy(&target[begin], &source[begin], end - begin); });
    }
  };
  return 2.0 * static_cast<double>(bytes) / measure(timer, work, Cache::warm, effort).median;
}

template <typename T>
double matrix_rate(Timer& timer, void (*multiply)(int, const T*, const T*, T*)) {
  constexpr int n = 1536;
  const std::vector<T> a(n * n, T(0.5)), b(n * n, T(0.25));
  std::vector<T> c(n * n);
  const double seconds =
      measure(
          timer, [&] { multiply(n, a.data(), b.data(), c.data()); }, Cache::warm, effort)
          .median;
  return 2.0 * n * n * n / seconds;
}

}  // namespace

Ceilings measure_ceilings(const Device& device) {
  if (device.kind == DeviceKind::cuda) return measure_cuda_ceilings(device);
  const auto timer = make_timer(device);
  Ceilings ceilings;
  ceilings.copy_bytes_per_second = copy_rate(*timer);
  ceilings.matrix_flops["f32"] =
      matrix_rate<float>(*timer, [](int n, const float* a, const float* b, float* c) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
      });
  ceilings.matrix_flops["f64"] =
      matrix_rate<double>(*timer, [](int n, const double* a, const double* b, double* c) {
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a, n, b, n, 0, c, n);
      });
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
