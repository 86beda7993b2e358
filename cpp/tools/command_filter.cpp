#include <fmt/format.h>
#include <faltung/filters.hpp>
#include <faltung/image.hpp>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/atomic_file.hpp"
#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/png.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/text.hpp"

namespace faltung::tools {
namespace {

struct Options {
  std::string input, output, kernel;
  std::string boundary = "reflect";
  std::string engine;
  std::string device = "auto";
};

/// A picture's sides and a filter's sides end well below this.
constexpr double largest_size = 1e6;

Tensor read_kernel(const std::string& path) {
  const Tensor kernel = read_npy(path);
  if (is_complex(kernel.dtype()) || kernel.shape().size() != 2) {
    throw FileError(path, fmt::format("a kernel is real and has two axes; this one is {} with {}",
                                      name(kernel.dtype()), kernel.shape().size()));
  }
  Tensor values = compact_copy(kernel.view(), f64);
  for (const double value : values.values<double>()) {
    if (!std::isfinite(value)) throw FileError(path, "a value of the kernel is not finite");
  }
  return values;
}

/// --kernel and its number, checked before anything is read.
struct Kernel {
  std::string name;
  double number = 0;
  Tensor values;  ///< of sharpen, emboss and a file, for correlation
};

Kernel parse_kernel(const std::string& text) {
  if (text.ends_with(".npy")) return {"file", 0, read_kernel(text)};
  if (text == "sharpen") return {text, 0, filters::sharpen()};
  if (text == "emboss") return {text, 0, filters::emboss()};
  for (const std::string_view plain : {"sobel", "sobel-x", "sobel-y", "laplace"}) {
    if (text == plain) return {text, 0, {}};
  }
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  const std::string number = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (kind == "gaussian") {
    return {kind, parse_number("--kernel gaussian, sigma", number, 0, largest_size), {}};
  }
  if (kind == "box") {
    const double size = parse_number("--kernel box, size", number, 1, largest_size);
    if (size == std::floor(size)) return {kind, size, {}};
  }
  throw InvalidProblem(fmt::format(
      "--kernel {}: use gaussian:SIGMA, box:N (a whole number of pixels), sobel, sobel-x, sobel-y, "
      "laplace, sharpen, emboss or FILE.npy",
      text));
}

/// One channel, f32 [height, width], in and out.
Tensor apply(const Kernel& kernel, const Tensor& x, const PerAxis<Boundary>& boundary,
             const std::string& engine) {
  if (kernel.name == "gaussian") {
    return image::gaussian(x, {.sigma = kernel.number, .boundary = boundary, .engine = engine});
  }
  if (kernel.name == "box") {
    return image::uniform(
        x,
        {.size = static_cast<std::int64_t>(kernel.number), .boundary = boundary, .engine = engine});
  }
  if (kernel.name == "sobel") {
    return image::sobel_magnitude(x, {.boundary = boundary, .engine = engine});
  }
  if (kernel.name == "sobel-x" || kernel.name == "sobel-y") {
    const std::int64_t axis = kernel.name == "sobel-x" ? 1 : 0;
    return image::sobel(x, {.axis = axis, .boundary = boundary, .engine = engine});
  }
  if (kernel.name == "laplace") {
    return image::laplace(x, {.boundary = boundary, .engine = engine});
  }
  return image::correlate(x, kernel.values, {.boundary = boundary, .engine = engine});
}

/// Rounds to the nearest sample, ties to even; what lies outside the range saturates.
template <typename Sample>
Sample to_sample(float value) {
  constexpr float largest = std::numeric_limits<Sample>::max();
  if (value >= largest) return std::numeric_limits<Sample>::max();
  return value > 0 ? static_cast<Sample>(std::nearbyint(value)) : Sample{0};  // NaN gives 0
}

/// One channel of samples [height, width, channels].
ConstTensorView channel_view(const Tensor& samples, std::int64_t channel) {
  const Shape& shape = samples.shape();
  const auto* data = static_cast<const std::byte*>(samples.data());
  return {data + channel * static_cast<std::int64_t>(size_of(samples.dtype())), samples.dtype(),
          Shape{shape[0], shape[1]}, Strides{shape[1] * shape[2], shape[2]}, Device::cpu()};
}

void store_channel(const Tensor& values, Tensor& samples, std::int64_t channel) {
  const auto channels = static_cast<std::size_t>(samples.shape()[2]);
  const auto store = [&](auto sample) {
    using Sample = decltype(sample);
    const auto target = samples.values<Sample>();
    std::size_t place = static_cast<std::size_t>(channel);
    for (const float value : values.values<float>()) {
      target[place] = to_sample<Sample>(value);
      place += channels;
    }
  };
  samples.dtype() == u8 ? store(std::uint8_t{}) : store(std::uint16_t{});
}

void filter(const Options& options) {
  const PerAxis<Boundary> boundary = parse_boundaries("--boundary", options.boundary);
  const Kernel kernel = parse_kernel(options.kernel);
  Tensor samples = read_png(options.input);
  AtomicFile output(options.output);
  const std::int64_t channels = samples.shape()[2];
  const std::int64_t colors = channels - (channels % 2 == 0 ? 1 : 0);  // the last is alpha
  Progress progress("filter: channel", static_cast<std::size_t>(colors));
  for (std::int64_t channel = 0; channel < colors; ++channel) {
    const Tensor values = compact_copy(channel_view(samples, channel), f32);
    const Tensor result = on_device(options.device, [&](const Device& device) {
      return apply(kernel, values.to(device), boundary, options.engine).to(Device::cpu());
    });
    store_channel(result, samples, channel);
    progress.step();
  }
  const std::vector<std::byte> file = encode_png(samples, options.output);
  output.write(file.data(), file.size());
  output.commit();
}

}  // namespace

void add_filter_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "filter", "Filter a PNG picture; 8 or 16 bits, gray or colour, alpha stays as it is");
  auto options = std::make_shared<Options>();
  command->add_option("IN", options->input, "Picture, .png")->required();
  command->add_option("-o,--output", options->output, "Result, .png")->required();
  command
      ->add_option("--kernel", options->kernel,
                   "gaussian:SIGMA, box:N, sobel (length of the gradient), sobel-x, sobel-y, "
                   "laplace, sharpen, emboss, or FILE.npy, correlated with the picture")
      ->required();
  command
      ->add_option("--boundary", options->boundary,
                   "zero, constant:V, nearest, reflect, mirror or wrap, one or rows,columns")
      ->capture_default_str();
  command->add_option("--engine", options->engine, "An engine, cpu.direct, or a family, direct");
  add_device_option(*command, options->device);
  command->callback([options] { filter(*options); });
}

}  // namespace faltung::tools
