#include "cpp/cpu/fft/transform.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "cpp/core/strided.hpp"
#include "cpp/cpu/fft/fft_policy.hpp"
#include "cpp/cpu/fft/line_cost.hpp"
#include "cpp/cpu/fft/line_plan.hpp"

namespace faltung::fft {
namespace {

using Z = std::complex<double>;

/// Memory between two canaries, aligned as a workspace is.
template <typename T>
class Guarded {
 public:
  explicit Guarded(std::int64_t count)
      : bytes_(static_cast<std::size_t>(count) * sizeof(T)),
        memory_(static_cast<std::byte*>(::operator new(bytes_ + 2 * margin, alignment))) {
    std::memset(memory_, canary, bytes_ + 2 * margin);
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() {
    for (std::size_t i = 0; i < margin; ++i) {
      EXPECT_EQ(memory_[i], std::byte{canary});
      EXPECT_EQ(memory_[margin + bytes_ + i], std::byte{canary});
    }
    ::operator delete(memory_, alignment);
  }
  T* data() { return reinterpret_cast<T*>(memory_ + margin); }

 private:
  static constexpr std::align_val_t alignment{256};
  static constexpr std::size_t margin = 256;
  static constexpr unsigned char canary = 0xa5;  // as floating numbers: tiny, but not 0
  std::size_t bytes_;
  std::byte* memory_;
};

// The definition, one axis after the other. exp(-2 pi i j (k - shift) / n) on each axis.
std::vector<Z> slow_transform(std::vector<Z> data, Shape shape, bool real) {
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const bool halved = real && axis + 1 == shape.size();
    const std::int64_t n = shape[axis];
    Shape out = shape;
    if (halved) out[axis] = n / 2;
    // Angles in 4 n-ths of a turn: 4 j k, or of the 2 m real numbers 8 j k - 2 j.
    std::vector<Z> roots;
    for (std::int64_t i = 0; i < 4 * n; ++i) {
      roots.push_back(std::polar(
          1.0, -2 * 3.14159265358979323846 * static_cast<double>(i) / static_cast<double>(4 * n)));
    }
    std::vector<Z> result(static_cast<std::size_t>(element_count(out)));
    const std::int64_t step = compact_strides(shape)[axis];
    for_each_index(out, [&](std::int64_t position, const Extents& k) {
      Extents from = k;
      from[axis] = 0;
      const std::int64_t first = offset_of(from, compact_strides(shape));
      Z sum = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        const std::int64_t turns = halved ? 8 * j * k[axis] - 2 * j : 4 * j * k[axis];
        sum += data[static_cast<std::size_t>(first + j * step)] *
               roots[static_cast<std::size_t>((turns % (4 * n) + 4 * n) % (4 * n))];
      }
      result[static_cast<std::size_t>(position)] = sum;
    });
    data = std::move(result);
    shape = out;
  }
  return data;
}

// ||error|| <= 4 u log2(n) ||x||: kernels of FFT libraries measure 0.4 u log2(n) in the root mean
// square. Source: Schatzman, SIAM J. Sci. Comput. 17 (1996) 1150. The definition in double adds
// an error of its own.
template <typename T>
void check(const Shape& shape, const InstructionSet& set, bool against_definition = true) {
  SCOPED_TRACE(::testing::PrintToString(std::vector<std::int64_t>(shape.begin(), shape.end())) +
               " " + std::string(set.name));
  using R = Real<T>;
  const Transform<T> transform(shape, set);
  const std::int64_t count = element_count(shape);
  Guarded<T> data(count), back(count);
  Guarded<R> spectrum(transform.spectrum_values());
  Guarded<std::byte> memory(transform.work_bytes(1));
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<Z> exact;
  double norm = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (is_real<T>) {
      data.data()[i] = static_cast<R>(uniform(random));
    } else {
      data.data()[i] = {static_cast<R>(uniform(random)), static_cast<R>(uniform(random))};
    }
    exact.emplace_back(data.data()[i]);
    norm += std::norm(exact.back());
  }
  const double n = static_cast<double>(count);
  const double u = std::numeric_limits<R>::epsilon() / 2;
  const double bound = 4 * u * (std::log2(n) + 1) * std::sqrt(norm);
  transform.forward(data.data(), transform.whole(), spectrum.data(), {memory.data(), 1});
  if (against_definition) {
    const std::vector<Z> expected = slow_transform(exact, shape, is_real<T>);
    Shape numbers = shape;
    if (is_real<T>) numbers[numbers.size() - 1] /= 2;
    double error = 0;
    const std::vector<std::int64_t> places = transform.places();
    for_each_index(numbers, [&](std::int64_t position, const Extents&) {
      const R* value = spectrum.data() + places[static_cast<std::size_t>(position)];
      error += std::norm(Z(value[0], value[transform.imaginary_offset()]) -
                         expected[static_cast<std::size_t>(position)]);
    });
    // A sum of n terms in double, each term with a root that errs by less than 4 u.
    const double definition = (6 * std::sqrt(n) + 12) * 0x1p-53 * std::sqrt(norm);
    ASSERT_LE(std::sqrt(error), (bound + definition) * std::sqrt(n));
  }
  std::memset(memory.data(), 0x5a, static_cast<std::size_t>(transform.work_bytes(1)));
  transform.inverse(spectrum.data(), back.data(), transform.whole(), {memory.data(), 1});
  double error = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    error += std::norm(Z(back.data()[i]) - exact[static_cast<std::size_t>(i)]);
  }
  ASSERT_LE(std::sqrt(error), 2 * bound);
}

