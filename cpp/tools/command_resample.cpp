#include <fmt/format.h>
#include <faltung/resample.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/io/sound.hpp"
#include "cpp/tools/io/sound_format.hpp"
#include "cpp/tools/io/warning.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/sum_options.hpp"

namespace faltung::tools {
namespace {

struct ResampleArguments {
  std::string input, output;
  std::string up, down, rate;
  std::string axis;
  std::string window, padtype, cval;
  std::string format;
  bool allow_truncated = false;
  std::string method = "auto";
  PromiseText promises;
  std::string device = "auto";
};

/// The factors of the rate, not yet in lowest terms.
struct Ratio {
  std::int64_t up = 1;
  std::int64_t down = 1;
};

/// The window: taps from a file, or the shape of the filter that is designed.
class Window {
 public:
  explicit Window(const std::string& text) {
    constexpr std::string_view kaiser = "kaiser:";
    if (text.empty()) return;
    if (text.starts_with(kaiser)) {
      beta_ = parse_number("--window kaiser", text.substr(kaiser.size()), 0, 700);
    } else if (text.ends_with(".npy")) {
      taps_ = read_npy(text);
      given_ = true;
    } else {
      throw InvalidProblem(fmt::format(
          "--window {}: use kaiser:BETA, or FILE.npy with the taps of a filter of your own", text));
    }
  }
  void set(signal::ResamplePolyOptions& call) const {
    call.beta = beta_;
    if (given_) call.taps = taps_.view();
  }

