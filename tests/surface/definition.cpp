#include "tests/surface/definition.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace faltung::test::surface {
namespace {

std::int64_t modulo(std::int64_t a, std::int64_t b) { return ((a % b) + b) % b; }

constexpr std::int64_t nothing = -1;
constexpr std::int64_t between = -2;       // the zeros that dilation puts between elements
constexpr std::int64_t first_value = -10;  // -10, -11, ...: the values beyond the ends of the axes

// Index of the element at `place` of one axis, or what else stands there.
std::int64_t element_at(const Line& line, std::int64_t place, std::size_t axis) {
  const std::int64_t extent = line.input == 0 ? 0 : (line.input - 1) * line.up + 1;
  if (place < 0 || place >= extent) {
    const bool is_below = place < 0;
    const Boundary& rule = is_below ? line.below : line.above;
    if (rule.kind == BoundaryKind::zero) return nothing;
    if (rule.kind == BoundaryKind::constant) {
      return first_value - 2 * static_cast<std::int64_t>(axis) - (is_below ? 0 : 1);
    }
    if (extent == 0) return nothing;
    if (rule.kind == BoundaryKind::nearest) {
      place = is_below ? 0 : extent - 1;
    } else if (rule.kind == BoundaryKind::wrap) {
      place = modulo(place, extent);
    } else if (rule.kind == BoundaryKind::reflect) {  // a b c c b a, again and again
      place = modulo(place, 2 * extent);
      if (place >= extent) place = 2 * extent - 1 - place;
    } else {  // a b c b, again and again
      place = extent == 1 ? 0 : modulo(place, 2 * extent - 2);
      if (place >= extent) place = 2 * extent - 2 - place;
    }
  }
  return place % line.up == 0 ? place / line.up : between;
}

// Integers are below 2^64. Whole weights beyond count modulo 2^64.
Wide whole_number(long double value) {
  const long double rest = std::fabs(value) <= 0x1p64L ? value : std::fmod(value, 0x1p64L);
  return static_cast<Wide>(static_cast<SignedWide>(rest));
}

using Numbers = std::vector<std::int64_t>;

std::int64_t product_of(const Geometry& g, std::int64_t Line::*extent) {
  std::int64_t product = 1;
  for (const Line& line : g.axes) product *= line.*extent;
  return product;
}

// The index into all axes of `extent`, slowest first, that comes after this one.
void advance(Numbers& index, const Geometry& g, std::int64_t Line::*extent) {
  for (std::size_t i = index.size(); i-- > 0;) {
    if (++index[i] < g.axes[i].*extent) return;
    index[i] = 0;
  }
}

// For every output and tap, slowest first: which element of one image they meet.
Numbers meetings(const Geometry& g) {
  Numbers places;
  Numbers o(g.axes.size(), 0), r(g.axes.size(), 0);
  const std::int64_t outputs = product_of(g, &Line::output), taps = product_of(g, &Line::taps);
  places.reserve(static_cast<std::size_t>(outputs * taps));
  for (std::int64_t i = 0; i < outputs; ++i, advance(o, g, &Line::output)) {
    for (std::int64_t j = 0; j < taps; ++j, advance(r, g, &Line::taps)) {
      std::int64_t place = 0;
      bool is_between = false;
      for (std::size_t a = 0; a < g.axes.size(); ++a) {  // the slowest axis outside decides
        const Line& line = g.axes[a];
        const std::int64_t at =
            element_at(line, o[a] * line.stride + r[a] * line.dilation - line.lo, a);
        if (at == nothing || at <= first_value) {
          place = at;
          is_between = false;
          break;
        }
        is_between = is_between || at == between;
        place = place * line.input + at;
      }
      places.push_back(is_between ? nothing : place);
    }
  }
  return places;
}

// Where in a filter each tap lies.
Numbers tap_places(const Geometry& g) {
  Numbers places;
  Numbers r(g.axes.size(), 0);
  const std::int64_t taps = product_of(g, &Line::taps);
  for (std::int64_t j = 0; j < taps; ++j, advance(r, g, &Line::taps)) {
    std::int64_t place = 0;
    for (std::size_t a = 0; a < g.axes.size(); ++a) {
      const Line& line = g.axes[a];
      place = place * line.taps + (line.flip ? line.taps - 1 - r[a] : r[a]);
    }
    places.push_back(place);
  }
  return places;
}

// What stands beyond the ends of the axes, in the order of first_value.
std::vector<Value> outside_values(const Geometry& g) {
  std::vector<Value> values;
  for (const Line& line : g.axes) {
    values.push_back(rounded(g.input, line.below.value));
    values.push_back(rounded(g.input, line.above.value));
  }
  return values;
}

// Calls f(x or nullptr, index in x or -1, index in w, index in y) for all meetings.
template <typename F>
void for_all(const Geometry& g, const std::vector<Value>* x, F&& f) {
  const Numbers places = meetings(g);
  const Numbers tap = tap_places(g);
  const std::vector<Value> outside = outside_values(g);
  const std::int64_t inputs = product_of(g, &Line::input);
  const std::int64_t outputs = product_of(g, &Line::output);
  const auto taps = static_cast<std::int64_t>(tap.size());
  const std::int64_t group_inputs = g.in_channels / g.groups;
  const std::int64_t group_outputs = g.out_channels / g.groups;
  for (std::int64_t n = 0; n < g.batch; ++n) {
    for (std::int64_t k = 0; k < g.out_channels; ++k) {
      for (std::int64_t c = 0; c < group_inputs; ++c) {
        const std::int64_t channel = k / group_outputs * group_inputs + c;
        const std::int64_t x_plane = (n * g.in_channels + channel) * inputs;
        const std::int64_t w_plane = (k * group_inputs + c) * taps;
        const std::int64_t y_plane = (n * g.out_channels + k) * outputs;
        for (std::int64_t o = 0; o < outputs; ++o) {
          for (std::int64_t r = 0; r < taps; ++r) {
            const std::int64_t at = places[static_cast<std::size_t>(o * taps + r)];
            if (at == nothing) continue;
            const std::int64_t element = at >= 0 ? x_plane + at : -1;
            const Value* value = nullptr;
            if (at <= first_value) value = &outside[static_cast<std::size_t>(first_value - at)];
            if (element >= 0 && x != nullptr) value = &(*x)[static_cast<std::size_t>(element)];
            f(value, element, static_cast<std::size_t>(w_plane + tap[static_cast<std::size_t>(r)]),
              static_cast<std::size_t>(y_plane + o));
          }
        }
      }
    }
  }
}

}  // namespace