template <typename T>
class TransformTest : public ::testing::Test {};
using Types = ::testing::Types<float, double, std::complex<float>, std::complex<double>>;
TYPED_TEST_SUITE(TransformTest, Types);

TYPED_TEST(TransformTest, MatchesTheDefinitionForEveryShortLength) {
  constexpr std::int64_t step = is_real<TypeParam> ? 2 : 1;
  for (const InstructionSet& set : instruction_sets()) {
    for (std::int64_t n = step; n <= 300; n += step) {
      if (good_length(n) == n) check<TypeParam>({n}, set);
    }
  }
}

TYPED_TEST(TransformTest, MatchesTheDefinitionAlongSeveralAxes) {
  const Shape shapes[] = {
      {2, 2},     {1, 8},       {8, 2},   {6, 10},   {5, 6},   {9, 16},     {3, 4, 6},
      {4, 3, 2},  {2, 3, 4, 2}, {150, 2}, {1, 1, 2}, {30, 36}, {18, 5, 40}, {2, 1, 3, 1, 2, 2},
      {5, 48, 64}};
  for (const InstructionSet& set : instruction_sets()) {
    for (const Shape& shape : shapes) check<TypeParam>(shape, set);
  }
}

TYPED_TEST(TransformTest, MatchesTheDefinitionForLongerLengths) {
  std::mt19937 random(11);
  std::uniform_int_distribution<std::int64_t> length(301, 3000);
  for (const InstructionSet& set : instruction_sets()) {
    for (int i = 0; i < 6; ++i) check<TypeParam>({2 * good_length(length(random) / 2)}, set);
    check<TypeParam>({4096}, set);
    for (const std::int64_t n : {98304, 262144, 43200}) check<TypeParam>({n}, set, false);
  }
}

TYPED_TEST(TransformTest, GivesTheSameBitsWithEveryNumberOfThreads) {
  using T = TypeParam;
  using R = Real<T>;
  for (const InstructionSet& set : instruction_sets()) {
    for (const Shape& shape : {Shape{2048}, Shape{96, 64}, Shape{12, 20, 30}}) {
      const Transform<T> transform(shape, set);
      std::vector<T> data(static_cast<std::size_t>(element_count(shape)));
      for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<R>(i % 17) - R(8.3);
      std::vector<T> expected;
      for (const int slots : {1, 2, 4}) {
        Guarded<std::byte> memory(transform.work_bytes(slots));
        Guarded<R> spectrum(transform.spectrum_values());
        std::vector<T> result(data.size());
        const Box whole = transform.whole();
        transform.forward(data.data(), whole, spectrum.data(), {memory.data(), slots});
        transform.products(spectrum.data(), spectrum.data(), spectrum.data(), true, false);
        transform.filter(data.data(), whole, spectrum.data(), result.data(), whole,
                         {memory.data(), slots});
        if (slots == 1) expected = result;
        EXPECT_EQ(std::memcmp(result.data(), expected.data(), result.size() * sizeof(T)), 0);
      }
    }
  }
}

