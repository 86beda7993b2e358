#include "tests/support/operands.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <stdexcept>
#include <vector>

#include "cpp/core/message.hpp"

namespace faltung::test {
namespace {

Array x_array(const Problem& p) { return {p.input, p.x_shape(), p.x_strides}; }
Array w_array(const Problem& p) { return {p.filter, p.w_shape(), p.w_strides}; }
Array y_array(const Problem& p) { return {p.output, p.y_shape(), p.y_strides}; }

std::complex<double> small_integer(std::mt19937_64& random, DType type) {
  const auto below = [&](std::uint64_t n) { return static_cast<double>(random() % n); };
  if (!is_signed(type)) return below(4);
  if (!is_complex(type)) return below(5) - 2;
  const double real = below(5) - 2;
  return {real, below(5) - 2};
}

double uniform(std::mt19937_64& random) {
  return static_cast<double>(static_cast<std::int64_t>(random())) * 0x1p-63;
}

// A line of taps for each axis.
std::vector<std::vector<std::complex<double>>> drawn_factors(const Problem& p, DType type,
                                                             Fill fill, std::mt19937_64& random) {
  std::vector<std::vector<std::complex<double>>> factors;
  for (const Axis& axis : p.axes) {
    std::vector<std::complex<double>> line(static_cast<std::size_t>(axis.filter));
    for (std::complex<double>& factor : line) {
      const double real = uniform(random);
      const bool twice = factors.size() < 2 && random() % 2 == 0;  // i8 holds all products
      factor = (twice ? 2.0 : 1.0) * (!is_signed(type) || real < 0 ? 1 : -1);
      if (random() % 8 == 0) factor = 0;
      if (fill == Fill::reals && !is_integer(type)) factor = real;
    }
    factors.push_back(std::move(line));
  }
  return factors;
}

// The promise of Problem::separable: each filter becomes its first tap times one factor per axis,
// or the sum of several such products. Reals are rounded once, as a filter that somebody multiplied
// out; integers stay exact and small.
void make_separable(const Problem& p, Array& w, Fill fill, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<std::vector<std::vector<std::complex<double>>>> terms;
  for (std::int64_t i = 0; i < p.separable; ++i) {
    terms.push_back(drawn_factors(p, w.dtype(), fill, random));
  }
  const std::size_t first_axis = p.layout == Layout::channels_first ? 2 : 1;
  const Array drawn = w;
  w.fill([&](Extents index) {
    std::complex<double> sum = 0;
    for (const auto& factors : terms) {
      std::complex<double> product = 1;
      for (std::size_t i = 0; i < factors.size(); ++i) {
        product *= factors[i][static_cast<std::size_t>(index[first_axis + i])];
      }
      sum += product;
    }
    for (std::size_t i = 0; i < p.rank(); ++i) index[first_axis + i] = 0;
    return drawn.get(index) * sum;
  });
}

}  // namespace

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* text = std::getenv("FALTUNG_TEST_SEED");
    const std::uint64_t value = text != nullptr ? std::strtoull(text, nullptr, 10) : 20240229;
    std::cout << "FALTUNG_TEST_SEED=" << value << '\n';
    return value;
  }();
  return seed;
}

Operands zero_operands(const Problem& p) {
  const Array bias = p.epilogue.bias ? Array(p.bias_dtype(), {p.result_channels()}) : Array();
  switch (p.pass) {
    case Pass::backward_data:
      return {y_array(p), w_array(p), bias, x_array(p)};
    case Pass::backward_filter:
      return {x_array(p), y_array(p), bias, w_array(p)};
    case Pass::forward:
      break;
  }
  return {x_array(p), w_array(p), bias, y_array(p)};
}

void fill_array(Array& array, Fill fill, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const DType type = array.dtype();
  array.fill([&](const Extents&) -> std::complex<double> {
    if (fill == Fill::reals && !is_integer(type)) {
      const double real = uniform(random);
      return is_complex(type) ? std::complex<double>(real, uniform(random)) : real;
    }
    return small_integer(random, type);
  });
  if (fill == Fill::whole_range && is_integer(type)) {
    for (std::byte& byte : array.bytes()) byte = static_cast<std::byte>(random());
  }
}

Operands filled_operands(const Problem& p, Fill fill, std::uint64_t seed) {
  Operands operands = zero_operands(p);
  std::uint64_t part = seed * 4;
  for (Array* array : {&operands.first, &operands.second, &operands.bias, &operands.before}) {
    fill_array(*array, fill, part++);
  }
  const bool has_filter = p.pass != Pass::backward_filter;
  if (p.separable > 0 && has_filter && element_count(p.w_shape()) > 0) {
    if (fill == Fill::whole_range) fill_array(operands.second, Fill::small_integers, part);
    make_separable(p, operands.second, fill, part);
  }
  return operands;
}

Array run_guarded(const TestDevice& device, const Engine& engine, const Problem& p,
                  const Operands& operands, const RunOptions& options) {
  const Offer offer = engine.offer(p, device.stream().device, options.way);
  if (!offer) throw std::logic_error(message(engine.name(), " refuses [", p, "]: ", offer.refusal));
  const auto task = offer.prepare();
  Array result = operands.before;
  if (p.epilogue.beta == 0) result.poison(options.poison);
  result.poison_gaps(options.poison);
  const std::vector<std::byte> scratch(task->workspace_bytes(), options.poison);

  const GuardedMemory first(device, operands.first.bytes());
  const GuardedMemory second(device, operands.second.bytes());
  const GuardedMemory bias(device, operands.bias.bytes());
  const GuardedMemory output(device, result.bytes());
  const GuardedMemory workspace(device, scratch);
  RunArguments arguments{.stream = device.stream(),
                         .first = first.data() + operands.first.origin(),
                         .second = second.data() + operands.second.origin(),
                         .result = output.data() + result.origin(),
                         .bias = p.epilogue.bias ? bias.data() : nullptr,
                         .prepared = nullptr,
                         .workspace = workspace.data()};
  std::unique_ptr<PreparedFilter> prepared;
  if (options.bind_filter) prepared = task->prepare_filter(device.stream(), arguments.second);
  if (prepared != nullptr) {
    arguments.second = nullptr;
    arguments.prepared = prepared.get();
  }
  task->run(arguments);

  const std::vector<std::byte> before = result.bytes();
  const std::vector<bool> element = result.occupied();
  output.read(result.bytes());
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (!element[i] && before[i] != result.bytes()[i]) {
      ADD_FAILURE() << engine.name() << " wrote between the elements of the result [" << p << ']';
      break;
    }
  }
  for (const GuardedMemory* memory : {&first, &second, &bias, &output, &workspace}) {
    EXPECT_TRUE(memory->intact()) << engine.name() << " wrote outside a buffer [" << p << ']';
  }
  const auto unchanged = [&](const GuardedMemory& memory, const Array& array) {
    std::vector<std::byte> now(array.bytes().size());
    memory.read(now);
    return now == array.bytes();
  };
  EXPECT_TRUE(unchanged(first, operands.first) && unchanged(second, operands.second) &&
              unchanged(bias, operands.bias))
      << engine.name() << " changed an operand [" << p << ']';
  return result;
}

}  // namespace faltung::test
