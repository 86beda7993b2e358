#include "tests/surface/case.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <sstream>
#include <stdexcept>

#include "cpp/core/strided.hpp"

namespace faltung::test::surface {
namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::uint64_t mixed(std::uint64_t z) {  // the finaliser of splitmix64
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double unit(Random& random) { return static_cast<double>(random.bits() >> 11) * 0x1p-53; }

template <typename T>
T draw_integer(std::string_view fill, Random& random) {
  constexpr T low = std::numeric_limits<T>::min();
  constexpr T high = std::numeric_limits<T>::max();
  if (fill == "range") return static_cast<T>(random.bits());
  if (fill == "limits" || fill == "special" || fill == "huge") {
    return random.pick<T>({low, high, static_cast<T>(low + 1), static_cast<T>(high - 1), T(0), T(1),
                           static_cast<T>(random.bits())});
  }
  if (fill == "ties") return random.pick<T>({low, high, T(0), T(1), T(2), T(3)});
  const std::int64_t min = std::is_signed_v<T> ? -3 : 0;
  const std::int64_t scale = fill == "whole" ? 1 : 4;
  return static_cast<T>(random.between(min * scale, 4 * scale));
}

// Powers of two between which a type's numbers lie: the smallest subnormal, the smallest normal,
// and the first that it does not have.
struct Exponents {
  int min, normal, past;
};
Exponents exponents(DType type) {
  switch (type) {
    case f16:
      return {-24, -14, 16};
    case bf16:
      return {-133, -126, 128};
    case f32:
    case c64:
      return {-149, -126, 128};
    default:
      return {-1074, -1022, 1024};
  }
}

double draw_real(DType type, std::string_view fill, Random& random) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Exponents e = exponents(type);
  const double sign = random.chance(2) ? -1 : 1;
  const double real = sign * unit(random);
  const auto scaled = [&](std::int64_t low, std::int64_t high) {
    return std::ldexp(sign * (1 + unit(random)) / 2, static_cast<int>(random.between(low, high)));
  };
  if (fill == "whole") return static_cast<double>(random.between(-3, 4));
  if (fill == "range") return scaled(-12, 12);
  if (fill == "sparse") return random.chance(2) ? 0 : real;
  if (fill == "limits") {
    const double max = static_cast<double>(largest(type));
    return sign * random.pick<double>({max, max / 2, 0.0, 1.0, std::ldexp(1.0, e.normal),
                                       std::ldexp(1.0, e.min), real});
  }
  if (fill == "tiny") return random.chance(4) ? real : scaled(e.min, e.normal + 3);
  if (fill == "huge") {
    // 1e300 and 1e-300 in f64, and the like in other types.
    const auto far = static_cast<std::int64_t>(0.97 * e.past);
    return random.chance(3)   ? real
           : random.chance(2) ? scaled(far - 8, far)
                              : scaled(-far, 8 - far);
  }
  if (fill == "ties") {  // with every number that sorting may misplace
    const double value = random.pick<double>(
        {0, 0, 1, 2, infinity, std::ldexp(1.0, e.min), std::numeric_limits<double>::quiet_NaN()});
    return sign < 0 ? -value : value;
  }
  if (fill == "special" && random.chance(8)) {
    return random.pick<double>({std::numeric_limits<double>::quiet_NaN(), infinity, -infinity});
  }
  return real;
}

template <typename T>
T draw(std::string_view fill, Random& random) {
  constexpr DType type = dtype_of<T>;
  if constexpr (is_integer(type)) {
    return draw_integer<T>(fill, random);
  } else if constexpr (is_complex(type)) {
    using Part = typename T::value_type;
    const auto re = static_cast<Part>(draw_real(type, fill, random));
    return T(re, static_cast<Part>(draw_real(type, fill, random)));
  } else {
    return static_cast<T>(
        static_cast<std::conditional_t<type == f64, double, float>>(draw_real(type, fill, random)));
  }
}

// A product of one small number for each axis: what separable filters are made of.
double outer_factor(std::uint64_t seed, std::size_t axis, std::int64_t index) {
  Random random(mixed(seed + 977 * axis) + static_cast<std::uint64_t>(index));
  return static_cast<double>(random.between(1, 5)) - (random.chance(3) ? 4 : 0);
}

template <typename T>
Value value_of(const T& element) {
  if constexpr (is_complex(dtype_of<T>)) {
    return {element.real(), element.imag()};
  } else if constexpr (is_real_float(dtype_of<T>) && size_of(dtype_of<T>) == 2) {
    return {static_cast<float>(element)};
  } else {
    return {static_cast<long double>(element)};
  }
}

// The largest power of two that a number is a multiple of.
int lowest_bit(long double value) {
  if (value == 0 || !std::isfinite(value)) return 0;
  int exponent = 0;
  const long double fraction = std::frexp(std::fabs(value), &exponent);
  const auto digits = static_cast<std::uint64_t>(std::ldexp(fraction, 64));
  return exponent - 64 + std::countr_zero(digits);
}

Shape parse_shape(const std::string& text) {
  Shape shape;
  if (text == "scalar") return shape;
  for (const std::string& extent : split(text, 'x')) shape.push_back(std::stoll(extent));
  return shape;
}

std::vector<std::int64_t> parse_numbers(const std::string& text) {
  std::vector<std::int64_t> result;
  if (text.empty()) return result;
  for (const std::string& number : split(text, ',')) result.push_back(std::stoll(number));
  return result;
}

Strides parse_strides(const std::string& text, const Shape& shape) {
  const auto parts = split(text, '/');
  const auto steps = parse_numbers(parts.at(0));
  const auto order = parse_numbers(parts.at(1));
  Strides strides = shape;
  std::int64_t covered = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    const auto axis = static_cast<std::size_t>(order[i]);
    strides[axis] = steps.at(axis) * covered;
    covered *=
        std::max<std::int64_t>(1, shape[axis]) * std::max<std::int64_t>(1, std::abs(steps[axis]));
  }
  return strides;
}

}  // namespace

