// NaN and infinity stay where the definition has them, in every way of every engine that says so:
// all of those of the CPU.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>

#include <faltung/plan.hpp>

#include "cpp/core/message.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/error_check.hpp"
#include "tests/support/property_problems.hpp"

namespace faltung::test {
namespace {

using Z = std::complex<double>;

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

bool is_finite(Z value) { return std::isfinite(value.real()) && std::isfinite(value.imag()); }

// Each part finite, NaN, or infinity of the same sign in both.
bool same_class(Z a, Z b) {
  const auto same = [](double x, double y) {
    return std::isnan(x) ? std::isnan(y) : std::isfinite(x) ? std::isfinite(y) : x == y;
  };
  return same(a.real(), b.real()) && same(a.imag(), b.imag());
}

/// Problems with floating sums, most of them small, some with several blocks of transforms, and
/// what is not finite in their operands.
class Planter {
 public:
  explicit Planter(std::uint64_t seed) : draw_(seed), random_(seed) {}

  Problem problem() {
    Problem p;
    do {
      p = tamed(draw_());
      if (chance(16)) lengthen(p);
    } while (is_integer(p.accumulator) || p.multiply_adds() > 1e6 ||
             (p.multiply_adds() > 2e4 && !chance(16)));
    for (Axis& axis : p.axes) {
      for (Boundary* side : {&axis.below, &axis.above}) {
        if (side->kind == BoundaryKind::constant && !is_integer(p.input) && chance(8)) {
          side->value = {any(), is_complex(p.input) && chance(2) ? any() : 0};
        }
      }
    }
    return p;
  }

  Operands operands(const Problem& p) {
    Operands result = filled_operands(p, Fill::reals, random_());
    plant(result.first);
    // A filter that is promised to be an outer product would be none.
    if (!p.separable) plant(result.second);
    if (chance(8)) plant(result.before);
    if (chance(8)) plant(result.bias);
    return result;
  }
  bool chance(std::uint64_t one_in) { return random_() % one_in == 0; }

 private:
  double any() {
    constexpr double values[] = {nan_value, infinity, -infinity};
    return values[random_() % 3];
  }

  // Axes that an engine of transforms cuts.
  void lengthen(Problem& p) {
    const std::size_t rank = p.rank() > 1 ? 2 : 1;
    const std::int64_t points = rank == 1 ? 3000 : 50, taps = rank == 1 ? 200 : 9;
    p.axes.resize(rank);
    p.x_strides = p.w_strides = p.y_strides = {};
    p.batch = 1;
    p.groups = chance(2) ? 1 : p.groups;
    p.in_channels = p.out_channels = p.groups;
    const auto below = [&](std::int64_t n) {
      return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
    };
    for (Axis& axis : p.axes) {
      axis.input = points / 2 + below(points / 2);
      axis.filter = 2 + below(taps);
      axis.pad_hi = std::max<std::int64_t>(axis.pad_hi, 0);
      axis.pad_lo = std::max<std::int64_t>(axis.pad_lo, 0);
      if (chance(2)) axis.pad_lo = axis.pad_hi = axis.filter / 2;
      if (chance(2)) axis.stride = axis.dilation = axis.input_dilation = 1;
    }
  }

  // Zeros, which make NaN of infinities; now and then one sign; and what is not finite: little,
  // much or all.
  void plant(Array& array) {
    if (is_integer(array.dtype()) || array.shape().empty()) return;
    const bool is_z = is_complex(array.dtype());
    const bool one_sign = chance(3), zeros = chance(2);
    const std::int64_t count = element_count(array.shape());
    const double shares[] = {0,
                             1.0 / static_cast<double>(std::max<std::int64_t>(count, 1)),
                             3.0 / static_cast<double>(std::max<std::int64_t>(count, 1)),
                             0.1,
                             0.5,
                             1};
    const double share = shares[random_() % 6];
    const bool one_kind = chance(2);
    const double kind = any();
    std::uniform_real_distribution<double> uniform;
    const auto bad = [&] { return one_kind ? kind : any(); };
    for_each_index(array.shape(), [&](std::int64_t, const Extents& index) {
      Z value = array.get(index);
      if (one_sign) value = {std::abs(value.real()), value.imag()};
      if (zeros && chance(4)) value = 0;
      if (uniform(random_) < share) {
        const std::uint64_t parts = is_z ? random_() % 3 : 0;
        value = {parts != 1 ? bad() : value.real(), parts != 0 ? bad() : value.imag()};
      }
      array.set(index, value);
    });
  }

  RandomProblems draw_;
  std::mt19937_64 random_;
};

Array without_non_finite(const Array& array) {
  Array result = array;
  for_each_index(array.shape(), [&](std::int64_t, const Extents& index) {
    if (!is_finite(array.get(index))) result.set(index, 0);
  });
  return result;
}

/// What the definition makes of the operands.
struct Expected {
  Problem clean_problem;
  Operands clean;      ///< with zeros in place of what is not finite
  Array result;        ///< of the operands as they are
  Array clean_result;  ///< of the others
  Array sums;          ///< as result, but neither activated nor rounded

