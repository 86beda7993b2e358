#include <fmt/format.h>
#include <faltung/signal.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/io/sound.hpp"
#include "cpp/tools/io/sound_format.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/sum_options.hpp"
#include "cpp/tools/support/text.hpp"

namespace faltung::tools {
namespace {

struct ReverbArguments {
  std::string dry, response, output;
  std::string mix = "1";
  std::string format = "auto";
  bool allow_truncated = false;
  std::string method = "auto";
  PromiseText promises;
  std::string device = "auto";
};

void check_pair(const ReverbArguments& options, const Sound& dry, const Sound& response) {
  if (dry.rate != response.rate) {
    throw InvalidProblem(
        fmt::format("{} has {} frames a second and {} has {}: the rates must "
                    "agree; resample one of them",
                    options.dry, dry.rate, options.response, response.rate));
  }
  const std::int64_t a = dry.samples.shape()[0];
  const std::int64_t b = response.samples.shape()[0];
  if (a != b && a != 1 && b != 1) {
    throw InvalidProblem(
        fmt::format("{} has {} channels and {} has {}: they must be as many, or "
                    "one of the two mono",
                    options.dry, a, options.response, b));
  }
}

double peak(std::span<const double> samples) {
  double largest = 0;
  for (const double sample : samples) largest = std::max(largest, std::abs(sample));
  return largest;
}

std::span<const double> channel(const Sound& sound, std::int64_t index) {
  const auto frames = static_cast<std::size_t>(sound.samples.shape()[1]);
  // A mono recording serves every channel of the other.
  const std::size_t row = sound.samples.shape()[0] == 1 ? 0 : static_cast<std::size_t>(index);
  return sound.samples.values<double>().subspan(row * frames, frames);
}

/// dry * response, full length, for every channel: [channels, N + M - 1].
Tensor convolve_channels(const Sound& dry, const Sound& response, const ReverbArguments& options) {
  const std::int64_t channels = std::max(dry.samples.shape()[0], response.samples.shape()[0]);
  const std::int64_t frames = dry.samples.shape()[1] + response.samples.shape()[1] - 1;
  Tensor wet(f64, {channels, frames});
  signal::ConvolveOptions call;
  set_method(options.method, call);
  set_promises(options.promises, call.run);
  const auto target = wet.values<double>();
  Progress progress("reverb: channel", static_cast<std::size_t>(channels));
  for (std::int64_t i = 0; i < channels; ++i) {
    const Tensor x = Tensor::from(channel(dry, i), {dry.samples.shape()[1]});
    const Tensor k = Tensor::from(channel(response, i), {response.samples.shape()[1]});
    const Tensor y = on_device(options.device, [&](const Device& device) {
      return on_cpu(signal::convolve(Operand(x, device), Operand(k, device), call));
    });
    std::ranges::copy(y.values<double>(), target.begin() + i * frames);
    progress.step();
  }
  return wet;
}

/// (1 - mix) dry + mix wet, with the wet sound brought to the dry peak: whatever the mix, no sample
/// exceeds the largest of the dry recording, so nothing clips.
void blend(const Sound& dry, double mix, Tensor& wet) {
  const auto samples = wet.values<double>();
  const double loudest = peak(samples);
  const double gain = loudest > 0 ? mix * peak(dry.samples.values<double>()) / loudest : 0;
  for (double& sample : samples) sample *= gain;
  const auto frames = static_cast<std::size_t>(wet.shape()[1]);
  for (std::int64_t i = 0; i < wet.shape()[0]; ++i) {
    const auto source = channel(dry, i);
    for (std::size_t t = 0; t < source.size(); ++t) {
      samples[static_cast<std::size_t>(i) * frames + t] += (1 - mix) * source[t];
    }
  }
}

void reverb(const ReverbArguments& options) {
  const double mix = parse_number("--mix", options.mix, 0, 1);
  const Truncated truncated = options.allow_truncated ? Truncated::accepted : Truncated::refused;
  const Sound dry = read_sound(options.dry, truncated);
  const Sound response = read_sound(options.response, truncated);
  check_pair(options, dry, response);
  OutputFile output(options.output, sound_endings);
  Sound wet{Tensor(), dry.rate, 0};
  wet.format = sound_format(options.output, output.ending(), options.format, dry);
  wet.samples = convolve_channels(dry, response, options);
  blend(dry, mix, wet.samples);
  write_sound(output, wet);
  output.commit();
}

}  // namespace

void add_reverb_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "reverb", "Play a recording in a room: convolve it with the room's impulse response");
  auto options = std::make_shared<ReverbArguments>();
  command->add_option("DRY", options->dry, "Recording: .wav, .flac, .aiff, ...")->required();
  command->add_option("IR", options->response, "Impulse response at the same rate")->required();
  command
      ->add_option("-o,--output", options->output,
                   "Result: .wav, .rf64, .w64, .flac, .aif, .aiff, .au, .caf, .ogg or .opus; - is "
                   "standard output, as WAV")
      ->required();
  command
      ->add_option("--mix", options->mix, "Share of the convolved sound, 0 to 1; the rest is dry")
      ->capture_default_str();
  command
      ->add_option("--format", options->format,
                   "Samples of the result: pcm8, pcm16, pcm24, pcm32, float or double; auto keeps "
                   "those of DRY as far as the container takes them")
      ->check(CLI::IsMember({"auto", "pcm8", "pcm16", "pcm24", "pcm32", "float", "double"}))
      ->capture_default_str();
  command->add_flag("--allow-truncated", options->allow_truncated,
                    "Take what is there of a recording that is cut short, with a warning");
  add_promise_options(*command, options->promises);
  add_method_option(*command, options->method, "--method,--engine");
  add_device_option(*command, options->device);
  command->callback([options] { reverb(*options); });
}

}  // namespace faltung::tools
