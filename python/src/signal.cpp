#include "bindings.hpp"

#include <nanobind/stl/complex.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <optional>

namespace faltung::python {
namespace {

using signal::Mode;

// The shape of a convolution, unless the operands are for the library to refuse or to answer alone.
std::optional<Shape> convolved(const Shape& x, const Shape& k, Mode mode) {
  if (x.size() != k.size()) return std::nullopt;
  Shape shape;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == 0 || k[i] == 0) return std::nullopt;
    shape.push_back(mode == Mode::full   ? x[i] + k[i] - 1
                    : mode == Mode::same ? x[i]
                                         : std::abs(x[i] - k[i]) + 1);
  }
  return shape;
}

// Into memory of NumPy's where the result is known before.
template <typename Call, typename Options>
nb::object two_operands(const Call& call, const Operand& x, const Operand& k,
                        const std::optional<Shape>& shape, const Options& options) {
  const Order order{&x, &k};
  if (!shape || order.on_gpu()) {
    return computed(order, options, [&](const auto& o) { return call(x.view(), k.view(), o); });
  }
  NewArray y(numpy_result_type(x.view().dtype, k.view().dtype), *shape);
  const Options how = with_call_options(options);
  released([&] { call(x.view(), k.view(), y.view, how); });
  return std::move(y.array);
}

#define FALTUNG_CALL(function) [](const auto&... arguments) { return function(arguments...); }

nb::object convolve(nb::handle x, nb::handle k, const char* mode, const char* method) {
  const Operand a(x, "in1"), b(k, "in2");
  const signal::ConvolveOptions options{.mode = signal::parse_mode(mode),
                                        .method = parse_method(method)};
  return two_operands(FALTUNG_CALL(signal::convolve), a, b,
                      convolved(a.view().shape, b.view().shape, options.mode), options);
}

nb::object correlate(nb::handle x, nb::handle k, const char* mode, const char* method) {
  const Operand a(x, "in1"), b(k, "in2");
  const signal::ConvolveOptions options{.mode = signal::parse_mode(mode),
                                        .method = parse_method(method)};
  return two_operands(FALTUNG_CALL(signal::correlate), a, b,
                      convolved(a.view().shape, b.view().shape, options.mode), options);
}

// NumPy's mode `same` is centred on the longer operand.
std::optional<Shape> convolved_by_numpy(const Operand& a, const Operand& v, Mode mode) {
  auto shape = convolved(a.view().shape, v.view().shape, mode);
  if (!shape || shape->size() != 1) return std::nullopt;
  if (mode == Mode::same) (*shape)[0] = std::max(a.view().shape[0], v.view().shape[0]);
  return shape;
}

nb::object numpy_convolve(nb::handle a, nb::handle v, const char* mode) {
  const Operand x(a, "a"), k(v, "v");
  const numpy::ConvolveOptions options{.mode = signal::parse_mode(mode)};
  return two_operands(FALTUNG_CALL(numpy::convolve), x, k, convolved_by_numpy(x, k, options.mode),
                      options);
}

nb::object numpy_correlate(nb::handle a, nb::handle v, const char* mode) {
  const Operand x(a, "a"), k(v, "v");
  const numpy::CorrelateOptions options{.mode = signal::parse_mode(mode)};
  return two_operands(FALTUNG_CALL(numpy::correlate), x, k, convolved_by_numpy(x, k, options.mode),
                      options);
}

template <auto call>
nb::object by_fft(nb::handle x, nb::handle k, const char* mode,
                  const std::vector<std::int64_t>& axes) {
  const Operand a(x, "in1"), b(k, "in2");
  const signal::FftConvolveOptions options{.mode = signal::parse_mode(mode), .axes = axes};
  return computed({&a, &b}, options, [&](const auto& o) { return call(a, b, o); });
}

Boundary boundary_2d(std::string_view name, std::complex<double> fill) {
  if (name == "fill") return Boundary::constant(fill);
  if (name == "symm") return Boundary::reflect();
  if (name == "wrap") return Boundary::wrap();
  throw InvalidProblem("boundary '" + std::string(name) +
                       "' is not known; acceptable boundary flags are 'fill', 'circular' (or "
                       "'wrap'), and 'symmetric' (or 'symm')");
}

template <auto call>
nb::object in_2d(nb::handle x, nb::handle k, const char* mode, const char* boundary,
                 std::complex<double> fill, const char* method) {
  const Operand a(x, "in1"), b(k, "in2");
  const signal::Convolve2dOptions options{.mode = signal::parse_mode(mode),
                                          .boundary = boundary_2d(boundary, fill),
                                          .method = parse_method(method)};
  return computed({&a, &b}, options, [&](const auto& o) { return call(a, b, o); });
}

