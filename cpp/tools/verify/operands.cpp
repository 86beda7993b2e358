#include "cpp/tools/verify/operands.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <random>
#include <type_traits>
#include <vector>

namespace faltung::tools {
namespace {

using Random = std::mt19937_64;

/// Small integers reach this far from 0; halved to 1 when a sum has too many terms.
constexpr std::int64_t largest_magnitude = 4;

/// Terms of the longest sum, folding at the boundaries included.
double longest_sum(const Problem& p) {
  double taps = 1;
  double outputs = 1;
  for (const Axis& axis : p.axes) {
    taps *= static_cast<double>(axis.filter);
    outputs *= static_cast<double>(axis.output());
  }
  const double folds = extension_folds(p);
  const double groups = static_cast<double>(p.groups);
  switch (p.pass) {
    case Pass::forward:
      return taps * static_cast<double>(p.in_channels) / groups;
    case Pass::backward_data:
      return taps * std::min(folds, outputs) * static_cast<double>(p.out_channels) / groups;
    case Pass::backward_filter:
      break;
  }
  return outputs * static_cast<double>(p.batch);
}

/// A multiple of 2^-8 that has few bits: products with it keep small integers exact.
bool is_simple(double value) {
  return std::abs(value) <= 256 && value * 256 == std::nearbyint(value * 256);
}

/// The largest magnitude for which all sums are exact; 0 if there is none.
std::int64_t exact_magnitude(const Problem& p) {
  const Epilogue& epilogue = p.epilogue;
  const ActivationKind activation = epilogue.activation.kind;
  const bool exact_activation = activation == ActivationKind::none ||
                                activation == ActivationKind::relu ||
                                activation == ActivationKind::clamp;
  if (!is_simple(epilogue.alpha) || !is_simple(epilogue.beta) || !exact_activation) return 0;
  double boundary = 0;
  for (const Axis& axis : p.axes) {
    for (const std::complex<double> value : {axis.below.value, axis.above.value}) {
      if (value.real() != std::nearbyint(value.real()) ||
          value.imag() != std::nearbyint(value.imag())) {
        return 0;
      }
      boundary = std::max({boundary, std::abs(value.real()), std::abs(value.imag())});
    }
  }
  // Every partial sum is a multiple of 2^-8 (alpha, beta) below 1/u: exact in the accumulator. A
  // complex product is two real ones.
  const double room = 1 / unit_roundoff(p.accumulator);
  for (std::int64_t m = largest_magnitude; m >= 1; m /= 2) {
    const double x = std::max(static_cast<double>(m), boundary);
    // Taps that are sums of outer products are as many times larger.
    const double tap = static_cast<double>(m * std::max<std::int64_t>(1, p.separable));
    const double sum = 2 * longest_sum(p) * x * tap;
    const double rest = static_cast<double>(m) * (std::abs(epilogue.beta) + 1);
    if (256 * (std::max(1.0, std::abs(epilogue.alpha)) * sum + rest) <= room) return m;
  }
  return 0;
}

template <typename T>
T draw(Fill fill, std::int64_t magnitude, Random& random) {
  if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
    using Part = typename T::value_type;
    const Part real = draw<Part>(fill, magnitude, random);
    return {real, draw<Part>(fill, magnitude, random)};
  } else if constexpr (std::is_integral_v<T>) {
    constexpr int bits = std::min<int>(20, 8 * sizeof(T));
    const std::int64_t largest =
        fill == Fill::small_integers ? magnitude : (std::int64_t{1} << (bits - 1)) - 1;
    const std::int64_t smallest = std::is_signed_v<T> ? -largest : 0;
    const auto span = static_cast<std::uint64_t>(largest - smallest + 1);
    return static_cast<T>(smallest + static_cast<std::int64_t>(random() % span));
  } else if (fill == Fill::small_integers) {
    const auto span = static_cast<std::uint64_t>(2 * magnitude + 1);
    return T(static_cast<float>(static_cast<std::int64_t>(random() % span) - magnitude));
  } else {
    const double value = static_cast<double>(random() >> 11) * 0x1p-52 - 1;
    if constexpr (std::is_same_v<T, double>) return value;
    return T(static_cast<float>(value));
  }
}

void fill_storage(Tensor& storage, Fill fill, std::int64_t magnitude, Random& random) {
  visit_dtype(storage.dtype(), [&](auto element) {
    using T = decltype(element);
    for (T& value : storage.values<T>()) value = draw<T>(fill, magnitude, random);
  });
}

/// No right result is NaN, and few integers are 0xa5a5...
void poison(Tensor& storage) {
  if (storage.bytes() == 0) return;
  std::memset(storage.data(), is_integer(storage.dtype()) ? 0xa5 : 0xff, storage.bytes());
}

Operand allocate(DType dtype, const Shape& shape, const Strides& strides) {
  Operand operand;
  operand.shape = shape;
  operand.strides = strides.empty() ? compact_strides(shape) : strides;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::int64_t reach = (shape[i] - 1) * operand.strides[i];
    (reach < 0 ? operand.origin : last) += reach < 0 ? -reach : reach;
  }
  const std::int64_t count = element_count(shape) == 0 ? 0 : operand.origin + last + 1;
  operand.storage = Tensor(dtype, {count});
  return operand;
}

