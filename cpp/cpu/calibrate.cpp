#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include <faltung/plan.hpp>
#include <faltung/problem.hpp>
#include <faltung/tensor.hpp>
#include <faltung/threads.hpp>
#include "cpp/core/engine.hpp"
#include "cpp/core/machine.hpp"
#include "cpp/cpu/parallel.hpp"

namespace faltung {
namespace {

using Clock = std::chrono::steady_clock;

double ns_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

// A quarter of the runs are faster: what else the machine does only adds to a time.
double lower_quartile(std::vector<double> values) {
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 4);
  std::ranges::nth_element(values, at);
  return *at;
}

/// Nanoseconds of f, which runs for so long, once more at least after it warmed up.
template <typename F>
double time_ns(double seconds, const F& f) {
  f();
  std::vector<double> times;
  const auto begin = Clock::now();
  do {
    const auto start = Clock::now();
    f();
    times.push_back(ns_since(start));
  } while (ns_since(begin) < 1e9 * seconds);
  return lower_quartile(std::move(times));
}

// The chain stays in registers in every build: captured by a lambda, it would go through checked
// memory under a sanitiser, and a clock of 3 GHz would read 0.2.
std::uint64_t chain_of_additions(std::uint64_t value, std::uint64_t step, int rounds) {
  const auto add = [](std::uint64_t sum, std::uint64_t term) {
    __asm__ volatile("" : "+r"(sum), "+r"(term));
    return sum + term;
  };
  for (int round = 0; round < rounds; ++round) {
    value = add(add(add(add(value, step), step), step), step);
    value = add(add(add(add(value, step), step), step), step);
  }
  return value;
}

// An addition of a chain takes a cycle on every processor; eight of them hide the loop.
double clock_ghz() {
  constexpr int rounds = 80'000, additions = 8;
  const double ns = time_ns(0.5, [] {
    std::uint64_t value = chain_of_additions(1, 3, rounds);
    __asm__ volatile("" : : "r"(value));
  });
  return static_cast<double>(rounds) * additions / ns;
}

/// A plan with its operands, all of which are zero.
class Run {
 public:
  Run(const Problem& p, const std::string& engine)
      : plan_(Plan::make(p, Device::cpu(), {.engine = engine})),
        x_(Tensor::zeros(p.input, p.x_shape())),
        w_(Tensor::zeros(p.filter, p.w_shape())),
        y_(Tensor::zeros(p.output, p.y_shape())),
        workspace_(Tensor::zeros(DType::u8, {static_cast<std::int64_t>(plan_.workspace_bytes())})),
        result_(y_.view()),
        scratch_{workspace_.data(), plan_.workspace_bytes()} {}
  void operator()() const { plan_.run(x_.view(), w_.view(), result_, scratch_); }

