#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>
#include <string>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/ndimage/filters.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/sum_options.hpp"

namespace faltung::tools {
namespace {

struct NdimageArguments : FilterText {
  std::string input, output;
  std::string device = "auto";
};

void ndimage(const NdimageArguments& options) {
  const NamedFilter filter(options);
  const Tensor x = read_npy(options.input);
  OutputFile output(options.output, npy_endings);
  const Tensor y = on_device(
      options.device, [&](const Device& device) { return on_cpu(filter(Operand(x, device))); });
  check_store(options, y.dtype());
  write_npy(output, y);
  output.commit();
}

void add_filter_options(CLI::App& command, FilterText& text) {
  command.add_option("--sigma", text.sigma,
                     "Standard deviation of the Gaussian in elements: one, or one per axis");
  command.add_option("--order", text.order,
                     "Of the Gaussian's derivative: one, or one per axis; default 0");
  command.add_option("--truncate", text.truncate,
                     "Where the Gaussian is cut off, in standard deviations; default 4");
  command.add_option("--radius", text.radius,
                     "The same in elements, one or one per axis, in place of --truncate");
  command.add_option("--size", text.size,
                     "Elements of the window: one, or one per axis; default 3 for uniform");
  command.add_option("--footprint", text.footprint,
                     "Window of another shape: the elements that are not 0, .npy");
  command.add_option("--rank", text.rank,
                     "Of the element to choose: 0 is the least, -1 the greatest");
  command.add_option("--percentile", text.percentile, "The same as a share, 0 to 100");
  command.add_option("--weights", text.weights, "The filter, .npy");
  command.add_option("--origin", text.origin, "Moves the filter's centre: one, or one per axis");
  command.add_option("--axis", text.axis,
                     "Differentiates along this axis; negative ones from the last; default -1");
  command.add_option("--axes", text.axes, "Axes to filter: 1 or 0,-1; default all");
  command.add_option("--mode,--boundary", text.mode,
                     "Outside: reflect (default), mirror, nearest, wrap, constant or constant:V; "
                     "one, or one per filtered axis");
  command.add_option("--cval", text.cval, "The value of --mode constant; default 0");
}

}  // namespace

void add_ndimage_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "ndimage", "Filter an array as scipy.ndimage does: gaussian, sobel, uniform, ...");
  auto options = std::make_shared<NdimageArguments>();
  command->add_option("NAME", options->filter, fmt::format("{}", fmt::join(filter_names(), ", ")))
      ->required();
  command->add_option("IN", options->input, "Array, .npy")->required();
  command->add_option("-o,--output", options->output, "Result, .npy")->required();
  add_filter_options(*command, *options);
  add_sum_options(*command, *options);
  add_method_option(*command, options->method);
  add_device_option(*command, options->device);
  command->callback([options] { ndimage(*options); });
}

}  // namespace faltung::tools