// Zeros that are said to be zeros, and results nobody asks for, are left out without a trace.
TYPED_TEST(TransformTest, LooksAtNoMoreThanTheBox) {
  using T = TypeParam;
  using R = Real<T>;
  for (const InstructionSet& set : instruction_sets()) {
    for (const Shape& shape : {Shape{48, 96}, Shape{20, 18, 80}, Shape{3, 8, 9, 64}}) {
      const Transform<T> transform(shape, set);
      Box given{shape, shape}, wanted = transform.whole();
      for (std::size_t a = 0; a < shape.size(); ++a) {
        given.begin[a] = shape[a] / 8;
        given.end[a] = shape[a] / 3 + 1;
        wanted.begin[a] = shape[a] / 2 + 1;
      }
      const auto inside = [](const Box& box, const Extents& at, std::size_t axes) {
        bool result = true;
        for (std::size_t a = 0; a < axes; ++a) {
          result = result && at[a] >= box.begin[a] && at[a] < box.end[a];
        }
        return result;
      };
      const auto count = static_cast<std::size_t>(element_count(shape));
      std::vector<T> data(count), zeros(count), expected(count), result(count);
      for_each_index(shape, [&](std::int64_t position, const Extents& at) {
        const auto i = static_cast<std::size_t>(position);
        const R value = static_cast<R>(i % 17) - R(8.3);
        zeros[i] = inside(given, at, shape.size()) ? T(value) : T(0);
        data[i] = inside(given, at, shape.size() - 1) ? zeros[i] : T(R(NAN));
      });
      Guarded<std::byte> memory(transform.work_bytes(1));
      Guarded<R> full(transform.spectrum_values()), boxed(transform.spectrum_values());
      transform.forward(zeros.data(), transform.whole(), full.data(), {memory.data(), 1});
      transform.forward(data.data(), given, boxed.data(), {memory.data(), 1});
      const std::vector<std::int64_t> places = transform.places();
      for (const std::int64_t place : places) {
        ASSERT_EQ(full.data()[place], boxed.data()[place]);
        ASSERT_EQ(full.data()[place + transform.imaginary_offset()],
                  boxed.data()[place + transform.imaginary_offset()]);
      }
      transform.filter(zeros.data(), transform.whole(), full.data(), expected.data(),
                       transform.whole(), {memory.data(), 1});
      transform.filter(data.data(), given, full.data(), result.data(), wanted, {memory.data(), 1});
      for_each_index(shape, [&](std::int64_t position, const Extents& at) {
        const auto i = static_cast<std::size_t>(position);
        if (inside(wanted, at, shape.size())) {
          ASSERT_EQ(result[i], expected[i]);
        }
      });
    }
  }
}

// Wherever NaN or infinity stands: the spectrum shows it at one place, and no number that comes
// back is finite. That numbers grow too large shows, too.
TYPED_TEST(TransformTest, OneNumberTellsWhetherAllAreFinite) {
  using T = TypeParam;
  using R = Real<T>;
  for (const InstructionSet& set : instruction_sets()) {
    for (const Shape& shape : {Shape{2}, Shape{30}, Shape{64}, Shape{250}, Shape{384}, Shape{2048},
                               Shape{1, 8}, Shape{6, 10}, Shape{24, 36}, Shape{3, 4, 30}}) {
      const Transform<T> transform(shape, set);
      const auto count = static_cast<std::size_t>(element_count(shape));
      const Box whole = transform.whole();
      std::vector<T> data(count), result(count);
      Guarded<std::byte> memory(transform.work_bytes(1));
      Guarded<R> ones(transform.spectrum_values()), spectrum(transform.spectrum_values());
      const auto finite = [](T value) {
        return std::isfinite(std::real(value)) && std::isfinite(std::imag(value));
      };
      for (std::size_t i = 0; i < count; ++i) data[i] = static_cast<R>(i % 17) - R(8.3);
      transform.forward(data.data(), whole, ones.data(), {memory.data(), 1});
      ASSERT_TRUE(transform.is_finite(ones.data()));
      for (const R bad : {R(NAN), R(INFINITY), -R(INFINITY)}) {
        for (std::size_t i = 0; i < count; i += 1 + count / 100) {
          const T before = data[i];
          data[i] = bad;
          transform.forward(data.data(), whole, spectrum.data(), {memory.data(), 1});
          ASSERT_FALSE(transform.is_finite(spectrum.data())) << i << " of " << count;
          transform.filter(data.data(), whole, ones.data(), result.data(), whole,
                           {memory.data(), 1});
          ASSERT_TRUE(std::ranges::none_of(result, finite)) << i << " of " << count;
          data[i] = before;
        }
      }
    }
  }
}

// Lines of other lengths are refused when they are made.
TEST(BlockPlan, ChoosesLengthsThatPassesCanDo) {
  for (const InstructionSet& set : instruction_sets()) {
    for (const DType type : {DType::f32, DType::f64, DType::c64, DType::c128}) {
      for (std::int64_t n = 2; n < 4'000'000; n += n / 16 + 1) {
        Problem p;
        p.input = p.filter = p.output = p.accumulator = type;
        p.axes = {Axis{.input = n, .filter = n, .pad_lo = n - 1, .pad_hi = n - 1}};
        const BlockPlan plan = plan_blocks(p, set);
        const bool wide = type == DType::f64 || type == DType::c128;
        const BlockMatrix matrix =
            block_matrix(plan.lengths, !is_complex(type), set.lanes(wide ? 8 : 4));
        EXPECT_NO_THROW(static_cast<void>(radices(matrix.rows))) << to_string(p);
        EXPECT_NO_THROW(static_cast<void>(radices(matrix.columns))) << to_string(p);
      }
    }
  }
}

}  // namespace
}  // namespace faltung::fft