Case Case::parse(std::string_view line) {
  std::istringstream words{std::string(line.substr(0, line.find('#')))};
  std::string word;
  words >> word;
  Case result(word);
  while (words >> word) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) throw std::invalid_argument("no key=value: " + word);
    result.set(word.substr(0, equals), word.substr(equals + 1));
  }
  return result;
}

Case& Case::set(std::string_view key, std::string value) {
  for (auto& [name, text] : fields_) {
    if (name != key) continue;
    text = std::move(value);
    return *this;
  }
  fields_.emplace_back(key, std::move(value));
  return *this;
}
Case& Case::set(std::string_view key, std::int64_t value) {
  return set(key, std::to_string(value));
}
Case& Case::set(std::string_view key, const std::vector<std::int64_t>& values) {
  std::string text;
  for (const std::int64_t value : values) text += (text.empty() ? "" : ",") + std::to_string(value);
  return set(key, text);
}

bool Case::has(std::string_view key) const {
  return std::ranges::any_of(fields_, [&](const auto& field) { return field.first == key; });
}
std::string Case::text(std::string_view key, std::string_view missing) const {
  for (const auto& [name, text] : fields_) {
    if (name == key) return text;
  }
  return std::string(missing);
}
std::int64_t Case::number(std::string_view key, std::int64_t missing) const {
  return has(key) ? std::stoll(text(key)) : missing;
}
double Case::real(std::string_view key, double missing) const {
  return has(key) ? std::strtod(text(key).c_str(), nullptr) : missing;
}
std::vector<std::int64_t> Case::numbers(std::string_view key) const {
  return parse_numbers(text(key));
}
std::vector<double> Case::reals(std::string_view key) const {
  std::vector<double> result;
  if (!has(key)) return result;
  for (const std::string& number : split(text(key), ',')) {
    result.push_back(std::strtod(number.c_str(), nullptr));
  }
  return result;
}
std::optional<DType> Case::type(std::string_view key) const {
  return has(key) ? parse_dtype(text(key)) : std::nullopt;
}
std::vector<Boundary> Case::boundaries(std::string_view key) const {
  std::vector<Boundary> result;
  if (!has(key)) return result;
  for (const std::string& one : split(text(key), '|')) result.push_back(Boundary::parse(one));
  return result;
}
Method Case::method() const { return parse_method(text("method", "automatic")); }
std::uint64_t Case::seed(std::string_view key) const {
  std::uint64_t seed = std::stoull(text("seed", "1"));
  for (const char letter : key) seed = mixed(seed * 31 + static_cast<unsigned char>(letter));
  return seed;
}

std::string Case::to_string() const {
  std::string line = front_;
  for (const auto& [key, value] : fields_) line.append(" ").append(key).append("=").append(value);
  return line;
}

std::uint64_t Random::bits() { return mixed(state_ += 0x9e3779b97f4a7c15u); }
std::int64_t Random::between(std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(high - low + 1));
}

long double magnitude(const Value& value) {
  return value.im == 0 ? std::fabs(value.re) : std::hypot(value.re, value.im);
}
bool is_finite(const Value& value) { return std::isfinite(value.re) && std::isfinite(value.im); }

