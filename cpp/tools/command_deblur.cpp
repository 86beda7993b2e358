#include <fmt/format.h>
#include <faltung/restoration.hpp>

#include <limits>
#include <memory>
#include <string>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"

namespace faltung::tools {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Options are "" where they are not given.
struct DeblurArguments {
  std::string input, psf, output;
  std::string by = "richardson-lucy";
  std::string iterations, epsilon, balance, roughness;
  bool keep_range = false;
  std::string device = "auto";
};

// @param by  the only one that has a use for the option
void refuse_unless(const DeblurArguments& options, const char* by, const char* option,
                   const std::string& value) {
  if (value.empty() || options.by == by) return;
  throw InvalidProblem(fmt::format("{} {}: it is for --by {}, and this is {}; leave it out", option,
                                   value, by, options.by));
}

Tensor by_richardson_lucy(const DeblurArguments& options, const Tensor& x, const Tensor& psf) {
  image::RichardsonLucyOptions call{.clip = !options.keep_range};
  if (!options.iterations.empty()) {
    call.iterations = static_cast<std::int64_t>(parse_count("--iterations", options.iterations));
  }
  if (!options.epsilon.empty()) {
    call.epsilon = parse_number("--epsilon", options.epsilon, 0, infinity);
  }
  return on_device(options.device, [&](const Device& device) {
    return on_cpu(image::richardson_lucy(Operand(x, device), psf, call));
  });
}

Tensor by_wiener(const DeblurArguments& options, const Tensor& x, const Tensor& psf) {
  image::WienerOptions call{.clip = !options.keep_range};
  if (!options.balance.empty()) {
    call.balance = parse_number("--balance", options.balance, 0, infinity);
  }
  Tensor roughness;
  if (!options.roughness.empty()) {
    roughness = read_npy(options.roughness);
    call.roughness = roughness.view();
  }
  return on_device(options.device, [&](const Device& device) {
    return on_cpu(image::wiener(Operand(x, device), psf, call));
  });
}

void deblur(const DeblurArguments& options) {
  const bool wiener = options.by == "wiener";
  if (!wiener && options.by != "richardson-lucy") {
    throw InvalidProblem(fmt::format("--by {}: it must be richardson-lucy or wiener", options.by));
  }
  refuse_unless(options, "richardson-lucy", "--iterations", options.iterations);
  refuse_unless(options, "richardson-lucy", "--epsilon", options.epsilon);
  refuse_unless(options, "wiener", "--balance", options.balance);
  refuse_unless(options, "wiener", "--roughness", options.roughness);
  const Tensor x = read_npy(options.input), psf = read_npy(options.psf);
  OutputFile output(options.output, npy_endings);
  const Tensor y = wiener ? by_wiener(options, x, psf) : by_richardson_lucy(options, x, psf);
  write_npy(output, y);
  output.commit();
}

}  // namespace

void add_deblur_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("deblur", "Turn back what a known blur left of an array");
  auto options = std::make_shared<DeblurArguments>();
  command->add_option("IN", options->input, "Array of float32 or float64, .npy")->required();
  command->add_option("PSF", options->psf, "The blur: what became of one point, .npy")->required();
  command->add_option("-o,--output", options->output, "Result, .npy")->required();
  command->add_option("--by", options->by, "richardson-lucy or wiener")->capture_default_str();
  command->add_option("--iterations", options->iterations, "Of Richardson-Lucy, 50 by default");
  command->add_option("--epsilon", options->epsilon,
                      "Where Richardson-Lucy's guess is below, nothing is corrected; 0 by default");
  command->add_option("--balance", options->balance,
                      "Of Wiener: how much smoothness counts beside the data, 0.1 by default");
  command->add_option("--roughness", options->roughness,
                      "Of Wiener: what measures roughness, .npy; the Laplacian by default");
  command->add_flag("--keep-range", options->keep_range, "Leave results outside -1 to 1 there");
  add_device_option(*command, options->device);
  command->callback([options] { deblur(*options); });
}

}  // namespace faltung::tools
