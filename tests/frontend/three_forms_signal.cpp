// The functions of `signal` and `numpy`.

#include <limits>
#include <utility>

#include "tests/frontend/three_forms_table.hpp"

namespace faltung::test {
namespace {

#define FALTUNG_ROW(call, lower)                                       \
  [=](const auto& o) { return call(*x, *k, o); },                      \
      [=](const TensorView& y, const auto& o) { call(*x, *k, y, o); }, \
      [=](const TensorView& y, const auto& o) { run_planned(lower(*x, *k, o), *x, *k, y); }

using Operand = std::shared_ptr<const Tensor>;

Operand operand(DType dtype, const Shape& shape) {
  return std::make_shared<const Tensor>(numbers_of(dtype, shape));
}

void add_convolutions(std::vector<Function>& all) {
  using namespace signal;
  Operand x = operand(f32, {3, 40}), k = operand(f32, {2, 9});
  all.push_back(function("signal.convolve", ConvolveOptions{.mode = Mode::same},
                         FALTUNG_ROW(convolve, lower_convolve)));
  all.push_back(
      function("signal.correlate", ConvolveOptions{}, FALTUNG_ROW(correlate, lower_correlate)));
  all.push_back(function("signal.fftconvolve", FftConvolveOptions{},
                         FALTUNG_ROW(fftconvolve, lower_fftconvolve)));
  all.back().by_fft = all.back().fresh;
  all.push_back(function("signal.oaconvolve", FftConvolveOptions{},
                         FALTUNG_ROW(oaconvolve, lower_oaconvolve)));
  all.back().by_fft = all.back().fresh;
  const Convolve2dOptions wrapped{.mode = Mode::same, .boundary = Boundary::wrap()};
  all.push_back(function("signal.convolve2d", wrapped, FALTUNG_ROW(convolve2d, lower_convolve2d)));
  all.push_back(
      function("signal.correlate2d", wrapped, FALTUNG_ROW(correlate2d, lower_correlate2d)));

  // Operands that change places, so that the result is reversed and conjugated.
  x = operand(c64, {5});
  k = operand(c64, {9});
  all.push_back(function("signal.correlate swapped", ConvolveOptions{},
                         FALTUNG_ROW(correlate, lower_correlate)));
  // Batches that fit into no dimension of a problem.
  x = operand(f32, {2, 3, 2, 9, 2});
  k = operand(f32, {2, 1, 2, 3, 1});
  all.push_back(function("signal.fftconvolve loops", FftConvolveOptions{.axes = {3}},
                         FALTUNG_ROW(fftconvolve, lower_fftconvolve)));
  all.back().by_fft = all.back().fresh;

  x = operand(f32, {40});
  k = operand(f32, {9});
  all.push_back(function("numpy.convolve", numpy::ConvolveOptions{.mode = Mode::same},
                         FALTUNG_ROW(numpy::convolve, numpy::lower_convolve)));
  all.push_back(function("numpy.correlate", numpy::CorrelateOptions{},
                         FALTUNG_ROW(numpy::correlate, numpy::lower_correlate)));
}

// Its operands dy, x and k; `output` names the type of dy.
#define FALTUNG_GRADIENT(call, view)                                                 \
  all.push_back(function(                                                            \
      "signal." #call, options, [=](const auto& o) { return call(*dy, *x, *k, o); }, \
      [=](const TensorView& to, const auto& o) { call(*dy, *x, *k, to, o); },        \
      [=](const TensorView& to, const auto& o) {                                     \
        run_planned(plan_##call(*dy, *x, *k, o), *dy, *x, to);                       \
      }));                                                                           \
  all.back().result = view;                                                          \
  all.back().names_f16 = {};

void add_masked_gradients(std::vector<Function>& all, const Operand& x, const Operand& k) {
  using namespace signal;
  const Operand dy = operand(f32, {48});
  const signal::MaskedOptions options{.keep_gain = true, .min_count = 2};
  FALTUNG_GRADIENT(masked_convolve_data_gradient, "dx")
  FALTUNG_GRADIENT(masked_convolve_filter_gradient, "dk")
  FALTUNG_GRADIENT(masked_correlate_data_gradient, "dx")
  FALTUNG_GRADIENT(masked_correlate_filter_gradient, "dk")
}

void add_masked(std::vector<Function>& all) {
  using namespace signal;
  const Operand k = operand(f32, {9});
  Tensor holes = numbers_of(f32, {40});
  for (std::size_t i = 0; i < 40; i += 3) {
    holes.values<float>()[i] = std::numeric_limits<float>::quiet_NaN();
  }
  const Operand x = std::make_shared<const Tensor>(std::move(holes));
  const MaskedOptions options{.keep_gain = true, .min_weight = 0.01, .fill = 0};
  all.push_back(function(
      "signal.masked_convolve", options, [=](const auto& o) { return masked_convolve(*x, *k, o); },
      [=](const TensorView& y, const auto& o) { masked_convolve(*x, *k, y, o); },
      [=](const TensorView& y, const auto& o) {
        run_planned(plan_masked_convolve(*x, *k, o), *x, y);
      }));
  all.back().intermediate = true;
  all.push_back(function(
      "signal.masked_correlate", MaskedOptions{.mode = Mode::same},
      [=](const auto& o) { return masked_correlate(*x, *k, o); },
      [=](const TensorView& y, const auto& o) { masked_correlate(*x, *k, y, o); },
      [=](const TensorView& y, const auto& o) {
        run_planned(plan_masked_correlate(*x, *k, o), *x, y);
      }));
  all.back().intermediate = true;
  add_masked_gradients(all, x, k);
}

void add_rates(std::vector<Function>& all) {
  using namespace signal;
  const Operand x = operand(f32, {2, 40}), h = operand(f32, {9});
  const auto row = [&](const char* name, const UpfirdnOptions& options) {
    return function(
        name, options, [=](const auto& o) { return upfirdn(*h, *x, o); },
        [=](const TensorView& y, const auto& o) { upfirdn(*h, *x, y, o); },
        [=](const TensorView& y, const auto& o) {
          run_planned(lower_upfirdn(*h, *x, o), *x, *h, y);
        });
  };
  all.push_back(row("signal.upfirdn", {.up = 3, .down = 2}));
  const auto plan = [&](const char* name, const UpfirdnOptions& options) {
    return function(
        name, options, [=](const auto& o) { return upfirdn(*h, *x, o); },
        [=](const TensorView& y, const auto& o) { upfirdn(*h, *x, y, o); },
        [=](const TensorView& y, const auto& o) { run_planned(plan_upfirdn(*h, *x, o), *x, y); });
  };
  all.push_back(plan("signal.upfirdn planned", {.up = 3, .down = 2}));
  for (const Extension mode : {Extension::smooth, Extension::wrap, Extension::line}) {
    all.push_back(plan("signal.upfirdn extended", {.up = 2, .mode = mode}));
    all.back().name += " " + std::string(faltung::signal::name(mode));
    all.back().intermediate = true;
  }
  const auto resample = [&](const char* name, PadType padtype) {
    Function f = function(
        name, ResamplePolyOptions{.axis = 1, .padtype = padtype},
        [=](const auto& o) { return resample_poly(*x, 3, 2, o); },
        [=](const TensorView& y, const auto& o) { resample_poly(*x, 3, 2, y, o); },
        [=](const TensorView& y, const auto& o) {
          run_planned(lower_resample_poly(*x, 3, 2, o), *x, {}, y);
        });
    f.one_type = true;
    return f;
  };
  all.push_back(resample("signal.resample_poly", PadType::constant));
  for (const PadType type : {PadType::constant, PadType::antireflect, PadType::mean,
                             PadType::median, PadType::maximum, PadType::minimum}) {
    Function f = resample("signal.resample_poly planned", type);
    f.name += " " + std::string(faltung::signal::name(type));
    f.planned = [=](const TensorView& y, const Execution& run) {
      run_planned(plan_resample_poly(*x, 3, 2, {.axis = 1, .padtype = type, .run = run}), *x, y);
    };
    f.intermediate = type != PadType::constant;
    all.push_back(std::move(f));
  }
  all.push_back(function(
      "signal.resample_poly ratio 1", ResamplePolyOptions{},
      [=](const auto& o) { return resample_poly(*x, 4, 4, o); },
      [=](const TensorView& y, const auto& o) { resample_poly(*x, 4, 4, y, o); },
      [=](const TensorView& y, const auto& o) {
        run_planned(plan_resample_poly(*x, 4, 4, o), *x, y);
      }));
  all.back().one_type = true;
  all.back().engines = false;
  all.back().by_fft = {};
}

void add_images(std::vector<Function>& all) {
  using namespace signal;
  const Operand x = operand(f32, {12, 10}), row = operand(f32, {5}), column = operand(f32, {7});
  all.push_back(function(
      "signal.sepfir2d", Sepfir2dOptions{},
      [=](const auto& o) { return sepfir2d(*x, *row, *column, o); },
      [=](const TensorView& y, const auto& o) { sepfir2d(*x, *row, *column, y, o); },
      [=](const TensorView& y, const auto& o) {
        run_planned(plan_sepfir2d(*x, *row, *column, o), *x, y);
      }));
  all.back().one_type = all.back().intermediate = true;
  const auto windows = [&](Function f) {
    f.engines = false;
    all.push_back(std::move(f));
  };
  windows(function(
      "signal.medfilt", OrderFilterOptions{}, [=](const auto& o) { return medfilt(*x, 3, o); },
      [=](const TensorView& y, const auto& o) { medfilt(*x, 3, y, o); },
      [=](const TensorView& y, const auto& o) { run_planned(plan_medfilt(*x, 3, o), *x, y); }));
  windows(function(
      "signal.medfilt2d", OrderFilterOptions{},
      [=](const auto& o) {
        return medfilt2d(*x, {3, 5}, o);
      },
      [=](const TensorView& y, const auto& o) {
        medfilt2d(*x, {3, 5}, y, o);
      },
      [=](const TensorView& y, const auto& o) {
        run_planned(plan_medfilt2d(*x, {3, 5}, o), *x, y);
      }));
  const auto domain = std::make_shared<const Tensor>(
      Tensor::from<std::uint8_t>({0, 1, 0, 1, 1, 1, 0, 1, 0}, {3, 3}));
  windows(function(
      "signal.order_filter", OrderFilterOptions{},
      [=](const auto& o) { return order_filter(*x, *domain, 1, o); },
      [=](const TensorView& y, const auto& o) { order_filter(*x, *domain, 1, y, o); },
      [=](const TensorView& y, const auto& o) {
        run_planned(plan_order_filter(*x, *domain, 1, o), *x, y);
      }));
}

}  // namespace

std::vector<Function> signal_functions() {
  std::vector<Function> all;
  add_convolutions(all);
  add_masked(all);
  add_rates(all);
  add_images(all);
  return all;
}

}  // namespace faltung::test