 private:
  double beta_ = 5;
  bool given_ = false;
  Tensor taps_;  ///< on the CPU, where they are multiplied by the rate
};

signal::ResamplePolyOptions call_options(const ResampleArguments& options) {
  signal::ResamplePolyOptions call;
  if (!options.axis.empty()) call.axis = parse_axis("--axis", options.axis);
  if (!options.padtype.empty()) {
    call.padtype = parse_with(signal::parse_pad_type, "--padtype", options.padtype);
  }
  if (!options.cval.empty()) {
    if (call.padtype != signal::PadType::constant) {
      throw InvalidProblem(
          fmt::format("--cval {}: --padtype {} has no place for it; use --padtype constant, or "
                      "leave --cval out",
                      options.cval, options.padtype));
    }
    call.cval = parse_complex("--cval", options.cval);
  }
  set_method(options.method, call);
  set_promises(options.promises, call.run);
  return call;
}

Tensor resampled(const ResampleArguments& options, const Tensor& x, const Ratio& ratio,
                 const signal::ResamplePolyOptions& call) {
  return on_device(options.device, [&](const Device& device) {
    return on_cpu(signal::resample_poly(Operand(x, device), ratio.up, ratio.down, call));
  });
}

Ratio given_ratio(const ResampleArguments& options) {
  if (options.up.empty() && options.down.empty()) {
    throw InvalidProblem("--up and --down are missing: they say by how much; sound takes --rate");
  }
  Ratio ratio;
  if (!options.up.empty()) ratio.up = parse_integer("--up", options.up);
  if (!options.down.empty()) ratio.down = parse_integer("--down", options.down);
  return ratio;
}

void refuse_if_given(const std::string& option, const std::string& value, const char* rule) {
  if (!value.empty()) throw InvalidProblem(fmt::format("{} {}: {}", option, value, rule));
}

void resample_array(const ResampleArguments& options) {
  refuse_if_given("--rate", options.rate, "arrays have no rate; use --up and --down");
  refuse_if_given("--format", options.format, "arrays keep their type; it is for sound");
  if (options.allow_truncated) {
    throw InvalidProblem(
        "--allow-truncated takes what is there of a recording; an array file that is cut short is "
        "refused, so leave it out");
  }
  const Ratio ratio = given_ratio(options);
  signal::ResamplePolyOptions call = call_options(options);
  const Window window(options.window);
  window.set(call);
  const Tensor x = read_npy(options.input);
  OutputFile output(options.output, npy_endings);
  write_npy(output, resampled(options, x, ratio, call));
  output.commit();
}

/// The rate of the result follows from the ratio, or the ratio from the rate.
Ratio sound_ratio(const ResampleArguments& options, int rate) {
  if (options.rate.empty()) return given_ratio(options);
  refuse_if_given("--up", options.up, "--rate says it already; give one of them");
  refuse_if_given("--down", options.down, "--rate says it already; give one of them");
  return {parse_integer("--rate", options.rate), rate};
}

int new_rate(const ResampleArguments& options, const Ratio& ratio, int rate) {
  const double value =
      static_cast<double>(rate) * static_cast<double>(ratio.up) / static_cast<double>(ratio.down);
  if (ratio.up < 1 || ratio.down < 1 || value != std::trunc(value) || value < 1 ||
      value > std::numeric_limits<int>::max()) {
    throw InvalidProblem(
        fmt::format("{}: {} frames a second times {}/{} is no rate that a file can have; "
                    "rates are whole numbers from 1 to {}",
                    options.rate.empty() ? "--up, --down" : "--rate " + options.rate, rate,
                    ratio.up, ratio.down, std::numeric_limits<int>::max()));
  }
  return static_cast<int>(value);
}

/// Says how many samples are louder than the format allows: a filter overshoots beside steps.
void warn_of_clipping(const Sound& sound, const std::string& path) {
  if (pcm_bits(sound.format) == 0) return;
  const auto loud = std::ranges::count_if(sound.samples.values<double>(),
                                          [](double sample) { return std::abs(sample) > 1; });
  if (loud > 0) {
    warn(path, fmt::format("{} samples exceed full scale and are clipped; --format float keeps "
                           "them",
                           loud));
  }
}

void resample_sound(const ResampleArguments& options) {
  refuse_if_given("--axis", options.axis, "sound is resampled along time");
  signal::ResamplePolyOptions call = call_options(options);
  call.axis = 1;
  const Window window(options.window);
  window.set(call);
  const Sound sound =
      read_sound(options.input, options.allow_truncated ? Truncated::accepted : Truncated::refused);
  const Ratio ratio = sound_ratio(options, sound.rate);
  Sound result{Tensor(), new_rate(options, ratio, sound.rate), 0};
  OutputFile output(options.output, sound_endings);
  // The formats that a container takes depend on the rate and the channels of what is written.
  const Sound like{Tensor(f64, {sound.samples.shape()[0], 0}), result.rate, sound.format};
  result.format = sound_format(options.output, output.ending(),
                               options.format.empty() ? "auto" : options.format, like);
  result.samples = resampled(options, sound.samples, ratio, call);
  warn_of_clipping(result, options.output);
  write_sound(output, result);
  output.commit();
}

/// Streams hold arrays unless the other name is a recording's.
bool is_sound(const ResampleArguments& options) {
  const auto ends_in = [](const std::string& path, std::string_view ending) {
    return path.size() > ending.size() &&
           std::ranges::equal(std::string_view(path).substr(path.size() - ending.size()), ending,
                              [](char a, char b) { return std::tolower(a) == b; });
  };
  if (ends_in(options.input, ".npy") || ends_in(options.output, ".npy")) return false;
  const auto sound = [&](const std::string& path) {
    return std::ranges::any_of(sound_endings,
                               [&](std::string_view ending) { return ends_in(path, ending); });
  };
  return sound(options.input) || sound(options.output);
}

void resample(const ResampleArguments& options) {
  if (is_sound(options)) {
    resample_sound(options);
  } else {
    resample_array(options);
  }
}

}  // namespace

void add_resample_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "resample", "Change the sample rate of an array or a recording, as SciPy's resample_poly");
  auto options = std::make_shared<ResampleArguments>();
  command->add_option("IN", options->input, "Array, .npy, or recording: .wav, .flac, ...")
      ->required();
  command
      ->add_option("-o,--output", options->output,
                   "Result: .npy, or .wav, .rf64, .w64, .flac, .aif, .aiff, .au, .caf, .ogg, .opus")
      ->required();
  command->add_option("--up", options->up, "Factor of the rate; default 1");
  command->add_option("--down", options->down, "Divisor of the rate; default 1");
  command->add_option("--rate", options->rate,
                      "New frames per second of a recording, in place of both");
  command->add_option("--axis", options->axis,
                      "Of an array; negative ones from the last; default 0");
  command->add_option("--window", options->window,
                      "kaiser:BETA, default kaiser:5, or FILE.npy with the taps of the low-pass "
                      "filter");
  command->add_option("--padtype", options->padtype,
                      "Outside: constant (default), symmetric, reflect, edge, wrap, smooth, "
                      "antisymmetric, antireflect, line; or mean, median, maximum, minimum");
  command->add_option("--cval", options->cval, "The value of --padtype constant; default 0");
  command
      ->add_option("--format", options->format,
                   "Samples of a recording: pcm8, pcm16, pcm24, pcm32, float or double; default: "
                   "those of IN as far as the container takes them")
      ->check(CLI::IsMember({"auto", "pcm8", "pcm16", "pcm24", "pcm32", "float", "double"}));
  command->add_flag("--allow-truncated", options->allow_truncated,
                    "Take what is there of a recording that is cut short, with a warning");
  add_promise_options(*command, options->promises);
  add_method_option(*command, options->method);
  add_device_option(*command, options->device);
  command->callback([options] { resample(*options); });
}

}  // namespace faltung::tools
