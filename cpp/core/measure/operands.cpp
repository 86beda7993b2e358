#include "cpp/core/measure/operands.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <type_traits>
#include <utility>

#include "cpp/core/element.hpp"
#include "cpp/core/strided.hpp"

namespace faltung::measuring {
namespace {

constexpr int largest_integer = 12;

// SplitMix64. Source: Steele, Lea & Flood, OOPSLA 2014.
std::uint64_t draw(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

float uniform(std::uint64_t& state) {
  return static_cast<float>(static_cast<std::int32_t>(draw(state) >> 32)) * 0x1p-31f;
}

// @param scale  a power of two, 0, or for integers at most 1
template <typename T>
T value(std::uint64_t& state, float scale) {
  if constexpr (is_complex(dtype_of<T>)) {
    using Part = typename T::value_type;
    const float real = uniform(state), imaginary = uniform(state);
    return T(static_cast<Part>(real * scale), static_cast<Part>(imaginary * scale));
  } else if constexpr (is_integer(dtype_of<T>)) {
    return static_cast<T>(draw(state) % (largest_integer + 1) * static_cast<std::uint64_t>(scale));
  } else {
    return T(uniform(state) * scale);
  }
}

std::int64_t reach(const Shape& shape, const Strides& strides, bool below) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::int64_t span = (shape[i] - 1) * strides[i];
    if ((span < 0) == below) sum += std::abs(span);
  }
  return sum;
}

Operand allocate(DType dtype, const Shape& shape, const Strides& strides) {
  const bool empty = element_count(shape) == 0;
  const std::int64_t before = empty ? 0 : reach(shape, strides, true);
  const std::int64_t count = empty ? 0 : before + reach(shape, strides, false) + 1;
  return {Tensor::zeros(dtype, {count}), before, shape, strides};
}

void fill(Tensor& tensor, std::uint64_t& state) {
  visit_dtype(tensor.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (T& element : tensor.values<T>()) element = value<T>(state, 1);
  });
}

// The factor of one axis of an outer product: powers of two, so that products with it are exact.
float factor(std::int64_t tap, std::size_t axis, bool integers) {
  constexpr float reals[] = {1, -0.5f, 0.5f, -1}, bits[] = {1, 0, 1, 1};
  const auto place = static_cast<std::size_t>(tap * 7) + axis * 3;
  return integers ? bits[place % 4] : reals[place % 4];
}

// Each filter its own number times one outer product, which any count of products promises too.
void fill_separable(const Problem& p, Operand& w, std::uint64_t seed) {
  const std::size_t first_axis = p.layout == Layout::channels_first ? 2 : 1;
  const std::size_t channel = p.layout == Layout::channels_first ? 1 : w.shape.size() - 1;
  visit_dtype(w.storage.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto values = w.storage.values<T>();
    for_each_index(w.shape, [&](std::int64_t, const Extents& index) {
      std::uint64_t state =
          seed + static_cast<std::uint64_t>(index[0] * w.shape[channel] + index[channel]);
      float scale = 1;
      for (std::size_t a = 0; a < p.rank(); ++a) {
        scale *= factor(index[first_axis + a], a, is_integer(dtype_of<T>));
      }
      values[static_cast<std::size_t>(w.origin + offset_of(index, w.strides))] =
          value<T>(state, scale);
    });
  });
}

double largest(DType type) {
  return is_integer(type) ? largest_integer : is_complex(type) ? M_SQRT2 : 1;
}

Strides given_or_compact(const Strides& strides, const Shape& shape) {
  return strides.empty() ? compact_strides(shape) : strides;
}

}  // namespace

ConstTensorView Operand::view() const {
  const auto* data = static_cast<const std::byte*>(storage.data());
  return {data + origin * static_cast<std::int64_t>(size_of(storage.dtype())), storage.dtype(),
          shape, strides, storage.device()};
}

Layouts layouts_of(const Problem& p) {
  const Shape x = p.x_shape(), w = p.w_shape(), y = p.y_shape();
  const Strides xs = given_or_compact(p.x_strides, x), ws = given_or_compact(p.w_strides, w),
                ys = given_or_compact(p.y_strides, y);
  switch (p.pass) {
    case Pass::backward_data:
      return {y, w, x, ys, ws, xs};
    case Pass::backward_filter:
      return {x, y, w, xs, ys, ws};
    case Pass::forward:
      break;
  }
  return {x, w, y, xs, ws, ys};
}

double operand_bytes(const Problem& p) {
  const Layouts all = layouts_of(p);
  const bool data = p.pass == Pass::backward_data, filter = p.pass == Pass::backward_filter;
  const auto bytes = [](const Shape& shape, const Strides& strides, DType type) {
    if (element_count(shape) == 0) return 0.0;
    const auto elements = reach(shape, strides, true) + reach(shape, strides, false) + 1;
    return static_cast<double>(elements) * static_cast<double>(size_of(type));
  };
  return bytes(all.first, all.first_strides, data ? p.output : p.input) +
         bytes(all.second, all.second_strides, filter ? p.output : p.filter) +
         bytes(all.result, all.result_strides, p.result_dtype());
}

Operands make_operands(const Problem& p, std::uint64_t seed) {
  const Layouts all = layouts_of(p);
  const bool data = p.pass == Pass::backward_data, filter = p.pass == Pass::backward_filter;
  const DType first = data ? p.output : p.input, second = filter ? p.output : p.filter;
  Operands operands{allocate(first, all.first, all.first_strides),
                    allocate(second, all.second, all.second_strides),
                    allocate(p.result_dtype(), all.result, all.result_strides),
                    {},
                    0};
  fill(operands.first.storage, seed);
  if (p.separable > 0 && !filter) {
    fill_separable(p, operands.second, seed);
  } else {
    fill(operands.second.storage, seed);
  }
  if (p.epilogue.beta != 0) fill(operands.result.storage, seed);
  if (p.epilogue.bias) {
    operands.bias = Tensor(p.bias_dtype(), {p.result_channels()});
    fill(operands.bias, seed);
  }
  double extended = largest(p.input);
  for (const Axis& axis : p.axes) {
    extended = std::max({extended, std::abs(axis.below.value), std::abs(axis.above.value)});
  }
  operands.largest_product =
      (data ? largest(p.output) : extended) * (filter ? largest(p.output) : largest(p.filter));
  return operands;
}

}  // namespace faltung::measuring
