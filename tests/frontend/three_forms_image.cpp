// The functions of `image`.

#include <limits>
#include <utility>

#include "tests/frontend/three_forms_table.hpp"

namespace faltung::test {
namespace {

using namespace image;
using Operand = std::shared_ptr<const Tensor>;

Operand operand(DType dtype, const Shape& shape) {
  return std::make_shared<const Tensor>(numbers_of(dtype, shape));
}

#define FALTUNG_FILTER(call, lower)                                    \
  [=](const auto& o) { return call(*x, *w, o); },                      \
      [=](const TensorView& y, const auto& o) { call(*x, *w, y, o); }, \
      [=](const TensorView& y, const auto& o) { run_planned(lower(*x, *w, o), *x, *w, y); }

#define FALTUNG_PASSES(call)                                       \
  [=](const auto& o) { return call(*x, o); },                      \
      [=](const TensorView& y, const auto& o) { call(*x, y, o); }, \
      [=](const TensorView& y, const auto& o) { run_planned(plan_##call(*x, o), *x, y); }

void add_filters(std::vector<Function>& all) {
  const Operand x = operand(f32, {12, 10});
  Operand w = operand(f64, {3, 4});
  const FilterOptions options{.boundary = Boundary::mirror(), .origin = {0, 1}};
  all.push_back(function("image.convolve", options, FALTUNG_FILTER(convolve, lower_convolve)));
  all.push_back(function("image.correlate", options, FALTUNG_FILTER(correlate, lower_correlate)));
  w = operand(f64, {5});
  const Filter1dOptions line{.axis = 0};
  all.push_back(function("image.convolve1d", line, FALTUNG_FILTER(convolve1d, lower_convolve1d)));
  all.push_back(
      function("image.correlate1d", line, FALTUNG_FILTER(correlate1d, lower_correlate1d)));
}

// Its operands dy, x and w; `output` names the type of dy.
#define FALTUNG_GRADIENT(call, view)                                                \
  all.push_back(function(                                                           \
      "image." #call, options, [=](const auto& o) { return call(*dy, *x, *w, o); }, \
      [=](const TensorView& to, const auto& o) { call(*dy, *x, *w, to, o); },       \
      [=](const TensorView& to, const auto& o) {                                    \
        run_planned(plan_##call(*dy, *x, *w, o), *dy, *x, to);                      \
      }));                                                                          \
  all.back().result = view;                                                         \
  all.back().names_f16 = {};

void add_masked_gradients(std::vector<Function>& all, const Operand& x, const Operand& w) {
  using namespace image;
  const Operand dy = operand(f32, {12, 10});
  const image::MaskedOptions options{.keep_gain = true, .min_count = 2};
  FALTUNG_GRADIENT(masked_convolve_data_gradient, "dx")
  FALTUNG_GRADIENT(masked_convolve_filter_gradient, "dw")
  FALTUNG_GRADIENT(masked_correlate_data_gradient, "dx")
  FALTUNG_GRADIENT(masked_correlate_filter_gradient, "dw")
}

void add_masked(std::vector<Function>& all) {
  const Operand w = operand(f32, {3, 4}), whole = operand(f32, {12, 10});
  Tensor holes = whole->clone();
  for (std::size_t i = 0; i < 120; i += 7) {
    holes.values<float>()[i] = std::numeric_limits<float>::quiet_NaN();
  }
  const Operand x = std::make_shared<const Tensor>(std::move(holes));
  const auto weights = std::make_shared<const Tensor>(numbers_of(u8, {12, 10}));
  const auto add = [&](Function f) {
    f.intermediate = true;
    all.push_back(std::move(f));
  };
  const MaskedOptions options{.keep_gain = true, .fill = 0};
  add(function(
      "image.masked_convolve", options, [=](const auto& o) { return masked_convolve(*x, *w, o); },
      [=](const TensorView& y, const auto& o) { masked_convolve(*x, *w, y, o); },
      [=](const TensorView& y, const auto& o) {
        run_planned(plan_masked_convolve(*x, *w, o), *x, y);
      }));
  const auto weighted = [=](MaskedOptions o) {
    o.weights = *weights;
    return o;
  };
  add(function(
      "image.masked_correlate weighted", MaskedOptions{.min_count = 3, .fill = 0},
      [=](const auto& o) { return masked_correlate(*x, *w, weighted(o)); },
      [=](const TensorView& y, const auto& o) { masked_correlate(*x, *w, y, weighted(o)); },
      [=](const TensorView& y, const auto& o) {
        run_planned(plan_masked_correlate(*x, *w, weighted(o)), *x, y);
      }));
  add_masked_gradients(all, x, w);
}

// Passes that become one filter, that stay apart, and whose terms are stored.
void add_passes(std::vector<Function>& all, DType dtype, const Shape& shape) {
  const Operand x = operand(dtype, shape);
  const auto add = [&](Function f) {
    f.name += " " + std::string(name(dtype));
    f.intermediate = true;
    if (is_integer(dtype)) f.by_fft = {};  // which FFT engines may refuse
    all.push_back(std::move(f));
  };
  const GaussianOptions gauss{.sigma = 1.5};
  add(function("image.gaussian", gauss, FALTUNG_PASSES(gaussian)));
  add(function("image.gaussian_laplace", gauss, FALTUNG_PASSES(gaussian_laplace)));
  add(function("image.gaussian_gradient_magnitude", gauss,
               FALTUNG_PASSES(gaussian_gradient_magnitude)));
  add(function("image.uniform", UniformOptions{.size = {3, 9}}, FALTUNG_PASSES(uniform)));
  add(function("image.sobel", DerivativeOptions{}, FALTUNG_PASSES(sobel)));
  add(function("image.prewitt", DerivativeOptions{.axis = 0}, FALTUNG_PASSES(prewitt)));
  add(function("image.laplace", SumOptions{}, FALTUNG_PASSES(laplace)));
  add(function("image.sobel_magnitude", SumOptions{}, FALTUNG_PASSES(sobel_magnitude)));
  add(function("image.prewitt_magnitude", SumOptions{}, FALTUNG_PASSES(prewitt_magnitude)));
}

void add_ranks(std::vector<Function>& all) {
  const Operand x = operand(f32, {12, 10});
  const RankOptions options{.size = {3, 2}};
  const auto add = [&](Function f) {
    f.engines = false;
    all.push_back(std::move(f));
  };
  add(function("image.median_filter", options, FALTUNG_PASSES(median_filter)));
  // Elements that become another type pass through an image in between.
  add(function("image.median_filter to f64", RankOptions{.size = 3, .output = f64},
               FALTUNG_PASSES(median_filter)));
  all.back().intermediate = true;
  all.back().names_f16 = {};
  add(function(
      "image.rank_filter", options, [=](const auto& o) { return rank_filter(*x, 2, o); },
      [=](const TensorView& y, const auto& o) { rank_filter(*x, 2, y, o); },
      [=](const TensorView& y, const auto& o) { run_planned(plan_rank_filter(*x, 2, o), *x, y); }));
  add(function(
      "image.percentile_filter", options,
      [=](const auto& o) { return percentile_filter(*x, 30, o); },
      [=](const TensorView& y, const auto& o) { percentile_filter(*x, 30, y, o); },
      [=](const TensorView& y, const auto& o) {
        run_planned(plan_percentile_filter(*x, 30, o), *x, y);
      }));
}

}  // namespace

std::vector<Function> image_functions() {
  std::vector<Function> all;
  add_filters(all);
  add_masked(all);
  add_passes(all, f32, {12, 10});
  add_passes(all, i32, {12, 10});
  add_ranks(all);
  return all;
}

}  // namespace faltung::test