 private:
  Plan plan_;
  Tensor x_, w_, y_, workspace_;
  TensorView result_;
  Workspace scratch_;
};

const Engine* find_engine(std::string_view name) {
  const auto engines = engine_list();
  const auto found = std::ranges::find(engines, name, &Engine::name);
  return found == engines.end() ? nullptr : *found;
}

/// What the rate of a kind of products is measured with.
struct Probe {
  double ProductRates::*rate;
  const char* engine;
  const char* way;
  const char* problem;
};

constexpr Probe probes[] = {
    {&ProductRates::f32, "cpu.gemm", "columns",
     "op=fwd dtype=f32 n=1 c=128 in=56x56 k=128 f=3x3 pad=1"},
    {&ProductRates::f64, "cpu.gemm", "columns",
     "op=fwd dtype=f64 n=1 c=128 in=56x56 k=128 f=3x3 pad=1"},
    {&ProductRates::c64, "cpu.gemm", "columns",
     "op=fwd dtype=c64 n=1 c=64 in=56x56 k=64 f=3x3 pad=1"},
    {&ProductRates::c128, "cpu.gemm", "columns",
     "op=fwd dtype=c128 n=1 c=64 in=56x56 k=64 f=3x3 pad=1"},
    {&ProductRates::i32, "cpu.direct", "stencil",
     "op=fwd dtype=i32 n=1 c=1 in=512x512 k=1 f=31x31"},
    {&ProductRates::pairs, "cpu.direct", "pairs",
     "op=fwd dtype=i16:i16:i32 n=1 c=1 in=512x512 k=1 f=31x31"},
};

// The rate with which the estimate of one thread is the time that it takes: estimates are a sum of
// products' time and of the rest.
void measure_rate(CpuMachine& machine, const Probe& probe, double seconds) {
  const Engine* engine = find_engine(probe.engine);
  if (engine == nullptr) return;
  const Problem p = Problem::parse(probe.problem);
  const auto estimate_us = [&](double rate) {
    CpuMachine trial = machine;
    trial.products.*probe.rate = rate;
    const ScopedMachine scope(trial);
    const Offer offer = engine->offer(p, Device::cpu(), probe.way);
    return offer ? offer.estimate_us : 0;
  };
  const double rate = machine.products.*probe.rate;
  const double once = estimate_us(rate), twice = estimate_us(rate / 2);
  if (once == 0) return;  // this build has no such way
  const Run run(p, std::string(probe.engine) + '/' + probe.way);
  const double us = 1e-3 * time_ns(seconds, run);
  const double products_us = twice - once;
  const double rest_us = once - products_us;
  // What is left is at least half of it, or the machine is unlike all those that we know.
  machine.products.*probe.rate = rate * products_us / std::max(us - rest_us, us / 2);
}

// y = a x + b over two arrays of so many bytes together; bytes a nanosecond, read and written.
double copy_speed(std::vector<float>& x, std::vector<float>& y, std::int64_t bytes,
                  double seconds) {
  const auto count = static_cast<std::size_t>(bytes) / 2 / sizeof(float);
  float a = 1.5f, b = 1;
  const double ns = time_ns(seconds, [&] {
    __asm__ volatile("" : "+m"(a), "+m"(b));
    const float factor = a, shift = b;
    const float* from = x.data();
    float* to = y.data();
    for (std::size_t i = 0; i < count; ++i) to[i] = from[i] * factor + shift;
    __asm__ volatile("" : : "r"(to) : "memory");
  });
  return static_cast<double>(bytes) / ns;
}

// Speeds of the last level and the memory; the last level ends where copies are nearer to the
// memory's speed.
void measure_memory(CpuMachine& machine) {
  constexpr std::int64_t max = std::int64_t{256} << 20;
  std::vector<float> x(max / 2 / sizeof(float), 1.0f), y(max / 2 / sizeof(float));
  machine.copy_bytes_per_ns = copy_speed(x, y, max, 1);
  const std::int64_t first = 4 * machine.l2_bytes;
  machine.l3_bytes_per_ns = copy_speed(x, y, first, 0.3);
  const double between = std::sqrt(machine.l3_bytes_per_ns * machine.copy_bytes_per_ns);
  machine.l3_bytes = first;
  for (std::int64_t bytes = 2 * first; bytes <= max / 2; bytes *= 2) {
    if (copy_speed(x, y, bytes, 0.2) < between) break;
    machine.l3_bytes = bytes;
  }
}

// From a call until another thread begins: the one that comes first waits for it, for 5 ms at most.
double wake_us(double otherwise) {
  constexpr double longest_ns = 5e6;
  std::vector<double> times;
  for (int i = 0; i < 100; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::atomic<int> begun{0};
    std::atomic<bool> met{false};
    const auto start = Clock::now();
    detail::run_slots(2, [&](int) {
      if (begun.fetch_add(1) == 1) {
        met = true;
        return;
      }
      while (begun.load() < 2 && ns_since(start) < longest_ns) {
      }
    });
    const double ns = ns_since(start);
    if (met && ns < longest_ns) times.push_back(ns);
  }
  return times.size() < 10 ? otherwise : 1e-3 * lower_quartile(std::move(times));
}

void measure_threads(CpuMachine& machine, int count) {
  if (count < 2) return;
  machine.thread_wake_us = wake_us(machine.thread_wake_us);
  const Probe& probe = probes[0];
  if (find_engine(probe.engine) == nullptr) return;
  const Problem p = Problem::parse(probe.problem);
  const std::string engine = std::string(probe.engine) + '/' + probe.way;
  const double alone = time_ns(0.5, Run(p, engine));
  set_threads(count);
  const double together = time_ns(0.5, Run(p, engine));
  machine.thread_gain = std::clamp((alone / together - 1) / (count - 1), 0.01, 1.0);
}

/// Threads are as they were when this ends.
class KeptThreads {
 public:
  KeptThreads() = default;
  ~KeptThreads() { set_threads(count); }
  KeptThreads(const KeptThreads&) = delete;
  KeptThreads& operator=(const KeptThreads&) = delete;
  const int count = threads();
};

}  // namespace

CpuMachine calibrate_cpu() {
  const KeptThreads kept;
  set_threads(1);
  CpuMachine machine = shipped_cpu_machine();
  const CpuMachine before = machine;
  const ScopedMachine scope(before);  // so that no file is asked, which may be what is wrong
  machine.name = "calibrated";
  machine.clock_ghz = clock_ghz();
  measure_memory(machine);
  for (const Probe& probe : probes) measure_rate(machine, probe, 1);
  measure_threads(machine, kept.count);
  return machine;
}

}  // namespace faltung