/// One of the factors of a separable filter at tap `i` of an axis: a power of two, so that the
/// product of a drawn value with one factor per axis is exact. Every term has its own; sums of
/// several reals are rounded.
template <typename T>
T separable_factor(Fill fill, std::size_t axis, std::int64_t term, std::int64_t i) {
  const auto place = static_cast<std::size_t>(i);
  const auto number = static_cast<std::size_t>(term);
  const auto choice = (place * 7 + axis * 3 + number * (place / 4 + axis + 1)) % 4;
  constexpr float signs[] = {1, -1, 0, 1};
  constexpr float halves[] = {1, -0.5F, -1, 0.5F};
  constexpr float bits[] = {1, 0, 1, 1};
  if constexpr (std::is_unsigned_v<T>) return static_cast<T>(bits[choice]);
  if constexpr (std::is_integral_v<T>) return static_cast<T>(signs[choice]);
  return T(fill == Fill::reals ? halves[choice] : signs[choice]);
}

/// The promise of Problem::separable: w[k, c, r, s] becomes w[k, c, 0, 0] f(r) g(s), or the sum of
/// several such products.
void make_separable(const Problem& p, Fill fill, Operand& w) {
  const std::size_t first_axis = p.layout == Layout::channels_first ? 2 : 1;
  visit_dtype(w.storage.dtype(), [&](auto element) {
    using T = decltype(element);
    const Tensor drawn = w.storage.clone();
    const auto from = drawn.values<T>();
    const auto to = w.storage.values<T>();
    Extents index = Extents::filled(w.shape.size(), 0);
    for (std::int64_t left = element_count(w.shape); left > 0; --left) {
      std::int64_t place = w.origin;
      for (std::size_t i = 0; i < index.size(); ++i) place += index[i] * w.strides[i];
      std::int64_t corner = place;
      for (std::size_t a = first_axis; a < first_axis + p.rank(); ++a) {
        corner -= index[a] * w.strides[a];
      }
      const T value = from[static_cast<std::size_t>(corner)];
      T sum{};
      for (std::int64_t term = 0; term < p.separable; ++term) {
        T product = value;
        for (std::size_t a = 0; a < p.rank(); ++a) {
          product =
              static_cast<T>(product * separable_factor<T>(fill, a, term, index[first_axis + a]));
        }
        sum = static_cast<T>(sum + product);
      }
      to[static_cast<std::size_t>(place)] = sum;
      std::size_t axis = index.size();
      while (axis-- > 0 && ++index[axis] == w.shape[axis]) index[axis] = 0;
    }
  });
}

}  // namespace

double extension_folds(const Problem& problem) {
  double folds = 1;
  for (const Axis& axis : problem.axes) {
    const auto repeats = [](const Boundary& boundary) {
      return boundary.kind != BoundaryKind::zero && boundary.kind != BoundaryKind::constant;
    };
    if (!repeats(axis.below) && !repeats(axis.above)) continue;
    const std::int64_t extent = axis.dilated_input();
    const std::int64_t extended =
        extent + std::max<std::int64_t>(0, axis.pad_lo) + std::max<std::int64_t>(0, axis.pad_hi);
    // `nearest` repeats one element all along the padding; the others at most every N - 1.
    const bool nearest =
        axis.below.kind == BoundaryKind::nearest || axis.above.kind == BoundaryKind::nearest;
    const std::int64_t period = nearest ? 1 : std::max<std::int64_t>(1, extent - 1);
    folds *= static_cast<double>(extended / period + 1);
  }
  return folds;
}

std::string_view name(Fill fill) noexcept {
  return fill == Fill::small_integers ? "integers" : "reals";
}

bool sums_are_exact(const Problem& problem) {
  return is_integer(problem.accumulator) || exact_magnitude(problem) > 0;
}

ConstTensorView Operand::view() const {
  const auto* data = static_cast<const std::byte*>(storage.data());
  return {data + origin * static_cast<std::int64_t>(size_of(storage.dtype())), storage.dtype(),
          shape, strides, storage.device()};
}

TensorView Operand::view() {
  auto* data = static_cast<std::byte*>(storage.data());
  return {data + origin * static_cast<std::int64_t>(size_of(storage.dtype())), storage.dtype(),
          shape, strides, storage.device()};
}

Operand Operand::to(const Device& device) const {
  return {device == storage.device() ? storage.clone() : storage.to(device), origin, shape,
          strides};
}

Operands make_operands(const Problem& p, Fill fill, std::uint64_t seed) {
  Random random(seed * 2 + static_cast<std::uint64_t>(fill));
  const std::int64_t magnitude = std::max<std::int64_t>(1, exact_magnitude(p));
  Operand x = allocate(p.input, p.x_shape(), p.x_strides);
  Operand w = allocate(p.filter, p.w_shape(), p.w_strides);
  Operand y = allocate(p.output, p.y_shape(), p.y_strides);
  for (Operand* operand : {&x, &w, &y}) fill_storage(operand->storage, fill, magnitude, random);
  if (p.separable > 0) make_separable(p, fill, w);
  Tensor bias;
  if (p.epilogue.bias) {
    bias = Tensor(p.bias_dtype(), {p.result_channels()});
    fill_storage(bias, fill, magnitude, random);
  }
  Operand& result = p.pass == Pass::forward ? y : p.pass == Pass::backward_data ? x : w;
  if (p.epilogue.beta == 0) poison(result.storage);
  switch (p.pass) {
    case Pass::forward:
      return {std::move(x), std::move(w), std::move(y), std::move(bias)};
    case Pass::backward_data:
      return {std::move(y), std::move(w), std::move(x), std::move(bias)};
    case Pass::backward_filter:
      break;
  }
  return {std::move(x), std::move(y), std::move(w), std::move(bias)};
}

}  // namespace faltung::tools