  Expected(const Problem& p, const Operands& operands) : clean_problem(p) {
    for (Axis& axis : clean_problem.axes) {
      for (Boundary* side : {&axis.below, &axis.above}) {
        if (!is_finite(side->value)) side->value = 0;
      }
    }
    clean = {without_non_finite(operands.first), without_non_finite(operands.second),
             without_non_finite(operands.bias), without_non_finite(operands.before)};
    const auto run = [](const Problem& problem, const Operands& of) {
      return run_guarded(cpu_device(), reference_engine(), problem, of);
    };
    result = run(p, operands);
    clean_result = run(clean_problem, clean);
    Problem wide = p;
    DType& type = p.pass == Pass::forward         ? wide.output
                  : p.pass == Pass::backward_data ? wide.input
                                                  : wide.filter;
    type = wide.accumulator = is_complex(p.accumulator) ? c128 : f64;
    wide.epilogue.activation = {};
    Operands as_read = operands;
    as_read.before = Array(type, operands.before.shape(), operands.before.strides());
    as_read.before.fill([&](const Extents& index) { return operands.before.get(index); });
    if (p.epilogue.bias) {
      as_read.bias = Array(wide.bias_dtype(), operands.bias.shape());
      as_read.bias.fill([&](const Extents& index) { return operands.bias.get(index); });
    }
    sums = run(wide, as_read);
  }

