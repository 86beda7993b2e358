#include <algorithm>
#include <numeric>

#include <faltung/numpy.hpp>
#include <faltung/promotion.hpp>
#include <faltung/signal.hpp>
#include "tests/surface/front.hpp"

namespace faltung::test::surface {
namespace {

using signal::Mode;

// The part of the full result, of n + m - 1 elements, that a mode keeps along one axis.
struct Kept {
  std::int64_t first, count;
};

// @param front  the function: where `same` starts is a matter of each
Kept kept(const std::string& front, Mode mode, std::int64_t n, std::int64_t m) {
  if (mode == Mode::full) return {0, n + m - 1};
  if (mode == Mode::valid) return {std::min(n, m) - 1, std::max(n, m) - std::min(n, m) + 1};
  if (front == "signal.correlate2d") return {m / 2, n};
  // NumPy keeps the longer operand's extent, and reverses the result of swapped operands.
  if (front == "numpy.convolve") return {(std::min(n, m) - 1) / 2, std::max(n, m)};
  if (front == "numpy.correlate" && n < m) return {n / 2, m};
  return {(m - 1) / 2, n};
}

bool is_correlation(const std::string& front) {
  return front.find("correlate") != std::string::npos;
}

// Full result i of a convolution meets tap r with element i - r, of a correlation with r + i -
// (M-1).
Line line_of(const std::string& front, Mode mode, std::int64_t n, std::int64_t m,
             const Boundary& boundary) {
  const Kept keep = kept(front, mode, n, m);
  Line line{.input = n, .taps = m, .output = keep.count};
  line.lo = m - 1 - keep.first;
  line.flip = !is_correlation(front);
  // Where the operand to be continued lies inside the other, valid sums meet nothing beyond it.
  if (mode != Mode::valid) line.below = line.above = boundary;
  return line;
}

// Axes that are not convolved: each pair of elements is a convolution of its own.
struct Batch {
  std::vector<bool> convolved;
  Shape shape;  // of the result
  Geometry geometry;
};

Batch batch_of(const Case& c, const Shape& x, const Shape& k, Mode mode, const Boundary& boundary) {
  Batch batch;
  batch.convolved.assign(x.size(), !c.has("axes"));
  for (const std::int64_t axis : c.numbers("axes")) {
    batch.convolved[static_cast<std::size_t>(axis < 0 ? axis + static_cast<std::int64_t>(x.size())
                                                      : axis)] = true;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!batch.convolved[i]) {
      batch.shape.push_back(x[i] == 1 ? k[i] : x[i]);
      continue;
    }
    batch.geometry.axes.push_back(line_of(c.front(), mode, x[i], k[i], boundary));
    batch.shape.push_back(batch.geometry.axes.back().output);
  }
  return batch;
}

// The elements of one operand that belong to one index of the batch axes.
std::vector<Value> part(const Grid& grid, const Batch& batch, const Extents& index) {
  std::vector<Value> values;
  const Strides strides = compact_strides(grid.shape);
  std::int64_t offset = 0, count = 1;
  for (std::size_t i = 0; i < grid.shape.size(); ++i) {
    if (batch.convolved[i]) count *= grid.shape[i];
    if (!batch.convolved[i] && grid.shape[i] != 1) offset += index[i] * strides[i];
  }
  for (std::int64_t position = 0; position < count; ++position) {
    std::int64_t rest = position, at = offset;
    for (std::size_t i = grid.shape.size(); i-- > 0;) {
      if (!batch.convolved[i]) continue;
      at += rest % grid.shape[i] * strides[i];
      rest /= grid.shape[i];
    }
    values.push_back(grid.values[static_cast<std::size_t>(at)]);
  }
  return values;
}

std::vector<Sum> batched_sums(const Batch& batch, const Grid& x, const Grid& k, bool conjugate) {
  std::vector<Sum> sums(static_cast<std::size_t>(element_count(batch.shape)));
  const Strides strides = compact_strides(batch.shape);
  std::int64_t batches = 1, inner = 1;
  for (std::size_t i = 0; i < batch.shape.size(); ++i) {
    (batch.convolved[i] ? inner : batches) *= batch.shape[i];
  }
  for (std::int64_t b = 0; b < batches; ++b) {
    Extents index = Extents::filled(batch.shape.size(), 0);
    std::int64_t rest = b;
    for (std::size_t i = batch.shape.size(); i-- > 0;) {
      if (batch.convolved[i]) continue;
      index[i] = rest % batch.shape[i];
      rest /= batch.shape[i];
    }
    const auto own =
        forward(batch.geometry, part(x, batch, index), part(k, batch, index), conjugate);
    for (std::int64_t position = 0; position < inner; ++position) {
      std::int64_t left = position;
      for (std::size_t i = batch.shape.size(); i-- > 0;) {
        if (!batch.convolved[i]) continue;
        index[i] = left % batch.shape[i];
        left /= batch.shape[i];
      }
      std::int64_t at = 0;
      for (std::size_t i = 0; i < index.size(); ++i) at += index[i] * strides[i];
      sums[static_cast<std::size_t>(at)] = own[static_cast<std::size_t>(position)];
    }
  }
  return sums;
}

struct Call {
  Tensor result;
  signal::Lowering lowering;
};

// What all of these functions' options share.
template <typename Options>
Options options_of(const Case& c, Mode mode) {
  Options o;
  o.mode = mode;
  o.output = c.type("output");
  o.accumulator = c.type("acc");
  if (c.text("round") == "nearest_even") o.rounding = Rounding::nearest_even;
  if (c.text("overflow") == "saturate") o.overflow = Overflow::saturate;
  if constexpr (requires { o.method; }) o.method = c.method();
  return o;
}

Call run(const Case& c, const ConstTensorView& x, const ConstTensorView& k, DType type, Mode mode,
         const Boundary& boundary) {
  const std::string& front = c.front();
  if (front == "signal.fftconvolve" || front == "signal.oaconvolve") {
    auto options = options_of<signal::FftConvolveOptions>(c, mode);
    for (const std::int64_t axis : c.numbers("axes")) {
      options.axes.push_back(static_cast<int>(axis));
    }
    return {front == "signal.fftconvolve" ? signal::fftconvolve(x, k, options)
                                          : signal::oaconvolve(x, k, options),
            signal::lower_fftconvolve(x, k, options)};
  }
  if (front == "signal.convolve2d" || front == "signal.correlate2d") {
    auto options = options_of<signal::Convolve2dOptions>(c, mode);
    options.boundary = boundary;
    // A value that x cannot hold takes an x of the result's type, which the lowering wants so.
    const bool other = is_integer(x.dtype) && !is_integer(type) && boundary.value != 0.0;
    const Tensor copy = other ? compact_copy(x, numpy_result_type(x.dtype, type)) : Tensor();
    const ConstTensorView held = other ? copy.view() : x;
    return front == "signal.convolve2d"
               ? Call{signal::convolve2d(x, k, options), signal::lower_convolve2d(held, k, options)}
               : Call{signal::correlate2d(x, k, options),
                      signal::lower_correlate2d(held, k, options)};
  }
  if (front == "numpy.convolve") {
    const auto options = options_of<numpy::ConvolveOptions>(c, mode);
    return {numpy::convolve(x, k, options), numpy::lower_convolve(x, k, options)};
  }
  if (front == "numpy.correlate") {
    const auto options = options_of<numpy::CorrelateOptions>(c, mode);
    return {numpy::correlate(x, k, options), numpy::lower_correlate(x, k, options)};
  }
  const auto options = options_of<signal::ConvolveOptions>(c, mode);
  return front == "signal.convolve"
             ? Call{signal::convolve(x, k, options), signal::lower_convolve(x, k, options)}
             : Call{signal::correlate(x, k, options), signal::lower_correlate(x, k, options)};
}

}  // namespace

