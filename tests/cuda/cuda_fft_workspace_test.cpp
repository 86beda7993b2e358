#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include <faltung/plan.hpp>

#include "cpp/core/machine.hpp"
#include "cuda/fft/fft_batches.hpp"
#include "cuda/fft/fft_engine.hpp"
#include "cuda/fft/fft_lowering.hpp"
#include "tests/cuda/prepared.hpp"

// cuda.fft with less workspace than it wishes, on the emulated device.
namespace faltung::cuda {
namespace {

// The engine, with a limit of the workspace.
class LimitedEngine final : public Engine {
 public:
  explicit LimitedEngine(std::size_t limit) : limit_(limit) {}
  std::string_view name() const override { return fft_engine().name(); }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  std::vector<WayText> ways() const override { return fft_engine().ways(); }

 private:
  Offer answer(const Problem& p, const Device& device, std::string_view way) const override {
    Offer offer = fft_engine().offer(p, device, way);
    offer.prepare = [within = offer.prepare_within, limit = limit_] { return within(limit); };
    return offer;
  }
  std::size_t limit_;
};

std::size_t bytes_within(const Problem& p, std::size_t limit) {
  return fft_engine().offer(p, Device::cuda(0)).prepare_within(limit)->workspace_bytes();
}

// In one element of each operand, NaN in one and infinity in the other.
void plant_non_finite(test::Operands& operands) {
  const auto plant = [](test::Array& array, double value) {
    if (is_integer(array.dtype())) return;
    Extents last;
    for (const std::int64_t extent : array.shape()) last.push_back(extent - 1);
    array.set(last, value);
  };
  plant(operands.first, std::numeric_limits<double>::infinity());
  plant(operands.second, std::numeric_limits<double>::quiet_NaN());
}

constexpr std::size_t no_limit = ~std::size_t{0};

// Any limit: kept, down to the least; and the same bits, with the filter bound, too, and with
// numbers that are not finite, of which sections share marks.
TEST(CudaFftWorkspace, KeepsToTheLimit) {
  for (const char* line : {"op=fwd dtype=f32 n=5 c=3 k=2 in=90 f=9 pad=4",
                           "op=fwd dtype=f32 n=2 c=10 k=6 g=2 in=9x9 f=5x4 pad=2 bias=1",
                           "op=fwd dtype=f16 n=2 c=4 k=8 g=4 in=40 f=9 pad=4 layout=nhwc",
                           "op=fwd dtype=c128 n=2 in=3000 f=20",
                           "op=dgrad dtype=f32 n=3 c=2 k=4 in=9x8 f=3x4 pad=1 boundary=wrap",
                           "op=dgrad dtype=f32 n=3 c=7 k=5 in=9x8 f=3x4 pad=1",
                           "op=dgrad dtype=f32 n=2 c=2 k=2 in=9000 f=33 pad=16",
                           "op=wgrad dtype=f32 n=7 c=3 k=4 in=60 f=9 pad=4",
                           "op=fwd dtype=i32 n=3 c=4 k=3 in=60 f=9 pad=4 boundary=mirror",
                           "op=dgrad dtype=i64 n=2 c=2 k=2 in=30 f=7 pad=3",
                           "op=wgrad dtype=i32:i32:i64 n=3 c=3 k=2 in=30 f=7 pad=3",
                           "op=wgrad dtype=f64 n=3 c=6 k=9 g=3 in=9x7 f=3x4 pad=1"}) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    const std::size_t wish = bytes_within(p, no_limit), min = bytes_within(p, 0);
    EXPECT_LT(min, wish);
    const test::Operands finite = test::filled_operands(
        p, is_integer(p.accumulator) ? test::Fill::whole_range : test::Fill::reals,
        test::test_seed());
    test::Operands planted = finite;
    plant_non_finite(planted);
    const test::TestDevice& device = *test::test_devices()[0];
    const test::Array expected[] = {test::run_guarded(device, fft_engine(), p, finite),
                                    test::run_guarded(device, fft_engine(), p, planted)};
    for (std::size_t i = 0; i < 32; ++i) {
      const std::size_t limit = wish * i / 31;
      EXPECT_LE(bytes_within(p, limit), std::max(min, limit));
      const LimitedEngine limited(limit);
      const bool bind = p.pass != Pass::backward_filter && i % 2 == 1;
      const std::size_t which = i % 8 == 2 || i % 8 == 5 ? 1 : 0;
      const test::Array result = test::run_guarded(
          device, limited, p, which == 0 ? finite : planted, {.bind_filter = bind});
      EXPECT_TRUE(test::same_elements(expected[which], result)) << limit;
    }
  }
}

// Whatever the channels, the least is what one of each asks for: an array of points, the spectra of
// x, y and a filter, and what cuFFT wants.
TEST(CudaFftWorkspace, TheLeastIsAFewTransforms) {
  for (const char* pass : {"fwd", "dgrad", "wgrad"}) {
    SCOPED_TRACE(pass);
    const std::string op = std::string("op=") + pass;
    const std::string axes = " in=64x64 f=33x33";
    const auto least = [&](const std::string& rest) {
      return bytes_within(Problem::parse(op + rest + axes), 0);
    };
    const std::size_t one = least(" dtype=f32");
    // Loads of so many have callbacks, which take the description of an array.
    EXPECT_LE(least(" dtype=f32 n=7 c=512 k=384"), one + 256);
    setenv("FALTUNG_CUFFT_CALLBACKS", "off", 1);
    EXPECT_EQ(least(" dtype=f32 n=7 c=512 k=384"), one);
    EXPECT_EQ(least(" dtype=f32 n=3 c=96 k=96 g=96"), one);
    unsetenv("FALTUNG_CUFFT_CALLBACKS");
    EXPECT_LE(one, std::size_t{7} * 96 * 98 * sizeof(float));
  }
}

// The fastest first, the least last; blocks of an image that folds stay together.
TEST(CudaFftWorkspace, BatchesAreSortedByTime) {
  for (const char* line : {"op=fwd dtype=f32 n=64 c=96 k=64 in=64x64 f=17x17",
                           "op=dgrad dtype=f32 n=16 c=3 k=4 in=90000 f=65 boundary=wrap pad=32",
                           "op=wgrad dtype=f32 n=16 c=8 k=24 g=4 in=90000 f=65"}) {
    SCOPED_TRACE(line);
    const Problem p = Problem::parse(line);
    const fft::Numbers numbers = fft::numbers_of(p);
    fft::Geometry g = fft::lower(p);
    fft::cut(numbers, fft::needed_ranges(p), g);
    const std::vector<fft::Batches> found = fft::smaller_batches(numbers, g);
    const auto us = [&](const fft::Batches& b) {
      return fft::predict_us(reference_gpu_machine(), numbers, g, b);
    };
    const auto bytes = [&](const fft::Batches& b) { return fft::lay_out(numbers, g, b, 0).end; };
    EXPECT_GE(found.size(), 10U);
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end() - 1,
                               [&](const auto& a, const auto& b) { return us(a) < us(b); }));
    for (const fft::Batches& b : found) {
      EXPECT_GE(bytes(b), bytes(found.back()));
      EXPECT_EQ(b.units % (g.folds ? g.blocks : 1), 0);
    }
  }
}

}  // namespace
}  // namespace faltung::cuda
