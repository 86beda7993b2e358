#include <fmt/format.h>
#include <faltung/image.hpp>
#include <faltung/numpy.hpp>
#include <faltung/signal.hpp>

#include <memory>
#include <string>
#include <vector>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"

namespace faltung::tools {
namespace {

struct Options {
  std::string x, k, output;
  std::string operation = "convolve";
  std::string api = "scipy.signal";
  std::string mode;
  std::string boundary;
  std::string origin;
  std::string axes;
  std::string method = "auto";
  std::string device = "auto";

  [[nodiscard]] bool correlates() const { return operation == "correlate"; }
};

void refuse_if_given(const std::string& option, const std::string& value, const std::string& rule) {
  if (value.empty()) return;
  throw InvalidProblem(fmt::format("{} {}: {}", option, value, rule));
}

/// --method is one of SciPy's methods, or an engine.
template <typename CallOptions>
void set_method(const Options& options, CallOptions& call) {
  if (options.method == "auto" || options.method == "direct" || options.method == "fft") {
    call.method = signal::parse_method(options.method);
  } else {
    call.engine = options.method;
  }
}

signal::Mode mode_or(const Options& options, signal::Mode fallback) {
  return options.mode.empty() ? fallback : signal::parse_mode(options.mode);
}

Tensor call_numpy(const Options& options, const ConstTensorView& x, const ConstTensorView& k) {
  if (options.correlates()) {
    numpy::CorrelateOptions call{.mode = mode_or(options, signal::Mode::valid)};
    set_method(options, call);
    return numpy::correlate(x, k, call);
  }
  numpy::ConvolveOptions call{.mode = mode_or(options, signal::Mode::full)};
  set_method(options, call);
  return numpy::convolve(x, k, call);
}

/// SciPy knows boundaries only for two axes, in functions of their own.
Tensor call_signal_2d(const Options& options, const ConstTensorView& x, const ConstTensorView& k) {
  const std::vector<Boundary> boundaries =
      parse_boundaries("--boundary", options.boundary).values();
  if (boundaries.size() != 1) {
    throw InvalidProblem(
        fmt::format("--boundary {}: scipy.signal takes one for both axes", options.boundary));
  }
  signal::Convolve2dOptions call{.mode = mode_or(options, signal::Mode::full),
                                 .boundary = boundaries.front()};
  set_method(options, call);
  return options.correlates() ? signal::correlate2d(x, k, call) : signal::convolve2d(x, k, call);
}

Tensor call_signal(const Options& options, const ConstTensorView& x, const ConstTensorView& k) {
  if (!options.boundary.empty()) return call_signal_2d(options, x, k);
  signal::ConvolveOptions call{.mode = mode_or(options, signal::Mode::full)};
  set_method(options, call);
  return options.correlates() ? signal::correlate(x, k, call) : signal::convolve(x, k, call);
}

Tensor call_ndimage(const Options& options, const ConstTensorView& x, const ConstTensorView& k) {
  image::FilterOptions call;
  if (!options.boundary.empty()) call.boundary = parse_boundaries("--boundary", options.boundary);
  if (!options.origin.empty()) call.origin = parse_integers("--origin", options.origin);
  if (!options.axes.empty()) call.axes = parse_integers("--axes", options.axes).values();
  if (options.method != "auto") call.engine = options.method;
  return options.correlates() ? image::correlate(x, k, call) : image::convolve(x, k, call);
}

void check_options(const Options& options) {
  if (options.api == "scipy.ndimage") {
    refuse_if_given("--mode", options.mode,
                    "scipy.ndimage results always have the extent of X; use --api scipy.signal");
    return;
  }
  refuse_if_given("--origin", options.origin, "only --api scipy.ndimage has an origin");
  refuse_if_given("--axes", options.axes, "only --api scipy.ndimage has axes");
  if (options.api == "numpy") {
    refuse_if_given("--boundary", options.boundary,
                    "numpy has no boundaries; use --api scipy.ndimage");
  }
}

void convolve(const Options& options) {
  check_options(options);
  const Tensor x = read_npy(options.x);
  const Tensor k = read_npy(options.k);
  OutputFile output(options.output, npy_endings);
  const Tensor y = on_device(options.device, [&](const Device& device) {
    const Operand here(x, device);
    const Operand filter(k, device);
    return on_cpu(options.api == "numpy"           ? call_numpy(options, here, filter)
                  : options.api == "scipy.ndimage" ? call_ndimage(options, here, filter)
                                                   : call_signal(options, here, filter));
  });
  write_npy(output, y);
  output.commit();
}

}  // namespace

void add_convolve_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "convolve", "Convolve or correlate two arrays as SciPy or NumPy do; types as theirs");
  auto options = std::make_shared<Options>();
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
                      "The axes of X that K's axes stand for, scipy.ndimage only: 1 or 0,-1; "
                      "default all");
  command
      ->add_option("--method", options->method, "auto, direct, fft, or an engine such as cpu.fft")
      ->capture_default_str();
  add_device_option(*command, options->device);
  command->callback([options] { convolve(*options); });
}

}  // namespace faltung::tools
