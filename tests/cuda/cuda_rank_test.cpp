#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <faltung/faltung.hpp>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cpp/core/backend.hpp"
#include "cpp/core/strided.hpp"
#include "tests/emulator/device_records.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/kernel_resources.hpp"

// Rank filters of images on a device are those of the CPU, bit for bit: they choose elements.
namespace faltung {
namespace {

using emulator::machine;

constexpr DType real_types[] = {i8, u8, i16, u16, i32, u32, i64, u64, f16, bf16, f32, f64};

class CudaRank : public ::testing::Test {
 protected:
  void TearDown() override { machine = {}; }
  static void TearDownTestSuite() { clear_plan_cache(); }
};

/// Random bytes, so that NaN of all kinds, infinities and both zeros are among the elements.
Tensor bytes_of(DType type, const Shape& shape, std::mt19937& random) {
  Tensor x(type, shape);
  auto* bytes = static_cast<unsigned char*>(x.data());
  const std::size_t size = size_of(type), count = static_cast<std::size_t>(element_count(shape));
  for (std::size_t i = 0; i < count; ++i) {
    const unsigned kind = random() % 4;  // ties, zeros of both signs, and whatever the bits say
    for (std::size_t b = 0; b < size; ++b) {
      const bool top = b + 1 == size;
      bytes[i * size + b] = static_cast<unsigned char>(kind == 0 ? (top ? 128 * (random() % 2) : 0)
                                                       : kind == 1 ? (top ? 66 : 0)
                                                                   : random());
    }
  }
  return x;
}

void expect_same(const Tensor& host, const Tensor& there) {
  ASSERT_EQ(there.device(), Device::cuda(0));
  ASSERT_EQ(host.dtype(), there.dtype());
  ASSERT_EQ(host.shape(), there.shape());
  const Tensor back = there.to(Device::cpu());
  const std::size_t size = size_of(host.dtype());
  const auto* a = static_cast<const unsigned char*>(host.data());
  const auto* b = static_cast<const unsigned char*>(back.data());
  for (std::int64_t i = 0; i < element_count(host.shape()); ++i) {
    ASSERT_EQ(std::memcmp(a + i * size, b + i * size, size), 0) << "element " << i;
  }
}

void expect_cpu(const Tensor& x, std::int64_t rank, const image::RankOptions& o) {
  expect_same(image::rank_filter(x, rank, o), image::rank_filter(x.to(Device::cuda(0)), rank, o));
}

Boundary boundary_of(std::size_t number) {
  const Boundary rules[] = {Boundary::reflect(), Boundary::zero(),   Boundary::constant(3),
                            Boundary::nearest(), Boundary::mirror(), Boundary::wrap()};
  return rules[number % std::size(rules)];
}

struct Sizes {
  Shape x;
  std::vector<std::int64_t> window;
};
const Sizes few_sizes[] = {{{37}, {5}},
                           {{300}, {33}},
                           {{9, 35}, {3, 3}},
                           {{13, 8}, {4, 7}},
                           {{5, 40}, {1, 6}},
                           {{21, 3}, {8, 1}},
                           {{4, 5, 6}, {3, 2, 4}},
                           {{3, 5, 2, 33}, {1, 3, 1, 4}},
                           {{6, 7, 3}, {3, 3, 1}},
                           {{2, 3}, {7, 9}}};

std::string policy_of(const Tensor& x, const rank::Window& window) {
  const TensorView image{nullptr, x.dtype(), x.shape(), compact_strides(x.shape()),
                         Device::cuda(0)};
  return cuda_backend().make_rank_task(image, image, window)->policy();
}

rank::Window window_of(const Shape& window, std::int64_t chosen) {
  rank::Window w;
  w.extent = w.before = window;
  for (auto& before : w.before) before /= 2;
  w.boundary.resize(window.size(), Boundary::reflect());
  w.members = element_count(window);
  w.rank = chosen;
  return w;
}

TEST_F(CudaRank, ExtremesOfEveryTypeAreThoseOfTheCpu) {
  std::mt19937 random(1);
  unsigned cases = 0;
  for (const DType type : real_types) {
    for (const Sizes& sizes : few_sizes) {
      const Tensor x = bytes_of(type, sizes.x, random);
      for (const std::int64_t rank : {0, -1}) {
        image::RankOptions o{.size = sizes.window, .boundary = boundary_of(cases++)};
        SCOPED_TRACE(testing::Message() << name(type) << ' ' << sizes.x << ' ' << cases);
        expect_cpu(x, rank, o);
      }
    }
  }
}

TEST_F(CudaRank, RanksOfEveryTypeAreThoseOfTheCpu) {
  std::mt19937 random(2);
  unsigned cases = 0;
  for (const DType type : real_types) {
    for (const Sizes& sizes : few_sizes) {
      const Tensor x = bytes_of(type, sizes.x, random);
      const image::RankOptions o{.size = sizes.window, .boundary = boundary_of(cases++)};
      SCOPED_TRACE(testing::Message() << name(type) << ' ' << sizes.x << ' ' << cases);
      const Tensor there = x.to(Device::cuda(0));
      expect_same(image::median_filter(x, o), image::median_filter(there, o));
      if (cases % 3 != 0) continue;
      expect_same(image::percentile_filter(x, 20, o), image::percentile_filter(there, 20, o));
    }
  }
}

// Boundaries of every kind along each axis, and where they meet; origins; axes left out; footprints
// with holes; arrays whose axes lie in another order, with gaps, or backwards; other result types.
TEST_F(CudaRank, EveryOptionIsThatOfTheCpu) {
  std::mt19937 random(3);
  const auto between = [&](std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random() % static_cast<unsigned>(high - low + 1));
  };
  for (unsigned number = 0; number < 240; ++number) {
    const std::size_t rank = number % 20 == 0 ? 5 : 1 + number % 4;
    Shape shape, stored;
    for (std::size_t i = 0; i < rank; ++i) {
      shape.push_back(between(1, rank == 1 ? 70 : rank == 2 ? 20 : rank == 5 ? 3 : 6));
      stored.push_back(2 * shape[i] + 1);
    }
    const DType type = real_types[random() % std::size(real_types)];
    const bool gaps = number % 3 == 0, turned = number % 5 == 0;
    const Tensor whole = bytes_of(type, gaps ? stored : shape, random);
    const Tensor whole_there = whole.to(Device::cuda(0));
    const auto view_of = [&](const Tensor& tensor) {
      ConstTensorView view = tensor.view();
      const auto size = static_cast<std::int64_t>(size_of(type));
      const auto* data = static_cast<const unsigned char*>(view.data);
      view.shape = shape;
      for (std::size_t i = 0; gaps && i < rank; ++i) {
        if (i % 2 == 0) {
          view.strides[i] *= 2;
        } else {
          data += (shape[i] - 1) * view.strides[i] * size;
          view.strides[i] = -view.strides[i];
        }
      }
      view.data = data;
      if (turned && rank > 1) {
        std::swap(view.strides[0], view.strides[rank - 1]);
        std::swap(view.shape[0], view.shape[rank - 1]);
      }
      return view;
    };
    const ConstTensorView x = view_of(whole), x_there = view_of(whole_there);
    image::RankOptions o;
    std::vector<std::int64_t> axes, sizes, origins;
    std::vector<Boundary> boundaries;
    for (std::size_t i = 0; i < rank; ++i) {
      if (rank > 1 && random() % 4 == 0) continue;
      axes.push_back(static_cast<std::int64_t>(i));
      sizes.push_back(between(1, rank > 2 ? 3 : 6));
      origins.push_back(between(-(sizes.back() / 2), (sizes.back() - 1) / 2));
      boundaries.push_back(boundary_of(random()));
    }
    if (axes.empty()) continue;
    std::shuffle(axes.begin(), axes.end(), random);
    o.axes = axes;
    o.origin = origins;
    o.boundary = boundaries;
    Tensor footprint(u8, Shape(sizes));
    std::int64_t members = 0;
    for (std::uint8_t& inside : footprint.values<std::uint8_t>()) {
      inside = random() % 3 != 0;
      members += inside;
    }
    if (members == 0) members = footprint.values<std::uint8_t>()[0] = 1;
    if (number % 2 == 0) {
      o.footprint = footprint.view();
    } else {
      o.size = sizes;
      members = element_count(footprint.shape());
    }
    if (number % 7 == 0 && is_integer(type) == (number % 14 == 0)) o.output = f64;
    const std::int64_t chosen = number % 4 == 0   ? 0
                                : number % 4 == 1 ? members - 1
                                                  : between(0, members - 1);
    SCOPED_TRACE(testing::Message() << number << ' ' << name(type) << ' ' << x.shape);
    expect_same(image::rank_filter(x, chosen, o), image::rank_filter(x_there, chosen, o));
    if (HasFatalFailure()) return;
  }
}

// Networks in registers, of squares along any two axes; with numbers that differ in the last bit.
TEST_F(CudaRank, MediansOfSquaresAreThoseOfTheCpu) {
  std::mt19937 random(11);
  for (const DType type : real_types) {
    for (const std::int64_t side : {3, 5}) {
      const Tensor x = bytes_of(type, {side == 3 ? 14 : 9, 41}, random);
      SCOPED_TRACE(testing::Message() << name(type) << ' ' << side);
      const image::RankOptions o{.size = side, .boundary = boundary_of(random())};
      expect_same(image::median_filter(x, o), image::median_filter(x.to(Device::cuda(0)), o));
      const Tensor volume = bytes_of(type, {6, 7, 5}, random);
      for (const auto& axes : {std::vector<std::int64_t>{0, 1}, {0, 2}, {1, 2}}) {
        const image::RankOptions two{.size = side, .boundary = boundary_of(random()), .axes = axes};
        expect_same(image::median_filter(volume, two),
                    image::median_filter(volume.to(Device::cuda(0)), two));
      }
    }
  }
  // Every order of nine that has zeros and ones alone: what holds for these holds for all (Knuth,
  // The Art of Computer Programming 3, section 5.3.4, theorem Z).
  Tensor all(u8, {3, 3 * 512});
  for (int number = 0; number < 512; ++number) {
    for (int i = 0; i < 9; ++i) all.at<std::uint8_t>(i / 3, 3 * number + i % 3) = number >> i & 1;
  }
  expect_same(image::median_filter(all, {.size = 3}),
              image::median_filter(all.to(Device::cuda(0)), {.size = 3}));
}

TEST_F(CudaRank, EveryGpuGivesTheSame) {
  std::mt19937 random(4);
  const Sizes sizes[] = {{{1, 6000}, {1, 3001}}, {{40, 70}, {9, 5}}, {{6, 9, 40}, {3, 3, 3}}};
  for (const Sizes& s : sizes) {
    const Tensor x = bytes_of(s.x[0] == 1 ? u16 : f32, s.x, random);
    const image::RankOptions o{.size = s.window, .boundary = Boundary::mirror()};
    for (const int architecture : {80, 89, 90, 120}) {
      machine.limits = emulator::device_record(architecture).limits;
      SCOPED_TRACE(architecture);
      expect_cpu(x, 0, o);
      if (element_count(Shape(s.window)) < 100) expect_cpu(x, 7, o);
      if (s.x.size() == 2 && s.x[0] > 1) {
        const image::RankOptions square{.size = 5};
        expect_same(image::median_filter(x, square),
                    image::median_filter(x.to(Device::cuda(0)), square));
      }
    }
  }
  for (const std::string& kernel : emulator::unknown_kernels()) {
    ADD_FAILURE() << kernel << " is not in tests/emulator/kernel_resources.txt";
  }
}

// Which way runs follows from the window; all give the same.
TEST_F(CudaRank, WindowsDecideWhichWayRuns) {
  std::mt19937 random(5);
  const Tensor image = bytes_of(u8, {64, 64}, random);
  const auto starts = [](const std::string& text, const char* with) {
    return text.starts_with(with) && text.find(", ") == std::string::npos;
  };
  EXPECT_TRUE(starts(policy_of(image, window_of({3, 3}, 0)), "extremes"));
  EXPECT_TRUE(starts(policy_of(image, window_of({3, 3}, 8)), "extremes"));
  EXPECT_TRUE(starts(policy_of(image, window_of({3, 4}, 5)), "select"));
  EXPECT_TRUE(starts(policy_of(image, window_of({3, 3}, 5)), "select"));
  EXPECT_TRUE(starts(policy_of(image, window_of({3, 3}, 4)), "median"));
  EXPECT_TRUE(starts(policy_of(image, window_of({5, 5}, 12)), "median"));
  // A frame many times its box: one axis at a time.
  const std::string large = policy_of(bytes_of(u8, {600, 600}, random), window_of({301, 301}, 0));
  EXPECT_EQ(std::count(large.begin(), large.end(), 'e') > 2, true) << large;
  EXPECT_NE(large.find(", extremes"), std::string::npos) << large;
  // No shared memory holds it, and more axes than a box has.
  EXPECT_EQ(policy_of(bytes_of(u8, {64, 64}, random), window_of({800, 801}, 5)), "gather");
  EXPECT_EQ(policy_of(bytes_of(u8, {2, 2, 2, 2}, random), window_of({2, 2, 2, 2}, 5)), "gather");
  EXPECT_EQ(policy_of(bytes_of(f64, {4}, random), window_of({70000}, 0)), "gather");
}

TEST_F(CudaRank, WindowsThatNoBoxServes) {
  std::mt19937 random(6);
  for (const DType type : {u8, i16, f32, f64}) {
    const Tensor x = bytes_of(type, {3, 2, 3, 2}, random);
    const image::RankOptions o{
        .size = std::vector<std::int64_t>{2, 3, 2, 2},
        .boundary = std::vector<Boundary>{Boundary::constant(2), Boundary::wrap(), Boundary::zero(),
                                          Boundary::constant(5)}};
    for (const std::int64_t rank : {0, 7, 23}) expect_cpu(x, rank, o);
  }
  const Tensor line = bytes_of(f64, {5}, random);
  expect_cpu(line, 0, {.size = 40000, .boundary = Boundary::reflect()});
  expect_cpu(line, 31, {.size = 33000, .boundary = Boundary::zero()});
  // Footprints there.
  const Tensor x = bytes_of(i16, {3, 4, 2, 3}, random);
  Tensor footprint(u8, {2, 3, 2, 2});
  for (std::uint8_t& inside : footprint.values<std::uint8_t>()) inside = random() % 2;
  footprint.values<std::uint8_t>()[0] = footprint.values<std::uint8_t>()[7] = 1;
  for (const std::int64_t rank : {0, 1, -1}) {
    expect_cpu(x, rank, {.footprint = footprint.view(), .boundary = Boundary::wrap()});
  }
}

// One axis at a time where windows are large, through memory in between.
TEST_F(CudaRank, LargeWindowsTakeOneAxisAtATime) {
  std::mt19937 random(7);
  machine.limits = emulator::device_record(89).limits;
  const Tensor x = bytes_of(f32, {9, 130, 120}, random);
  const image::RankOptions o{.size = std::vector<std::int64_t>{1, 81, 91},
                             .boundary = std::vector<Boundary>{
                                 Boundary::zero(), Boundary::constant(-2), Boundary::constant(7)}};
  const std::string policy = policy_of(x, window_of({1, 81, 91}, 0));
  EXPECT_NE(policy.find(", extremes"), std::string::npos) << policy;
  expect_cpu(x, 0, o);
  expect_cpu(x, -1, o);
}

TEST_F(CudaRank, PlansRunInAGraphAndAllocateNothing) {
  std::mt19937 random(8);
  const Tensor x = bytes_of(f32, {20, 40}, random), there = x.to(Device::cuda(0));
  Tensor footprint(u8, {3, 3});
  for (std::uint8_t& inside : footprint.values<std::uint8_t>()) inside = random() % 2;
  footprint.values<std::uint8_t>()[4] = 1;
  std::vector<image::RankOptions> all{{.size = 3}, {.footprint = footprint.view()}, {.size = 301}};
  for (const image::RankOptions& o : all) {
    for (const std::int64_t rank : {0, -1}) {
      const FilterPlan plan = image::plan_rank_filter(there.view(), rank, o);
      Tensor y(f32, x.shape(), Device::cuda(0));
      Tensor memory(u8, {static_cast<std::int64_t>(plan.workspace_bytes()) + 1}, Device::cuda(0));
      {
        const emulator::Capture capture;
        emulator::expect_device_kept("FilterPlan::run", [&] {
          plan.run(there, y, {Device::cuda(0)}, {memory.data(), plan.workspace_bytes()});
        });
      }
      expect_same(image::rank_filter(x, rank, o), y);
    }
  }
}

TEST_F(CudaRank, SignalsAndEmptyImages) {
  std::mt19937 random(9);
  const Tensor x = bytes_of(f32, {7, 11}, random), there = x.to(Device::cuda(0));
  expect_same(signal::medfilt(x), signal::medfilt(there));
  expect_same(signal::medfilt2d(x, 5), signal::medfilt2d(there, 5));
  const Tensor domain = Tensor::from<float>({0, 1, 0, 1, 1, 1, 0, 1, 0}, {3, 3});
  expect_same(signal::order_filter(x, domain, 1), signal::order_filter(there, domain, 1));
  for (const Shape& shape : {Shape{0, 5}, Shape{}}) {
    const Tensor some = bytes_of(f32, shape, random);
    if (shape.empty()) {
      expect_same(image::rank_filter(some, 0, {.size = 1}),
                  image::rank_filter(some.to(Device::cuda(0)), 0, {.size = 1}));
    } else {
      expect_same(image::median_filter(some, {.size = 3}),
                  image::median_filter(some.to(Device::cuda(0)), {.size = 3}));
    }
  }
}

// A result is written once, and each element read as often as frames of boxes overlap; whole
// sectors; and threads side by side find their keys in different banks.
TEST_F(CudaRank, MovesNoMoreThanThePolicySays) {
  std::mt19937 random(10);
  machine.limits.multiprocessors = 8;  // boxes as of a larger image
  const Tensor x = bytes_of(f32, {256, 1024}, random).to(Device::cuda(0));
  for (const std::int64_t rank : {0, 2}) {
    emulator::Recorder recorder;
    (void)image::rank_filter(x, rank, {.size = std::vector<std::int64_t>{3, rank == 0 ? 3 : 1}});
    ASSERT_EQ(recorder.reports().size(), 1U);
    // A row of 66 keys begins and ends within a sector; boxes of 64 by 32 reach 66 by 34.
    emulator::expect_within(recorder.reports()[0],
                            {.read_sector_use = 0.7, .read_redundancy = 1.25});
  }
}

}  // namespace
}  // namespace faltung