std::string check_form(const ConstTensorView& result, DType type, const Shape& shape) {
  if (result.dtype != type) {
    return "the result has type " + std::string(name(result.dtype)) + " and must have " +
           std::string(name(type));
  }
  if (result.shape == shape) return {};
  std::string text = "the result has the shape";
  for (const std::int64_t extent : result.shape) text += ' ' + std::to_string(extent);
  text += " and must have";
  for (const std::int64_t extent : shape) text += ' ' + std::to_string(extent);
  return text;
}

std::string judge_convolve(const Case& c) {
  const Operand x(c, "x"), k(c, "k");
  const Mode mode = signal::parse_mode(c.text("mode", "full"));
  const Boundary boundary = Boundary::parse(c.text("boundary", "zero"));
  const bool by_fft = c.front() == "signal.fftconvolve" || c.front() == "signal.oaconvolve";
  const DType own =
      by_fft ? fft_result_type(x.type(), k.type()) : numpy_result_type(x.type(), k.type());
  const DType type = c.type("output").value_or(own);
  const Call call = run(c, x.view(), k.view(), type, mode, boundary);
  Batch batch = batch_of(c, x.shape(), k.shape(), mode, boundary);
  // A value that an integer x could not hold counts in the result's type.
  batch.geometry.input = is_integer(x.type()) ? type : x.type();
  const ConstTensorView result = call.result.view();
  if (std::string form = check_form(result, type, batch.shape); !form.empty()) return form;

  const Rule rule = rule_of(Plan::make(call.lowering.problem, Device::cpu(), call.lowering.plan));
  const std::vector<Sum> sums = batched_sums(batch, x.grid(), k.grid(), is_correlation(c.front()));
  return first_fault(sums, rule, norms(batch.geometry, x.grid().values, k.grid().values), {},
                     read(result));
}

}  // namespace faltung::test::surface