long double largest(DType type) {
  switch (type) {
    case f16:
      return 65504;
    case bf16:
      return 0xffp120L;
    case f32:
    case c64:
      return std::numeric_limits<float>::max();
    default:
      return std::numeric_limits<double>::max();
  }
}

Value rounded(DType type, std::complex<double> value) {
  return visit_dtype(type, [&](auto element) -> Value {
    using T = decltype(element);
    if constexpr (is_complex(dtype_of<T>)) {
      using Part = typename T::value_type;
      return {static_cast<Part>(value.real()), static_cast<Part>(value.imag())};
    } else if constexpr (is_integer(dtype_of<T>)) {
      return {static_cast<long double>(value.real())};
    } else {
      return value_of(static_cast<T>(
          static_cast<std::conditional_t<std::is_same_v<T, double>, double, float>>(value.real())));
    }
  });
}

Grid read(const ConstTensorView& view) {
  Grid grid{view.shape, {}};
  visit_dtype(view.dtype, [&](auto element) {
    const auto* data = static_cast<const decltype(element)*>(view.data);
    for_each_index(view.shape, [&](std::int64_t, const Extents& index) {
      grid.values.push_back(value_of(data[offset_of(index, view.strides)]));
    });
  });
  for (Value& value : grid.values) value.low = lowest_bit(value.re);
  return grid;
}

Grid permuted(const Grid& grid, const std::vector<std::size_t>& order) {
  const Strides from = compact_strides(grid.shape);
  Grid result;
  Strides strides;
  for (const std::size_t axis : order) {
    result.shape.push_back(grid.shape[axis]);
    strides.push_back(from[axis]);
  }
  for_each_index(result.shape, [&](std::int64_t, const Extents& index) {
    result.values.push_back(grid.values[static_cast<std::size_t>(offset_of(index, strides))]);
  });
  return result;
}

bool all_finite(const Grid& grid) { return std::ranges::all_of(grid.values, is_finite); }

Operand::Operand(const Case& from, std::string_view key) {
  const auto parts = split(from.text(key), ':');
  if (parts.size() < 3) throw std::invalid_argument("no operand " + std::string(key));
  type_ = parse_dtype(parts[0]).value();
  shape_ = parse_shape(parts[1]);
  strides_ = parts.size() > 3 ? parse_strides(parts[3], shape_) : compact_strides(shape_);
  allocate(parts[2], from.seed(key));
}

Operand::Operand(DType type, const Shape& shape, const Strides& strides, std::string_view fill,
                 std::uint64_t seed)
    : type_(type), shape_(shape), strides_(strides.empty() ? compact_strides(shape) : strides) {
  allocate(fill, seed);
}

void Operand::allocate(std::string_view fill, std::uint64_t seed) {
  std::int64_t low = 0, high = 0;
  for (std::size_t i = 0; i < shape_.size(); ++i) {
    const std::int64_t reach = std::max<std::int64_t>(shape_[i] - 1, 0) * strides_[i];
    (reach < 0 ? low : high) += reach;
  }
  first_ = -low;
  memory_.assign(static_cast<std::size_t>(high - low + 1) * size_of(type_), std::byte{0xff});
  Random random(seed);
  visit_dtype(type_, [&](auto element) {
    using T = decltype(element);
    for_each_index(shape_, [&](std::int64_t, const Extents& index) {
      T value = draw<T>(fill, random);
      if (fill == "outer") {
        double product = 1;
        for (std::size_t i = 0; i < index.size(); ++i) product *= outer_factor(seed, i, index[i]);
        if constexpr (is_integer(dtype_of<T>)) {
          value = static_cast<T>(static_cast<std::int64_t>(product));
        } else {
          value = static_cast<T>(static_cast<float>(product));
        }
      }
      const std::int64_t at =
          (first_ + offset_of(index, strides_)) * static_cast<std::int64_t>(sizeof(T));
      std::memcpy(memory_.data() + at, &value, sizeof(T));
    });
  });
  grid_ = read(view());
}

TensorView Operand::view() const {
  // Tests lend results too, so that the view is one to write.
  auto* data = const_cast<std::byte*>(memory_.data());
  return {data + first_ * static_cast<std::int64_t>(size_of(type_)), type_, shape_, strides_, {}};
}

bool Operand::gaps_are_intact() const {
  std::vector<bool> used(memory_.size(), false);
  for_each_index(shape_, [&](std::int64_t, const Extents& index) {
    const auto size = static_cast<std::int64_t>(size_of(type_));
    const std::int64_t at = (first_ + offset_of(index, strides_)) * size;
    std::fill_n(used.begin() + at, size, true);
  });
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i] && memory_[i] != std::byte{0xff}) return false;
  }
  return true;
}

}  // namespace faltung::test::surface