// What convolve2d and correlate2d do of themselves; their problems differ by `flip` alone.
std::string method_in_2d(nb::handle x, nb::handle k, const char* mode, const char* boundary,
                         std::complex<double> fill) {
  const Operand a(x, "in1"), b(k, "in2");
  const Lowering call = signal::lower_convolve2d(
      a, b, {.mode = signal::parse_mode(mode), .boundary = boundary_2d(boundary, fill)});
  const std::string engine = Plan::make(call.problem, a.view().device, call.plan).engine();
  return engine.find(".fft") != std::string::npos ? "fft" : "direct";
}

nb::object upfirdn(nb::handle h, nb::handle x, std::int64_t up, std::int64_t down,
                   std::int64_t axis, const char* mode, std::complex<double> cval) {
  const Operand taps(h, "h"), data(x, "x");
  const signal::UpfirdnOptions options{
      .up = up, .down = down, .axis = axis, .mode = signal::parse_extension(mode), .cval = cval};
  return computed({&data, &taps}, options,
                  [&](const auto& o) { return signal::upfirdn(taps.view(), data.view(), o); });
}

nb::object resample_poly(nb::handle x, std::int64_t up, std::int64_t down, std::int64_t axis,
                         nb::object taps, double beta, const char* padtype,
                         std::complex<double> cval) {
  const Operand data(x, "x");
  signal::ResamplePolyOptions options{
      .axis = axis, .beta = beta, .padtype = signal::parse_pad_type(padtype), .cval = cval};
  std::optional<Operand> given;
  if (!taps.is_none()) options.taps = given.emplace(taps, "window").view();
  return computed({&data, given ? &*given : nullptr}, options,
                  [&](const auto& o) { return signal::resample_poly(data, up, down, o); });
}

// The estimates of the fastest engine of either kind, in seconds, by the names of the methods.
nb::dict method_seconds(nb::handle x, nb::handle k, const char* mode) {
  const Operand a(x, "in1"), b(k, "in2");
  const Lowering call = signal::lower_convolve(a, b, {.mode = signal::parse_mode(mode)});
  nb::dict seconds;
  for (const char* method : {"direct", "fft"}) {
    PlanOptions options{.elementwise = method[0] == 'd'};
    if (method[0] == 'f') options.engine = "fft";
    seconds[method] = Plan::make(call.problem, a.view().device, options).estimate_us() * 1e-6;
  }
  return seconds;
}

}  // namespace

void bind_signal(nb::module_& m) {
  m.def("convolve", convolve);
  m.def("correlate", correlate);
  m.def("numpy_convolve", numpy_convolve);
  m.def("numpy_correlate", numpy_correlate);
  using Call =
      Tensor (*)(const ConstTensorView&, const ConstTensorView&, const signal::FftConvolveOptions&);
  m.def("fftconvolve", by_fft<static_cast<Call>(signal::fftconvolve)>);
  m.def("oaconvolve", by_fft<static_cast<Call>(signal::oaconvolve)>);
  using Call2d =
      Tensor (*)(const ConstTensorView&, const ConstTensorView&, const signal::Convolve2dOptions&);
  m.def("convolve2d", in_2d<static_cast<Call2d>(signal::convolve2d)>);
  m.def("correlate2d", in_2d<static_cast<Call2d>(signal::correlate2d)>);
  m.def("method_in_2d", method_in_2d);
  m.def("choose_method", [](nb::handle x, nb::handle k, const char* mode) {
    const Operand a(x, "in1"), b(k, "in2");
    return std::string(name(signal::choose_method(a, b, signal::parse_mode(mode))));
  });
  m.def("method_seconds", method_seconds);
  m.def("correlation_lags", [](std::int64_t n, std::int64_t m, const char* mode) {
    return signal::correlation_lags(n, m, signal::parse_mode(mode));
  });
  m.def("upfirdn", upfirdn);
  m.def("resample_poly", resample_poly, nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg().none(), nb::arg(), nb::arg(), nb::arg());
  m.def("medfilt", [](nb::handle x, const std::vector<std::int64_t>& size) {
    const Operand data(x, "volume");
    return computed({&data}, signal::OrderFilterOptions{},
                    [&](const auto& o) { return signal::medfilt(data, size, o); });
  });
  m.def("medfilt2d", [](nb::handle x, const std::vector<std::int64_t>& size) {
    const Operand data(x, "input");
    return computed({&data}, signal::OrderFilterOptions{},
                    [&](const auto& o) { return signal::medfilt2d(data, size, o); });
  });
  m.def("order_filter", [](nb::handle x, nb::handle domain, std::int64_t rank) {
    const Operand data(x, "a"), window(domain, "domain");
    return computed({&data, &window}, signal::OrderFilterOptions{}, [&](const auto& o) {
      return signal::order_filter(data.view(), window.view(), rank, o);
    });
  });
  m.def("sepfir2d", [](nb::handle x, nb::handle hrow, nb::handle hcol) {
    const Operand data(x, "input"), row(hrow, "hrow"), column(hcol, "hcol");
    return computed({&data, &row, &column}, signal::Sepfir2dOptions{}, [&](const auto& o) {
      return signal::sepfir2d(data.view(), row.view(), column.view(), o);
    });
  });
}

}  // namespace faltung::python
