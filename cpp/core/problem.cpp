#include <faltung/problem.hpp>

#include <algorithm>
#include <complex>
#include <functional>

namespace faltung {

namespace {

std::int64_t input_extent(const Axis& axis) { return axis.input; }
std::int64_t filter_extent(const Axis& axis) { return axis.filter; }
std::int64_t output_extent(const Axis& axis) { return axis.output(); }

Shape in_layout(const Problem& problem, std::int64_t outer, std::int64_t channels,
                std::int64_t (*extent)(const Axis&)) {
  const bool channels_first = problem.layout == Layout::channels_first;
  Shape shape{outer};
  if (channels_first) shape.push_back(channels);
  for (const Axis& axis : problem.axes) shape.push_back(extent(axis));
  if (!channels_first) shape.push_back(channels);
  return shape;
}

std::int64_t channels_per_group(const Problem& problem) {
  // An invalid problem may be asked for its shape before it is validated: no division by zero.
  return problem.groups > 0 ? problem.in_channels / problem.groups : 0;
}

double elements(const Shape& shape) {
  double count = 1;
  for (const std::int64_t extent : shape) count *= static_cast<double>(extent);
  return count;
}

}  // namespace

DType default_accumulator(DType input, DType filter, DType output) noexcept {
  const DType types[] = {input, filter, output};
  if (std::ranges::all_of(types, is_integer)) {
    const bool narrow = size_of(input) <= 2 && size_of(filter) <= 2 && size_of(output) <= 4;
    return narrow ? i32 : i64;
  }
  const bool wide = std::ranges::any_of(types, [](DType type) {
    return type == f64 || type == c128 || (is_integer(type) && size_of(type) > 2);
  });
  if (std::ranges::any_of(types, is_complex)) return wide ? c128 : c64;
  return wide ? f64 : f32;
}

Shape Problem::x_shape() const { return in_layout(*this, batch, in_channels, input_extent); }

Shape Problem::w_shape() const {
  return in_layout(*this, out_channels, channels_per_group(*this), filter_extent);
}

Shape Problem::y_shape() const { return in_layout(*this, batch, out_channels, output_extent); }

Shape Problem::result_shape() const {
  switch (pass) {
    case Pass::backward_data:
      return x_shape();
    case Pass::backward_filter:
      return w_shape();
    case Pass::forward:
      break;
  }
  return y_shape();
}

DType Problem::bias_dtype() const noexcept {
  const bool from_accumulator = is_integer(accumulator) || is_integer(result_dtype());
  return from_accumulator ? accumulator : result_dtype();
}

double Problem::multiply_adds() const {
  double count = static_cast<double>(batch) * static_cast<double>(out_channels) *
                 static_cast<double>(channels_per_group(*this));
  for (const Axis& axis : axes) {
    count *= static_cast<double>(axis.output()) * static_cast<double>(axis.filter);
  }
  return count;
}

double Problem::bytes() const {
  return elements(x_shape()) * static_cast<double>(size_of(input)) +
         elements(w_shape()) * static_cast<double>(size_of(filter)) +
         elements(y_shape()) * static_cast<double>(size_of(output));
}

namespace {

/// Folds values into one number, order included.
class Hasher {
 public:
  template <typename T>
  void add(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      add(static_cast<std::uint64_t>(value));
    } else {
      // std::hash gives 0.0 and -0.0, which compare equal, the same value.
      state_ = (state_ ^ std::hash<T>{}(value)) * 0x9e3779b97f4a7c15u;
      state_ ^= state_ >> 32;
    }
  }
  void add(const Extents& extents) {
    add(extents.size());
    for (const std::int64_t extent : extents) add(extent);
  }
  void add(const Boundary& boundary) {
    add(boundary.kind);
    add(boundary.value.real());
    add(boundary.value.imag());
  }
  void add(const Axis& axis) {
    for (const std::int64_t value : {axis.input, axis.filter, axis.stride, axis.dilation,
                                     axis.input_dilation, axis.pad_lo, axis.pad_hi}) {
      add(value);
    }
    add(axis.below);
    add(axis.above);
  }
  void add(const Epilogue& epilogue) {
    add(epilogue.alpha);
    add(epilogue.beta);
    add(epilogue.bias);
    add(epilogue.activation.kind);
    add(epilogue.activation.a);
    add(epilogue.activation.b);
  }
  [[nodiscard]] std::size_t value() const { return state_; }

 private:
  std::size_t state_ = 0x243f6a8885a308d3u;  // any odd-looking start: the fraction of pi
};

}  // namespace

}  // namespace faltung

std::size_t std::hash<faltung::Problem>::operator()(const faltung::Problem& p) const noexcept {
  faltung::Hasher hasher;
  hasher.add(p.pass);
  for (const std::int64_t value : {p.batch, p.in_channels, p.out_channels, p.groups}) {
    hasher.add(value);
  }
  hasher.add(p.axes.size());
  for (const faltung::Axis& axis : p.axes) hasher.add(axis);
  for (const faltung::DType type : {p.input, p.filter, p.output, p.accumulator}) hasher.add(type);
  hasher.add(p.layout);
  hasher.add(p.x_strides);
  hasher.add(p.w_strides);
  hasher.add(p.y_strides);
  for (const bool flag : {p.flip, p.conjugate}) hasher.add(flag);
  hasher.add(p.separable);
  hasher.add(p.math);
  hasher.add(p.overflow);
  hasher.add(p.rounding);
  hasher.add(p.epilogue);
  return hasher.value();
}