void Sum::add(const Value& a, const Value& b, bool conjugate_b) {
  ++terms;
  const bool real = a.im == 0 && b.im == 0;
  const long double b_im = conjugate_b ? -b.im : b.im;
  re += real ? a.re * b.re : a.re * b.re - a.im * b_im;
  if (!real) im += a.re * b_im + a.im * b.re;
  if (!is_finite(a) || !is_finite(b)) {
    touched = true;
    // Infinity times what may be 0 may be NaN, or infinity of either sign.
    for (const Value& factor : {a, b}) {
      if (factor.error != 0 && factor.error >= surface::magnitude(factor)) {
        error = std::numeric_limits<long double>::infinity();
      }
    }
    return;
  }
  const long double size_a = surface::magnitude(a), size_b = surface::magnitude(b);
  magnitude += size_a * size_b;
  if (size_a != 0 && size_b != 0) low = std::min(low, a.low + b.low);
  if (a.error != 0 || b.error != 0) {
    error += size_a * b.error + a.error * size_b + a.error * b.error;
  }
  if (real) whole += whole_number(a.re) * whole_number(b.re);
}

std::vector<Sum> forward(const Geometry& g, const std::vector<Value>& x,
                         const std::vector<Value>& w, bool conjugate) {
  std::vector<Sum> sums(
      static_cast<std::size_t>(g.batch * g.out_channels * product_of(g, &Line::output)));
  for_all(g, &x, [&](const Value* value, std::int64_t, std::size_t tap, std::size_t y) {
    sums[y].add(*value, w[tap], conjugate);
  });
  return sums;
}

