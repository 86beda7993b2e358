#include <fmt/format.h>
#include <faltung/image.hpp>

#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/io/png.hpp"
#include "cpp/tools/picture/channels.hpp"
#include "cpp/tools/picture/kernel.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/sum_options.hpp"
#include "cpp/tools/support/text.hpp"

namespace faltung::tools {
namespace {

constexpr std::string_view picture_endings[] = {".png", ".npy"};

struct FilterArguments {
  std::string input, output, kernel;
  std::string boundary = "reflect";
  std::string alpha = "weigh";
  std::string method = "auto";
  PromiseText promises;
  std::string device = "auto";
};

/// A picture has no samples for infinity or NaN, and none for complex numbers.
PerAxis<Boundary> parse_picture_boundary(const std::string& text) {
  PerAxis<Boundary> boundary = parse_boundaries("--boundary", text);
  for (const Boundary& side : boundary.values()) {
    if (std::isfinite(side.value.real()) && side.value.imag() == 0) continue;
    throw InvalidProblem(
        fmt::format("--boundary {}: around a picture the constant is real and finite", text));
  }
  return boundary;
}

/// A constant around a picture is opaque: premultiplied, it is a multiple of the largest alpha.
PerAxis<Boundary> opaque_boundary(const PerAxis<Boundary>& boundary, double largest, bool alpha) {
  std::vector<Boundary> sides = boundary.values();
  for (Boundary& side : sides) {
    if (side.kind != BoundaryKind::zero && side.kind != BoundaryKind::constant) continue;
    side = Boundary::constant(alpha ? largest : side.value * largest);
  }
  return sides;
}

class Filter {
 public:
  explicit Filter(const FilterArguments& options)
      : options_(options),
        boundary_(parse_picture_boundary(options.boundary)),
        kernel_(Kernel::parse(options.kernel)) {}

  [[nodiscard]] Tensor operator()(const Tensor& samples) const {
    const std::int64_t channels = samples.shape()[2];
    const bool has_alpha = channels % 2 == 0;  // the last channel
    const std::int64_t colors = channels - (has_alpha ? 1 : 0);
    Progress progress("filter: channel", static_cast<std::size_t>(colors));
    Tensor result = samples.clone();
    if (has_alpha && options_.alpha == "weigh") {
      weighed(samples, colors, result, progress);
    } else {
      for (std::int64_t channel = 0; channel < colors; ++channel) {
        store_channel(apply(channel_values(samples, channel, f32), boundary_), result, channel);
        progress.step();
      }
    }
    return result;
  }

 private:
  [[nodiscard]] Tensor apply(const Tensor& values, const PerAxis<Boundary>& boundary) const {
    KernelRun how;
    set_method(options_.method, how);
    set_promises(options_.promises, how.run);
    return on_device(options_.device, [&](const Device& device) {
      return on_cpu(kernel_.apply(Operand(values, device), boundary, how));
    });
  }

  /// Premultiply, filter, unpremultiply: what nobody sees does not bleed into what is seen.
  void weighed(const Tensor& samples, std::int64_t colors, Tensor& result,
               Progress& progress) const {
    // Products of 16-bit samples are exact in f64 only.
    const DType dtype = samples.dtype() == u8 ? f32 : f64;
    const double largest = samples.dtype() == u8 ? 255 : 65535;
    const Tensor alpha = channel_values(samples, colors, dtype);
    const Tensor new_alpha = filtered_alpha(alpha, largest);
    for (std::int64_t channel = 0; channel < colors; ++channel) {
      const Tensor original = channel_values(samples, channel, dtype);
      Tensor values = original.clone();
      multiply(values, alpha);
      values = apply(values, opaque_boundary(boundary_, largest, false));
      unpremultiply(values, new_alpha, original);
      store_channel(values, result, channel);
      progress.step();
    }
    store_channel(new_alpha, result, colors);
  }

  /// Only what smooths makes sense for alpha: the edges of a picture are not transparent. A kernel
  /// that brightens by its sum does not make opaque what is not.
  [[nodiscard]] Tensor filtered_alpha(const Tensor& alpha, double largest) const {
    const double sum = kernel_.smoothing_sum();
    if (sum <= 0) return alpha.clone();
    Tensor result = apply(alpha, opaque_boundary(boundary_, largest, true));
    scale(result, 1 / sum);
    return result;
  }

  const FilterArguments& options_;
  PerAxis<Boundary> boundary_;
  Kernel kernel_;
};

/// .npy holds the samples as PNG does, with the axis of channels only if there are several.
void write_picture(OutputFile& output, Tensor samples) {
  if (output.ending() == ".npy") {
    const Shape& shape = samples.shape();
    if (shape[2] == 1) samples = std::move(samples).reshaped({shape[0], shape[1]});
    write_npy(output, samples);
    return;
  }
  const std::vector<std::byte> file = encode_png(samples, output.path());
  output.write(file.data(), file.size());
}

void filter(const FilterArguments& options) {
  const Filter apply(options);
  const Tensor samples = read_png(options.input);
  OutputFile output(options.output, picture_endings);
  write_picture(output, apply(samples));
  output.commit();
}

}  // namespace

void add_filter_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("filter", "Filter a PNG picture; 8 or 16 bits, gray or colour, or alpha");
  auto options = std::make_shared<FilterArguments>();
  command->add_option("IN", options->input, "Picture, .png")->required();
  command
      ->add_option("-o,--output", options->output,
                   "Result, .png or .npy; - is standard output, as PNG")
      ->required();
  command
      ->add_option("--kernel", options->kernel,
                   "gaussian:SIGMA, box:N (either also ROWS,COLUMNS), sobel (length of the "
                   "gradient), sobel-x, sobel-y, laplace, sharpen, emboss, or FILE.npy, "
                   "correlated with the picture")
      ->required();
  command
      ->add_option("--boundary", options->boundary,
                   "zero, constant:V, nearest, reflect, mirror or wrap, one or rows,columns")
      ->capture_default_str();
  command
      ->add_option("--alpha", options->alpha,
                   "weigh: transparent pixels count for as little as they are seen, and kernels "
                   "that smooth do so with alpha; ignore: colours alone, for data")
      ->check(CLI::IsMember({"weigh", "ignore"}))
      ->capture_default_str();
  add_promise_options(*command, options->promises);
  add_method_option(*command, options->method, "--method,--engine");
  add_device_option(*command, options->device);
  command->callback([options] { filter(*options); });
}

}  // namespace faltung::tools