  /// The first fault of an engine's result; empty if there is none.
  [[nodiscard]] std::string fault(const Problem& p, const Array& got,
                                  const ErrorBound& bound) const {
    std::string text;
    const bool scales = is_complex(got.dtype()) &&
                        !(is_complex(clean.first.dtype()) && is_complex(clean.second.dtype()));
    Array finite = got;  // where the sums are, elsewhere as the reference
    for_each_index(got.shape(), [&](std::int64_t, const Extents& index) {
      if (is_finite(sums.get(index))) return;
      const auto bytes = [&](const Array& array) {
        return array.bytes().data() + array.byte_of(index);
      };
      const std::size_t size = size_of(got.dtype());
      std::memcpy(finite.bytes().data() + finite.byte_of(index), bytes(clean_result), size);
      const Z a = result.get(index), b = got.get(index);
      // Infinity may be cut off, or stored as an integer: then it is the same number. A real factor
      // may leave one part of a complex number alone.
      const bool same = is_finite(a) ? std::memcmp(bytes(result), bytes(got), size) == 0 || a == b
                        : scales     ? !is_finite(b)
                                     : same_class(a, b);
      if (same || !text.empty()) return;
      text = message("at ", index, ": ", a, " and ", b);
    });
    if (!text.empty()) return text;
    const double ratio = error_ratio(clean_problem, clean, clean_result, finite, bound);
    if (ratio <= 1) return {};
    return message(ratio, " times the error bound of what is finite [", p, ']');
  }
};

bool is_cpu(const TestDevice& device) { return device.stream().device == Device::cpu(); }

// Emulated kernels take their time.
std::int64_t problem_count() {
  const char* text = std::getenv("FALTUNG_TEST_PROBLEMS");
  if (text != nullptr) return std::strtoll(text, nullptr, 10);
  return is_cpu(*test_devices().front()) ? 20'000 : 1'600;
}

/// An engine under test, where it runs.
struct Subject {
  const TestDevice* device;
  const Engine* engine;
};
std::vector<Subject> subjects() {
  std::vector<Subject> list;
  for (const TestDevice* device : test_devices()) {
    for (const Engine* engine : device->engines()) {
      if (engine != &reference_engine()) list.push_back({device, engine});
    }
  }
  return list;
}

constexpr std::uint64_t parts = 8;
class NonFinite : public ::testing::TestWithParam<std::uint64_t> {};

// FALTUNG_TEST_PROBLEMS asks for more problems than those of every run of the tests.
TEST_P(NonFinite, EveryWayHasTheClassesOfTheDefinition) {
  Planter planter(test_seed() + GetParam());
  std::map<std::string, std::int64_t> runs;
  const std::int64_t problems = problem_count() / static_cast<std::int64_t>(parts);
  for (std::int64_t i = 0; i < problems; ++i) {
    const Problem p = planter.problem();
    p.validate();
    const Operands operands = planter.operands(p);
    std::optional<Expected> expected;
    const bool binds = p.pass != Pass::backward_filter && planter.chance(4);
    for (const auto& [device, engine] : subjects()) {
      for (const WayText& way : engine->ways()) {
        const Offer offer = engine->offer(p, device->stream().device, way.name);
        if (!offer) continue;
        if (!expected) expected.emplace(p, operands);
        const std::string name = message(engine->name(), '/', way.name);
        const auto task = offer.prepare();
        if (task->facts().spreads_non_finite) {
          ASSERT_FALSE(is_cpu(*device) || engine->name() == "cuda.fft") << name;
          continue;
        }
        ++runs[name];
        const Array got =
            run_guarded(*device, *engine, p, operands, {.bind_filter = binds, .way = way.name});
        const std::string fault = expected->fault(p, got, task->error_bound());
        EXPECT_EQ(fault, "") << name << (binds ? " bound" : "") << ", problem " << i << " of part "
                             << GetParam() << " [" << p << ']';
      }
    }
    if (HasFailure()) return;  // the first one says it
  }
  for (const auto& [name, count] : runs) RecordProperty(name, static_cast<int>(count));
  const bool on_cpu = is_cpu(*test_devices().front());
  for (const char* name : {"cpu.fft/transforms", "cpu.fft/integers", "cuda.fft/whole"}) {
    if (on_cpu != std::string_view(name).starts_with("cpu.")) continue;
    EXPECT_GE(runs[name], problems / 100) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, NonFinite, ::testing::Range<std::uint64_t>(0, parts));

// A plan of transforms, and what it makes of x with and without one bad value.
struct Transformed {
  Plan plan;
  Tensor x, w, y, clean;

  explicit Transformed(const char* line)
      : plan(Plan::make(Problem::parse(line), Device::cpu(), {.engine = "cpu.fft"})),
        x(Tensor::zeros(f32, plan.problem().x_shape())),
        w(Tensor::zeros(f32, plan.problem().w_shape())),
        y(Tensor::zeros(f32, plan.problem().y_shape())),
        clean(Tensor::zeros(f32, plan.problem().y_shape())) {
    std::mt19937 random(7);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (float& value : x.values<float>()) value = uniform(random);
    for (float& value : w.values<float>()) value = uniform(random);
  }
  // Results that are not finite; the others must have the bits that zero in its place gives.
  std::int64_t count_with(std::size_t at, float bad) {
    float& value_at = x.values<float>()[at];
    const float before = value_at;
    value_at = 0;
    plan.run(x, w, clean);
    value_at = bad;
    plan.run(x, w, y);
    value_at = before;
    std::int64_t count = 0;
    for (std::size_t i = 0; i < y.values<float>().size(); ++i) {
      const float value = y.values<float>()[i];
      if (!std::isfinite(value)) {
        ++count;
      } else {
        EXPECT_EQ(value, clean.values<float>()[i]) << i;
      }
    }
    return count;
  }
};

TEST(NonFiniteExamples, ANaNInAMillionSamplesReachesAsManyResultsAsThereAreTaps) {
  Transformed signal("op=signal dtype=f32 in=1000000 f=2000 mode=full");
  for (const std::size_t at : {0UL, 123'456UL, 999'999UL}) {
    EXPECT_EQ(signal.count_with(at, std::numeric_limits<float>::quiet_NaN()), 2000) << at;
    EXPECT_TRUE(std::isnan(signal.y.values<float>()[at]));
    EXPECT_TRUE(std::isnan(signal.y.values<float>()[at + 1999]));
  }
}

TEST(NonFiniteExamples, AnInfinitePixelReachesItsNeighbourhood) {
  Transformed image("op=filter dtype=f32 in=80x80 f=31x31 boundary=constant");
  const float infinite = std::numeric_limits<float>::infinity();
  EXPECT_EQ(image.count_with(40 * 80 + 40, infinite), 31 * 31);
  // By the signs of the taps, as a convolution has them.
  EXPECT_TRUE(image.plan.problem().flip);
  for (std::int64_t i = 0; i < 31; ++i) {
    for (std::int64_t j = 0; j < 31; ++j) {
      const float tap = image.w.values<float>()[static_cast<std::size_t>(i * 31 + j)];
      const float got = image.y.values<float>()[static_cast<std::size_t>((25 + i) * 80 + 25 + j)];
      EXPECT_EQ(got, std::copysign(infinite, tap)) << i << ' ' << j;
    }
  }
  EXPECT_EQ(image.count_with(0, infinite), 16 * 16);
}

// A mask: the results that see nothing of it are those of zeros in its place.
TEST(NonFiniteExamples, AMaskedImageKeepsWhatTheMaskDoesNotReach) {
  Transformed image("op=filter dtype=f32 in=200x300 f=15x15 boundary=constant");
  const auto pixels = image.x.values<float>();
  for (std::size_t i = 0; i < 100; ++i) {
    for (std::size_t j = 0; j < 300; ++j) pixels[i * 300 + j] = 0;
  }
  image.plan.run(image.x, image.w, image.clean);
  for (std::size_t i = 0; i < 100; ++i) {
    for (std::size_t j = 0; j < 300; ++j) {
      pixels[i * 300 + j] = std::numeric_limits<float>::quiet_NaN();
    }
  }
  image.plan.run(image.x, image.w, image.y);
  for (std::size_t i = 0; i < 200; ++i) {
    for (std::size_t j = 0; j < 300; ++j) {
      const float value = image.y.values<float>()[i * 300 + j];
      if (i < 107) {
        EXPECT_TRUE(std::isnan(value)) << i << ' ' << j;
      } else {
        EXPECT_EQ(value, image.clean.values<float>()[i * 300 + j]) << i << ' ' << j;
      }
    }
  }
}

}  // namespace
}  // namespace faltung::test