std::vector<Sum> spread(const Geometry& g, const std::vector<Value>& dy,
                        const std::vector<Value>& w, bool conjugate) {
  std::vector<Sum> sums(
      static_cast<std::size_t>(g.batch * g.in_channels * product_of(g, &Line::input)));
  for_all(g, nullptr, [&](const Value*, std::int64_t element, std::size_t tap, std::size_t y) {
    if (element >= 0) sums[static_cast<std::size_t>(element)].add(dy[y], w[tap], conjugate);
  });
  return sums;
}

std::vector<Sum> filter_sums(const Geometry& g, const std::vector<Value>& x,
                             const std::vector<Value>& dy, bool conjugate_dy) {
  std::vector<Sum> sums(static_cast<std::size_t>(g.out_channels * (g.in_channels / g.groups) *
                                                 product_of(g, &Line::taps)));
  for_all(g, &x, [&](const Value* value, std::int64_t, std::size_t tap, std::size_t y) {
    if (conjugate_dy) {
      sums[tap].add(*value, dy[y], true);
    } else {
      sums[tap].add(dy[y], *value, true);
    }
  });
  return sums;
}

std::vector<long double> windows(const Geometry& g, const std::vector<Value>& x) {
  const std::int64_t taps = product_of(g, &Line::taps);
  std::vector<long double> numbers(static_cast<std::size_t>(product_of(g, &Line::output) * taps));
  for_all(g, &x, [&](const Value* value, std::int64_t, std::size_t tap, std::size_t y) {
    numbers[y * static_cast<std::size_t>(taps) + tap] = value->re;
  });
  return numbers;
}

Norms norms(const Geometry& g, const std::vector<Value>& first, const std::vector<Value>& second) {
  long double one[2] = {0, 0}, squares[2] = {0, 0}, max[2] = {0, 0};
  bool finite = true;
  const std::vector<Value>* operands[2] = {&first, &second};
  for (int i = 0; i < 2; ++i) {
    for (const Value& value : *operands[i]) {
      const long double size = magnitude(value);
      if (!std::isfinite(size)) {
        finite = false;
        continue;
      }
      one[i] += size;
      squares[i] += size * size;
      max[i] = std::max(max[i], size);
    }
  }
  // How often an element at most stands on the continued axes, and how long those are.
  long double folds = 1, places = 1, constant = 0;
  for (std::size_t a = 0; a < g.axes.size(); ++a) {
    const Line& line = g.axes[a];
    std::vector<std::int64_t> count(
        static_cast<std::size_t>(std::max<std::int64_t>(1, line.input)));
    const std::int64_t extent = std::max<std::int64_t>(0, (line.output - 1) * line.stride) +
                                (line.taps - 1) * line.dilation;
    for (std::int64_t place = -line.lo; place <= extent - line.lo; ++place) {
      const std::int64_t at = element_at(line, place, a);
      if (at >= 0) ++count[static_cast<std::size_t>(at)];
    }
    folds *= static_cast<long double>(std::max<std::int64_t>(1, *std::ranges::max_element(count)));
    places *= static_cast<long double>(extent + 1);
  }
  for (const Value& value : outside_values(g)) {
    const bool counts = std::isfinite(magnitude(value));
    finite = finite && counts;
    if (counts) constant = std::max(constant, magnitude(value));
  }
  const long double constants =
      places * static_cast<long double>(g.batch * g.in_channels) * constant;
  const long double square = folds * squares[0] + constants * constant;
  // Spectra are at most the 1-norms; products of them add up over the transform's length.
  long double length = 8;
  for (const Line& line : g.axes) {
    length *= static_cast<long double>(
        2 * (line.input * line.up + line.output * line.stride + line.taps * line.dilation));
  }
  const long double first_sum = folds * one[0] + constants;
  return {std::sqrt(square) * std::sqrt(squares[1]),
          std::max({first_sum, one[1], first_sum * one[1]}) * length, max[0] + max[1],
          length * (1 + first_sum + one[1]), finite};
}

}  // namespace faltung::test::surface
