#include "tests/cuda/standins/cufft_plan.hpp"

#include <cuda_runtime.h>

#include <limits>
#include <utility>

#include "cuda/primitives/memory.cuh"
#include "tests/cuda/standins/library_kernel.hpp"

namespace faltung::test {
namespace {

using cuda::Global;
using cuda::Vec;

template <typename Part>
Number load(void* data, const Side& side, long long at) {
  if (side.complex) {
    const auto value = Global<Part>(static_cast<Part*>(data)).template load<2>(2 * at);
    return {value[0], value[1]};
  }
  const Part value = Global<Part>(static_cast<Part*>(data))[at];
  return value;
}

template <typename Part>
void store(void* data, const Side& side, long long at, Number value) {
  const Global<Part> to(static_cast<Part*>(data));
  if (side.complex) {
    to.template store<2>(
        2 * at, Vec<Part, 2>{{static_cast<Part>(value.real()), static_cast<Part>(value.imag())}});
  } else {
    to[at] = static_cast<Part>(value.real());
  }
}

// What a callback gives, by its signature.
template <typename Part>
Number call(const CufftCallback& callback, void* input, long long offset) {
  struct alignas(2 * sizeof(Part)) Complex {
    Part x, y;
  };
  const auto as =
      [&]<typename Result>(Result (*function)(void*, unsigned long long, void*, void*)) {
        return function(input, static_cast<unsigned long long>(offset), callback.info, nullptr);
      };
  using Type = cuda::cufft::CallbackType;
  using Real = Part (*)(void*, unsigned long long, void*, void*);
  if (callback.type == Type::load_f32 || callback.type == Type::load_f64) {
    return as(reinterpret_cast<Real>(callback.function));
  }
  using Both = Complex (*)(void*, unsigned long long, void*, void*);
  const Complex value = as(reinterpret_cast<Both>(callback.function));
  return {value.x, value.y};
}

template <typename Part>
void run_all(const CufftPlan& plan, void* input, void* output, int direction) {
  const int sign = plan.real_in() ? -1 : plan.real_out() ? 1 : direction;
  const std::vector<long long> in = plan.in.places(), out = plan.out.places();
  std::vector<std::vector<Number>> all;
  for (long long b = 0; b < plan.batch; ++b) {
    std::vector<Number> values;
    for (const long long place : in) {
      const long long at = b * plan.in.dist + place;
      values.push_back(plan.callback.function == nullptr ? load<Part>(input, plan.in, at)
                                                         : call<Part>(plan.callback, input, at));
    }
    if (plan.real_out()) values = whole_spectrum(values, plan.n);
    transform(values, plan.n, sign);
    all.push_back(std::move(values));
  }
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  if (plan.real_out() && input != output) {
    for (long long b = 0; b < plan.batch; ++b) {
      for (const long long place : in) {
        store<Part>(input, plan.in, b * plan.in.dist + place, {nan, nan});
      }
    }
  }
  const long long kept = plan.out.n.back(), last = plan.n.back();
  for (long long b = 0; b < plan.batch; ++b) {
    const Number* from = all[static_cast<std::size_t>(b)].data();
    for (std::size_t i = 0; i < out.size(); i += static_cast<std::size_t>(kept), from += last) {
      for (long long k = 0; k < kept; ++k) {
        const long long place = out[i + static_cast<std::size_t>(k)];
        store<Part>(output, plan.out, b * plan.out.dist + place, from[k]);
      }
    }
  }
  const Global<float> area(static_cast<float*>(plan.area));
  const auto numbers = static_cast<long long>(plan.area == nullptr ? 0 : plan.work / sizeof(float));
  for (long long i = 0; i < numbers; i += 4) {
    const auto poison = static_cast<float>(nan);
    area.store<4>(i, Vec<float, 4>{{poison, poison, poison, poison}});
  }
}

}  // namespace

long long Side::count() const {
  long long count = 1;
  for (const long long extent : n) count *= extent;
  return count;
}

long long Side::place(long long b, long long index) const {
  long long offset = 0, step = 1;
  for (std::size_t a = n.size(); a-- > 0; step *= embed[a], index /= n[a]) {
    offset += index % n[a] * step;
    if (a == 0) break;
  }
  return b * dist + offset * stride;
}

std::vector<long long> Side::places() const {
  std::vector<long long> places{0};
  for (std::size_t a = 0; a < n.size(); ++a) {
    long long step = stride;
    for (std::size_t inner = a + 1; inner < n.size(); ++inner) step *= embed[inner];
    std::vector<long long> of_axes;
    for (const long long outer : places) {
      for (long long i = 0; i < n[a]; ++i) of_axes.push_back(outer + i * step);
    }
    places = std::move(of_axes);
  }
  return places;
}

std::size_t Side::span(long long batch) const {
  return static_cast<std::size_t>(place(batch - 1, count() - 1) + 1) * element_bytes();
}

void CufftPlan::load() { load_library_kernel({.registers = 32, .max_threads = 1024}); }

void CufftPlan::run(void* input, void* output, int direction) const {
  launch_library_kernel("cufft", stream, [&] {
    in.part_bytes == 4 ? run_all<float>(*this, input, output, direction)
                       : run_all<double>(*this, input, output, direction);
  });
}

}  // namespace faltung::test
