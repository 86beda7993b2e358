// Sums of integers out of transforms are the definition's, bit for bit, for problems of every kind
// and values at the ends of their types. FALTUNG_FFT_INTEGER_PROBLEMS says how many.

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>

#include <faltung/error.hpp>
#include "cpp/core/integer_digits.hpp"
#include "cpp/core/message.hpp"
#include "cpp/cpu/fft/fft_engine.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/support/operands.hpp"
#include "tests/support/property_problems.hpp"

namespace faltung::test {
namespace {

constexpr const char* pass_names[] = {"fwd", "dgrad", "wgrad"};

int wanted_problems() {
  const char* text = std::getenv("FALTUNG_FFT_INTEGER_PROBLEMS");
  return text != nullptr ? std::atoi(text) : 10'000;
}

/// Forward passes and gradients of integers over one to three axes, some of which have taps.
class IntegerProblems {
 public:
  explicit IntegerProblems(std::uint64_t seed) : draw_(seed), random_(seed) {}

  Problem operator()() {
    for (;;) {
      Problem p = tamed(draw_());
      if (p.rank() > 3) continue;
      p.separable = 0;
      draw_types(p);
      if (!is_integer(p.accumulator)) continue;
      if (random_() % 3 == 0) lengthen(p);
      constant_ends(p);
      const bool taps =
          std::ranges::any_of(p.axes, [](const Axis& axis) { return axis.filter > 1; });
      if (!taps || p.multiply_adds() > 1e5 || !is_valid(p)) continue;
      return p;
    }
  }

 private:
  static bool is_valid(const Problem& p) {
    try {
      p.validate();
    } catch (const InvalidProblem&) {
      return false;
    }
    return true;
  }

  // As they were drawn, or one type for all.
  void draw_types(Problem& p) {
    constexpr DType types[] = {i8, u8, i16, u16, i32, u32, i64, u64};
    if (random_() % 2 == 0) return;
    p.input = p.filter = p.output = types[random_() % 8];
    p.accumulator = default_accumulator(p.input, p.filter, p.output);
    p.overflow = Overflow::wrap;
    p.epilogue = {};
    p.x_strides = p.w_strides = p.y_strides = {};
  }

  // More taps, and more of the input.
  void lengthen(Problem& p) {
    constexpr std::int64_t factors[] = {0, 8, 3, 2};
    const std::int64_t factor = factors[p.rank()];
    for (Axis& axis : p.axes) {
      axis.filter *= factor;
      axis.input = axis.input * factor + axis.effective_filter();
      axis.input_dilation = 1;
    }
    p.batch = std::min<std::int64_t>(p.batch, 1);
    p.x_strides = p.w_strides = p.y_strides = {};
  }

  void constant_ends(Problem& p) {
    const double size = fft::largest_magnitude(p.input);
    for (Axis& axis : p.axes) {
      for (Boundary* side : {&axis.below, &axis.above}) {
        if (side->kind != BoundaryKind::constant || random_() % 2 == 0) continue;
        *side = Boundary::constant(is_signed(p.input)     ? -size
                                   : size_of(p.input) < 8 ? size - 1
                                                          : size / 2);
      }
    }
  }

  RandomProblems draw_;
  std::mt19937_64 random_;
};

/// Values that sums grow by, or wrap by, or hardly.
class Extremes {
 public:
  Extremes(DType type, std::mt19937_64& random) : random_(random), kind_(random() % 8) {
    const int bits = static_cast<int>(8 * size_of(type));
    const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
    low_ = is_signed(type) ? 0 - sign : 0;
    high_ = is_signed(type) ? sign - 1 : sign + (sign - 1);
    shift_ = static_cast<int>(random() % static_cast<std::uint64_t>(bits)) + 64 - bits;
  }

  std::uint64_t operator()(const Extents& index) {
    std::int64_t sum = 0;
    for (std::size_t a = 0; a < index.size(); ++a) sum += index[a];
    switch (kind_) {
      case 0:
        return low_;
      case 1:
        return high_;
      case 2:  // signs that alternate as those of the other operand may
        return sum % 2 == 0 ? low_ : high_;
      case 3:
        return random_() % 2 == 0 ? low_ : high_;
      case 4: {  // the ends, their neighbours and those of 0
        const std::uint64_t near = random_() % 5 - 2;
        const std::uint64_t from[] = {low_ + random_() % 3, high_ - random_() % 3, near};
        return from[random_() % 3];
      }
      case 5:  // one of many
        return random_() % 7 == 0 ? low_ : 0;
      case 6:  // of any size, the same for all
        return random_() >> shift_;
      default:  // each of its own size
        return random_() >> (random_() % 64);
    }
  }

 private:
  std::mt19937_64& random_;
  std::uint64_t kind_;
  std::uint64_t low_, high_;
  int shift_;
};

void fill_extremes(Array& array, std::mt19937_64& random) {
  if (array.shape().size() == 0) return;
  Extremes value(array.dtype(), random);
  for_each_index(array.shape(), [&](std::int64_t, const Extents& index) {
    const std::uint64_t bits = value(index);  // of which the type keeps the low ones
    std::memcpy(array.bytes().data() + array.byte_of(index), &bits, size_of(array.dtype()));
  });
}

TEST(FftInteger, ExtremeValuesGiveTheDefinitionsIntegers) {
  IntegerProblems draw(test_seed());
  std::mt19937_64 random(test_seed());
  std::map<std::string, int> runs;
  const int problems = wanted_problems();
  for (int i = 0; i < problems; ++i) {
    const Problem p = draw();
    Operands operands = filled_operands(p, Fill::whole_range, random());
    fill_extremes(operands.first, random);
    fill_extremes(operands.second, random);
    const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
    const bool bind = p.pass != Pass::backward_filter && random() % 4 == 0;
    int ways = 0;
    for (const WayText& way : fft_engine().ways()) {
      if (!fft_engine().offer(p, Device::cpu(), way.name)) continue;
      ++ways;
      const RunOptions options{.bind_filter = bind, .way = way.name};
      const Array result = run_guarded(cpu_device(), fft_engine(), p, operands, options);
      ASSERT_TRUE(same_elements(expected, result)) << way.name << " [" << p << ']';
      ++runs[message(way.name, ' ', pass_names[static_cast<int>(p.pass)], ' ', p.rank())];
    }
    ASSERT_GT(ways, 0) << p;
  }
  for (const auto& [name, count] : runs) std::cout << name << ": " << count << '\n';
  for (const char* way : {"integers", "digits", "transforms"}) {
    for (const char* pass : pass_names) {
      for (int rank = 1; rank <= 3; ++rank) {
        EXPECT_GE(runs[message(way, ' ', pass, ' ', rank)], problems / 200) << way << pass << rank;
      }
    }
  }
}

}  // namespace
}  // namespace faltung::test
