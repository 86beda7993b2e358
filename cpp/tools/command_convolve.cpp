#include <fmt/format.h>
#include <faltung/data_range.hpp>
#include <faltung/image.hpp>
#include <faltung/numpy.hpp>
#include <faltung/signal.hpp>
#include <faltung/streamed_plan.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/support/bytes.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/mask_options.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/sum_options.hpp"

namespace faltung::tools {
namespace {

struct ConvolveArguments {
  std::string x, k, output;
  std::string operation = "convolve";
  std::string api = "scipy.signal";
  std::string mode;
  std::string boundary;
  std::string origin;
  std::string axes;
  std::string lags;
  SumText sums;
  MaskText mask;
  std::string method = "auto";
  bool check_range = false;
  std::string device = "auto";
  std::string memory_limit;

  [[nodiscard]] bool correlates() const { return operation == "correlate"; }
};

void refuse_if_given(const std::string& option, const std::string& value, const std::string& rule) {
  if (value.empty()) return;
  throw InvalidProblem(fmt::format("{} {}: {}", option, value, rule));
}

signal::Mode mode_or(const ConvolveArguments& options, signal::Mode fallback) {
  return options.mode.empty() ? fallback : signal::parse_mode(options.mode);
}

/// A call of a front end, made whole or lowered.
struct ConvolveCall {
  std::function<Tensor()> run;
  std::function<Lowering()> lower;
};

/// Both forms of `name(x, k, call)` of a front end.
#define FALTUNG_CALL(front, name, call)                                                      \
  ConvolveCall {                                                                             \
    [=] { return front::name(x, k, call); }, [=] { return front::lower_##name(x, k, call); } \
  }

ConvolveCall call_numpy(const ConvolveArguments& options, const ConstTensorView& x,
                        const ConstTensorView& k) {
  if (options.correlates()) {
    numpy::CorrelateOptions call{.mode = mode_or(options, signal::Mode::valid)};
    set_sums(options.sums, call);
    set_method(options.method, call);
    return FALTUNG_CALL(numpy, correlate, call);
  }
  numpy::ConvolveOptions call{.mode = mode_or(options, signal::Mode::full)};
  set_sums(options.sums, call);
  set_method(options.method, call);
  return FALTUNG_CALL(numpy, convolve, call);
}

/// SciPy knows boundaries only for two axes, in functions of their own.
ConvolveCall call_signal_2d(const ConvolveArguments& options, const ConstTensorView& x,
                            const ConstTensorView& k) {
  const std::vector<Boundary> boundaries =
      parse_boundaries("--boundary", options.boundary).values();
  if (boundaries.size() != 1) {
    throw InvalidProblem(
        fmt::format("--boundary {}: scipy.signal takes one for both axes", options.boundary));
  }
  signal::Convolve2dOptions call{.mode = mode_or(options, signal::Mode::full),
                                 .boundary = boundaries.front()};
  set_sums(options.sums, call);
  set_method(options.method, call);
  return options.correlates() ? FALTUNG_CALL(signal, correlate2d, call)
                              : FALTUNG_CALL(signal, convolve2d, call);
}

/// SciPy's convolve has no axes; its fftconvolve has.
ConvolveCall call_signal_axes(const ConvolveArguments& options, const ConstTensorView& x,
                              const ConstTensorView& k) {
  signal::FftConvolveOptions call{.mode = mode_or(options, signal::Mode::full),
                                  .axes = parse_axes("--axes", options.axes)};
  set_sums(options.sums, call);
  if (options.method != "auto" && options.method != "fft") call.run.engine = options.method;
  return FALTUNG_CALL(signal, fftconvolve, call);
}

ConvolveCall call_signal(const ConvolveArguments& options, const ConstTensorView& x,
                         const ConstTensorView& k) {
  if (!options.axes.empty()) return call_signal_axes(options, x, k);
  if (!options.boundary.empty()) return call_signal_2d(options, x, k);
  signal::ConvolveOptions call{.mode = mode_or(options, signal::Mode::full)};
  set_sums(options.sums, call);
  set_method(options.method, call);
  return options.correlates() ? FALTUNG_CALL(signal, correlate, call)
                              : FALTUNG_CALL(signal, convolve, call);
}

ConvolveCall call_ndimage(const ConvolveArguments& options, const ConstTensorView& x,
                          const ConstTensorView& k) {
  image::FilterOptions call;
  if (!options.boundary.empty()) call.boundary = parse_boundaries("--boundary", options.boundary);
  if (!options.origin.empty()) call.origin = parse_integers("--origin", options.origin);
  if (!options.axes.empty()) call.axes = parse_integers("--axes", options.axes).values();
  set_sums(options.sums, call);
  set_method(options.method, call);
  return options.correlates() ? FALTUNG_CALL(image, correlate, call)
                              : FALTUNG_CALL(image, convolve, call);
}

/// Divided by the convolution of the weights.
Tensor call_masked(const ConvolveArguments& options, const ConstTensorView& x,
                   const ConstTensorView& k, const Tensor& weights) {
  if (options.api == "scipy.ndimage") {
    image::MaskedOptions call;
    if (!options.boundary.empty()) call.boundary = parse_boundaries("--boundary", options.boundary);
    if (!options.origin.empty()) call.origin = parse_integers("--origin", options.origin);
    if (!options.axes.empty()) call.axes = parse_integers("--axes", options.axes).values();
    set_mask(options.mask, options.sums, weights, call);
    set_method(options.method, call);
    return options.correlates() ? image::masked_correlate(x, k, call)
                                : image::masked_convolve(x, k, call);
  }
  signal::MaskedOptions call{.mode = mode_or(options, signal::Mode::full)};
  set_mask(options.mask, options.sums, weights, call);
  set_method(options.method, call);
  return options.correlates() ? signal::masked_correlate(x, k, call)
                              : signal::masked_convolve(x, k, call);
}

void check_mask(const ConvolveArguments& options) {
  check_mask_options(options.mask);
  if (!options.mask.given() || options.api == "scipy.ndimage") return;
  const std::string option =
      options.mask.nan.empty() ? "--weights " + options.mask.weights : "--nan " + options.mask.nan;
  if (options.api == "numpy") {
    throw InvalidProblem(option + ": --api scipy.signal and scipy.ndimage have weights");
  }
  const std::string rule = "beside " + option +
                           " signals end, and all axes are convolved; use --api "
                           "scipy.ndimage";
  refuse_if_given("--boundary", options.boundary, rule);
  refuse_if_given("--axes", options.axes, rule);
}

void check_axes(const ConvolveArguments& options) {
  if (options.api == "numpy") {
    refuse_if_given("--axes", options.axes,
                    "numpy's functions have none; use --api scipy.signal or scipy.ndimage");
  }
  if (options.correlates()) {
    refuse_if_given("--axes", options.axes,
                    "scipy.signal has axes for convolve alone; use --api scipy.ndimage");
  }
  if (!options.boundary.empty()) {
    refuse_if_given("--axes", options.axes,
                    "with --boundary scipy.signal takes two axes and filters both; use --api "
                    "scipy.ndimage");
  }
}

/// Lags belong to the elements of signal.correlate.
void check_lags(const ConvolveArguments& options) {
  if (!options.correlates() || options.api != "scipy.signal" || !options.boundary.empty()) {
    refuse_if_given("--lags", options.lags,
                    "only --op correlate of --api scipy.signal without --boundary has lags");
  }
  if (options.lags == options.output) {
    refuse_if_given("--lags", options.lags, "is --output too; give them two names");
  }
}

/// What the range of the data means, for the call that is made.
void print_range(const ConvolveArguments& options, const Tensor& x, const Tensor& k) {
  signal::ConvolveOptions call{.mode = mode_or(options, signal::Mode::full)};
  set_sums(options.sums, call);
  set_method(options.method, call);
  const Lowering lowered = options.correlates() ? signal::lower_correlate(x, k, call)
                                                : signal::lower_convolve(x, k, call);
  const Plan plan = Plan::make(lowered.problem, Device::cpu(), lowered.plan);
  const auto view = [](const Tensor& operand, const Shape& shape) {
    if (element_count(shape) != element_count(operand.shape())) {
      throw InvalidProblem(
          fmt::format("--check-range: of operands with {} axes one problem does not see all; give "
                      "it arrays with fewer axes",
                      operand.shape().size()));
    }
    return ConstTensorView{operand.data(), operand.dtype(), shape, compact_strides(shape),
                           Device::cpu()};
  };
  const Tensor& first = lowered.swapped ? k : x;
  const Tensor& second = lowered.swapped ? x : k;
  fmt::print("{}/{}: {}\n", plan.engine(), plan.way(),
             to_string(data_range(plan, view(first, plan.problem().x_shape()),
                                  view(second, plan.problem().w_shape()))));
}

void check_options(const ConvolveArguments& options) {
  if (options.check_range && (options.api != "scipy.signal" || !options.boundary.empty() ||
                              !options.axes.empty() || options.mask.given())) {
    throw InvalidProblem(
        "--check-range: it looks at what --api scipy.signal convolves along all axes, without "
        "--boundary, --axes and weights");
  }
  if (options.mask.given()) {
    refuse_if_given("--device-memory-limit", options.memory_limit,
                    "with weights there are several passes, which are not streamed; leave it out");
  }
  check_lags(options);
  check_mask(options);
  if (options.api == "scipy.ndimage") {
    refuse_if_given("--mode", options.mode,
                    "scipy.ndimage results always have the extent of X; use --api scipy.signal");
    return;
  }
  refuse_if_given("--origin", options.origin, "only --api scipy.ndimage has an origin");
  check_axes(options);
  if (options.api == "numpy") {
    refuse_if_given("--boundary", options.boundary,
                    "numpy has no boundaries; use --api scipy.ndimage");
  }
}

/// The lag of every element of the result, i64.
Tensor lags_of(const ConvolveArguments& options, const Tensor& x, const Tensor& k) {
  if (x.shape().size() != 1 || k.shape().size() != 1) {
    throw InvalidProblem(
        fmt::format("--lags {}: X has {} axes and K {}; lags are those of one axis", options.lags,
                    x.shape().size(), k.shape().size()));
  }
  const std::vector<std::int64_t> lags =
      signal::correlation_lags(x.shape()[0], k.shape()[0], mode_or(options, signal::Mode::full));
  return Tensor::from(std::span<const std::int64_t>(lags),
                      {static_cast<std::int64_t>(lags.size())});
}

Tensor compute(const ConvolveArguments& options, const Tensor& x, const Tensor& k,
               const Tensor& weights) {
  return on_device(options.device, [&](const Device& device) {
    const auto call = [&](const ConstTensorView& a, const ConstTensorView& b) {
      return options.api == "numpy"           ? call_numpy(options, a, b)
             : options.api == "scipy.ndimage" ? call_ndimage(options, a, b)
                                              : call_signal(options, a, b);
    };
    if (!options.memory_limit.empty()) {
      return run_streamed(
          call(x, k).lower(), x, k,
          {.devices = {device},
           .memory_limit = parse_bytes("--device-memory-limit", options.memory_limit)});
    }
    const Operand here(x, device);
    const Operand filter(k, device);
    if (options.mask.given()) return on_cpu(call_masked(options, here, filter, weights));
    return on_cpu(call(here, filter).run());
  });
}

void convolve(const ConvolveArguments& options) {
  check_options(options);
  const Tensor x = read_npy(options.x);
  const Tensor k = read_npy(options.k);
  const Tensor weights = options.mask.weights.empty() ? Tensor() : read_npy(options.mask.weights);
  OutputFile output(options.output, npy_endings);
  std::optional<OutputFile> lags_output;
  if (!options.lags.empty()) lags_output.emplace(options.lags, npy_endings);
  if (options.check_range) print_range(options, x, k);
  const Tensor result = compute(options, x, k, weights);
  check_store(options.sums, result.dtype());
  write_npy(output, result);
  if (lags_output) {
    write_npy(*lags_output, lags_of(options, x, k));
    lags_output->commit();
  }
  output.commit();
}

}  // namespace

void add_convolve_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "convolve", "Convolve or correlate two arrays as SciPy or NumPy do; types as theirs");
  auto options = std::make_shared<ConvolveArguments>();
  command->add_option("X", options->x, "Array to convolve, .npy")->required();
  command->add_option("K", options->k, "Filter, .npy")->required();
  command->add_option("-o,--output", options->output, "Result, .npy")->required();
  command->add_option("--op", options->operation, "convolve or correlate")
      ->check(CLI::IsMember({"convolve", "correlate"}))
      ->capture_default_str();
  command->add_option("--api", options->api, "Whose rules: scipy.signal, scipy.ndimage or numpy")
      ->check(CLI::IsMember({"scipy.signal", "scipy.ndimage", "numpy"}))
      ->capture_default_str();
  command->add_option("--mode", options->mode,
                      "full, same or valid; default full, but valid for numpy's correlate");
  command->add_option("--boundary", options->boundary,
                      "zero, constant:V, nearest, reflect, mirror or wrap; scipy.ndimage: one or "
                      "one per axis, default reflect; scipy.signal: means convolve2d, correlate2d");
  command->add_option("--origin", options->origin,
                      "Moves the filter's centre, scipy.ndimage only: one or one per axis");
  command->add_option("--axes", options->axes,
                      "1 or 0,-1; default all. scipy.signal: those to convolve along, by FFT, the "
                      "others broadcast; scipy.ndimage: those of X that K's axes stand for");
  command->add_option("--lags", options->lags,
                      "Also writes the lag of every element of a correlation of one axis, .npy");
  add_mask_options(*command, options->mask);
  command->add_flag("--check-range", options->check_range,
                    "Also says how far results may be off that are small beside the data");
  add_sum_options(*command, options->sums);
  add_method_option(*command, options->method);
  add_device_option(*command, options->device);
  command->add_option("--device-memory-limit", options->memory_limit,
                      "Bytes of the device that may be taken, or 512K, 100M, 4G: what does not fit "
                      "is streamed from the host in pieces");
  command->callback([options] { convolve(*options); });
}

}  // namespace faltung::tools
