#include <nanobind/stl/complex.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "bindings.hpp"

namespace faltung::python {
namespace {

using Integers = std::vector<std::int64_t>;
using Names = std::vector<std::string>;
using Number = std::complex<double>;

// One rule, or one per axis, with the same value wherever it is `constant`.
PerAxis<Boundary> boundaries(const Names& names, Number cval) {
  std::vector<Boundary> rules;
  for (const std::string& name : names) {
    rules.push_back(name == "constant" ? Boundary::constant(cval) : Boundary::parse(name));
  }
  return rules;
}

// How the sums are formed: in f64 or by default, f32 data in f32; and the shape that choices are
// made for, or none.
using Sums = std::pair<bool, Integers>;
std::optional<DType> accumulator(const Sums& sums) {
  return sums.first ? std::optional(f64) : std::nullopt;
}
Shape chosen_for(const Sums& sums) { return Shape(sums.second); }

template <typename Call, typename Options>
void into(const Call& call, nb::handle x, nb::handle y, const Options& options) {
  const Operand input(x, "input");
  const Target output(y, "output");
  const TensorView& result = output;
  computed({&input, &output}, options, [&](const auto& o) { call(input.view(), result, o); });
}

#define FALTUNG_CALL(function) [](const auto&... arguments) { return function(arguments...); }

void filter(bool flip, nb::handle x, nb::handle weights, const Names& modes, Number cval,
            const Integers& origins, const Integers& axes, const Sums& sums, nb::handle y) {
  const Operand input(x, "input"), w(weights, "weights");
  const Target output(y, "output");
  const image::FilterOptions options{.boundary = boundaries(modes, cval),
                                     .origin = origins,
                                     .axes = axes,
                                     .accumulator = accumulator(sums),
                                     .chosen_for = chosen_for(sums)};
  const TensorView& result = output;
  computed({&input, &w, &output}, options, [&](const auto& o) {
    flip ? image::convolve(input, w, result, o) : image::correlate(input, w, result, o);
  });
}

image::GaussianOptions gaussian_options(const std::vector<double>& sigma, const Integers& order,
                                        const Names& modes, Number cval, double truncate,
                                        const Integers& radius, const Integers& axes,
                                        const Sums& sums) {
  return {.sigma = sigma,
          .order = order,
          .boundary = boundaries(modes, cval),
          .truncate = truncate,
          .radius = radius,
          .axes = axes,
          .accumulator = accumulator(sums),
          .chosen_for = chosen_for(sums)};
}

template <typename Call>
auto gaussian_like(const Call& call) {
  return [call](nb::handle x, const std::vector<double>& sigma, const Integers& order,
                const Names& modes, Number cval, double truncate, const Integers& radius,
                const Integers& axes, const Sums& sums, nb::handle y) {
    into(call, x, y, gaussian_options(sigma, order, modes, cval, truncate, radius, axes, sums));
  };
}

void uniform(nb::handle x, const Integers& size, const Names& modes, Number cval,
             const Integers& origins, const Integers& axes, const Sums& sums, nb::handle y) {
  into(FALTUNG_CALL(image::uniform), x, y,
       image::UniformOptions{.size = size,
                             .boundary = boundaries(modes, cval),
                             .origin = origins,
                             .axes = axes,
                             .accumulator = accumulator(sums),
                             .chosen_for = chosen_for(sums)});
}

template <typename Call>
auto derivative(const Call& call) {
  return [call](nb::handle x, std::int64_t axis, const Names& modes, Number cval, const Sums& sums,
                nb::handle y) {
    into(call, x, y,
         image::DerivativeOptions{.axis = axis,
                                  .boundary = boundaries(modes, cval),
                                  .accumulator = accumulator(sums),
                                  .chosen_for = chosen_for(sums)});
  };
}

void laplace(nb::handle x, const Names& modes, Number cval, const Integers& axes, const Sums& sums,
             nb::handle y) {
  into(FALTUNG_CALL(image::laplace), x, y,
       image::SumOptions{.boundary = boundaries(modes, cval),
                         .axes = axes,
                         .accumulator = accumulator(sums),
                         .chosen_for = chosen_for(sums)});
}

// By footprint if there is one, else by size; `choose` runs one of the three functions.
template <typename Choose>
void ranked(nb::handle x, const Integers& size, nb::handle footprint, const Names& modes,
            Number cval, const Integers& origins, const Integers& axes, nb::handle y,
            const Choose& choose) {
  const Operand input(x, "input");
  const Target output(y, "output");
  std::optional<Operand> members;
  image::RankOptions options{.boundary = boundaries(modes, cval), .origin = origins, .axes = axes};
  if (footprint.is_none()) {
    options.size = size;
  } else {
    options.footprint = members.emplace(footprint, "footprint").view();
  }
  const TensorView& result = output;
  computed({&input, members ? &*members : nullptr, &output}, options,
           [&](const auto& o) { choose(input.view(), result, o); });
}

nb::object richardson_lucy(nb::handle x, nb::handle psf, std::int64_t iterations, bool clip,
                           double epsilon) {
  const Operand input(x, "image"), filter(psf, "psf");
  const image::RichardsonLucyOptions options{
      .iterations = iterations, .clip = clip, .epsilon = epsilon};
  return computed({&input, &filter}, options, [&](const auto& o) {
    return image::richardson_lucy(input.view(), filter.view(), o);
  });
}

nb::object wiener(nb::handle x, nb::handle psf, double balance, nb::object roughness, bool clip) {
  const Operand input(x, "image"), filter(psf, "psf");
  image::WienerOptions options{.balance = balance, .clip = clip};
  std::optional<Operand> rough;
  if (!roughness.is_none()) options.roughness = rough.emplace(roughness, "reg").view();
  return computed({&input, &filter, rough ? &*rough : nullptr}, options,
                  [&](const auto& o) { return image::wiener(input.view(), filter.view(), o); });
}

}  // namespace

void bind_image(nb::module_& m) {
  m.def("image_filter", filter);
  m.def("gaussian", gaussian_like(FALTUNG_CALL(image::gaussian)));
  m.def("gaussian_laplace", gaussian_like(FALTUNG_CALL(image::gaussian_laplace)));
  m.def("gaussian_gradient_magnitude",
        gaussian_like(FALTUNG_CALL(image::gaussian_gradient_magnitude)));
  m.def("uniform", uniform);
  m.def("sobel", derivative(FALTUNG_CALL(image::sobel)));
  m.def("prewitt", derivative(FALTUNG_CALL(image::prewitt)));
  m.def("laplace", laplace);
  m.def("richardson_lucy", richardson_lucy);
  m.def("wiener", wiener, nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg());
  m.def(
      "rank_filter",
      [](nb::handle x, std::int64_t rank, const Integers& size, nb::object footprint,
         const Names& modes, Number cval, const Integers& origins, const Integers& axes,
         nb::handle y) {
        ranked(x, size, footprint, modes, cval, origins, axes, y,
               [&](const auto& input, const auto& result, const auto& options) {
                 image::rank_filter(input, rank, result, options);
               });
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
      nb::arg());
  m.def(
      "percentile_filter",
      [](nb::handle x, double percentile, const Integers& size, nb::object footprint,
         const Names& modes, Number cval, const Integers& origins, const Integers& axes,
         nb::handle y) {
        ranked(x, size, footprint, modes, cval, origins, axes, y,
               [&](const auto& input, const auto& result, const auto& options) {
                 image::percentile_filter(input, percentile, result, options);
               });
      },
      nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
      nb::arg());
  m.def(
      "median_filter",
      [](nb::handle x, const Integers& size, nb::object footprint, const Names& modes, Number cval,
         const Integers& origins, const Integers& axes, nb::handle y) {
        ranked(x, size, footprint, modes, cval, origins, axes, y,
               [](const auto& input, const auto& result, const auto& options) {
                 image::median_filter(input, result, options);
               });
      },
      nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
      nb::arg());
}

}  // namespace faltung::python
