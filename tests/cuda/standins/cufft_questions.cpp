#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "cpp/core/message.hpp"
#include "cuda/fft/fft_callbacks.hpp"
#include "cuda/runtime/cufft.hpp"
#include "cuda/runtime/vendor_library.hpp"
#include "tests/cuda/standins/questions.hpp"

// What is asked of cuFFT.
namespace faltung::test {
namespace {

using namespace cuda::cufft;  // NOLINT: all of it
using cuda::cufft::Plan;      // and not that of the library

const Functions& functions() {
  static const Functions found = [] {
    Functions f;
    for_each_function(f, [](const char* function, auto*& pointer) {
      cuda::cufft_library().load(function, pointer);
    });
    return f;
  }();
  return found;
}

// A plan of one axis by the library's own calls.
struct RawPlan {
  Handle handle = -1;
  std::size_t work_bytes = 0;

  RawPlan() {
    (void)functions().create(&handle);
    (void)functions().set_auto_allocation(handle, 0);
  }
  RawPlan(const RawPlan&) = delete;
  RawPlan& operator=(const RawPlan&) = delete;
  ~RawPlan() { (void)functions().destroy(handle); }
  Status make(long long n, long long batch, Type from, Type to, Type how, bool embed = false) {
    return functions().make_plan_many(handle, 1, &n, embed ? &n : nullptr, 1, n, from, nullptr, 1,
                                      n, to, batch, &work_bytes, how);
  }
};

std::string status_of(long long n, long long batch, Type from, Type to, bool embed = false) {
  RawPlan plan;
  return std::string(name(plan.make(n, batch, from, to, Type::c64, embed)));
}

std::string second_plan() {
  RawPlan plan;
  (void)plan.make(64, 1, Type::c64, Type::c64, Type::c64);
  return std::string(name(plan.make(64, 1, Type::c64, Type::c64, Type::c64)));
}

std::string work_of(long long n, long long batch) {
  RawPlan plan;
  const Status status = plan.make(n, batch, Type::c64, Type::c64, Type::c64);
  return status == Status::success ? message(plan.work_bytes, " bytes") : std::string(name(status));
}

std::vector<float> some_values(std::size_t count) {
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i * 7 % 11) - 5.3F);
  return values;
}

std::string input_after_inverse() {
  const Plan plan({1, {64}, 1}, Kind::complex_to_real, false);
  const Buffer<float> in(some_values(66)), out(64), area(plan.work_bytes() / 4 + 64);
  plan.set(nullptr, area.data());
  plan.run(in.data(), out.data(), Direction::inverse);
  const auto after = in.read();
  if (after == some_values(66)) return "kept";
  return std::ranges::any_of(after, [](float v) { return std::isnan(v); }) ? "NaN" : "changed";
}

std::string bits_in_a_batch() {
  constexpr std::size_t n = 1000, bins = n / 2 + 1;
  const auto spectrum = [&](long long batch) {
    const Plan plan({1, {n}, batch}, Kind::real_to_complex, false);
    const Buffer<float> in(some_values(3 * n)), out(3 * 2 * bins), area(plan.work_bytes() / 4 + 64);
    plan.set(nullptr, area.data());
    plan.run(in.data(), out.data(), Direction::forward);
    return out.read();
  };
  const auto one = spectrum(1), three = spectrum(3);
  return std::memcmp(one.data(), three.data(), 2 * bins * sizeof(float)) == 0 ? "equal" : "differ";
}

std::string unaligned_input() {
  RawPlan plan;
  (void)plan.make(64, 1, Type::c64, Type::c64, Type::c64);
  const Buffer<float> in(some_values(130)), out(128), area(plan.work_bytes / 4 + 64);
  (void)functions().set_work_area(plan.handle, area.data());
  const Status status =
      functions().exec(plan.handle, in.data() + 1, out.data(), Direction::forward);
  (void)out.read();
  return std::string(name(status));
}

// Two arrays of 64 points, of which those past the 60th are zeros: as memory, and through a
// callback from what is described.
std::string callback_input() {
  namespace fft = cuda::fft;
  constexpr std::size_t n = 64, held = 60, bins = n / 2 + 1;
  if (!fft::callbacks_refusal().empty()) return "no callbacks";
  fft::Geometry g;
  g.block[2].length = g.points = n;
  const Callback load = fft::load_callback({}, g, DType::f32);
  const Plan memory({1, {n}, 2}, Kind::real_to_complex, false);
  const Plan called({1, {n}, 2}, Kind::real_to_complex, false, &load);
  const auto values = some_values(2 * held);
  std::vector<float> whole(2 * n);
  for (std::size_t i = 0; i < 2 * held; ++i) whole[i / held * n + i % held] = values[i];
  const Buffer<float> tensor(values), in(whole), out(2 * 2 * bins), found(2 * 2 * bins);
  fft::FusedLoad head;
  head.from = reinterpret_cast<const unsigned char*>(tensor.data());
  head.points = cuda::Divisor(n);
  head.axis[2].stride = 1;
  head.axis[2].extent = held;
  std::vector<std::uint32_t> words(fft::fused_bytes(2) / 4);
  std::memcpy(words.data(), &head, sizeof(head));
  for (std::size_t b = 0; b < 2; ++b) {
    fft::FusedBlock block;
    block.base = static_cast<std::int64_t>(b * held);
    block.line[0].window = n;
    std::memcpy(reinterpret_cast<char*>(words.data()) + fft::fused_bytes(0) + b * sizeof(block),
                &block, sizeof(block));
  }
  const Buffer<std::uint32_t> described(words);
  const Buffer<float> area(std::max(memory.work_bytes(), called.work_bytes()) / 4 + 64);
  memory.set(nullptr, area.data());
  memory.run(in.data(), out.data(), Direction::forward);
  called.set(nullptr, area.data());
  called.run(described.data(), found.data(), Direction::forward);
  const auto expected = out.read(), given = found.read();
  float most = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    most = std::max(most, std::abs(expected[i] - given[i]));
  }
  // Other kernels may round otherwise: 60 values of at most 6, in six steps of two roundings each.
  return most == 0 ? "equal" : most <= 360 * 12 * 0x1p-24F ? "equal but for rounding" : "differ";
}

}  // namespace

std::vector<Question> cufft_questions() {
  return {
      {"cufft.length_of_0", [] { return status_of(0, 1, Type::c64, Type::c64); }},
      {"cufft.batch_of_0", [] { return status_of(8, 0, Type::c64, Type::c64); }},
      {"cufft.types_of_two_widths", [] { return status_of(8, 1, Type::c64, Type::c128); }},
      {"cufft.two_real_types", [] { return status_of(8, 1, Type::f32, Type::f32); }},
      {"cufft.one_embed", [] { return status_of(8, 1, Type::c64, Type::c64, true); }},
      {"cufft.second_plan", second_plan},
      {"cufft.work_of_4096", [] { return work_of(4096, 1); }},
      {"cufft.work_of_65536", [] { return work_of(65536, 1); }},
      {"cufft.work_of_10007", [] { return work_of(10007, 1); }},
      {"cufft.input_after_inverse", input_after_inverse},
      {"cufft.bits_in_a_batch", bits_in_a_batch},
      {"cufft.unaligned_input", unaligned_input},
      {"cufft.callback_input", callback_input},
  };
}

}  // namespace faltung::test
