#include <faltung/rank.hpp>

#include <memory>
#include <string>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"

namespace faltung::tools {
namespace {

struct MedfiltArguments {
  std::string input, output;
  std::string kernel_size = "3";
  std::string device = "auto";
};

void medfilt(const MedfiltArguments& options) {
  const PerAxis<std::int64_t> sizes = parse_integers("--kernel-size", options.kernel_size);
  const Tensor x = read_npy(options.input);
  OutputFile output(options.output, npy_endings);
  const Tensor y = on_device(options.device, [&](const Device& device) {
    return on_cpu(signal::medfilt(Operand(x, device), sizes));
  });
  write_npy(output, y);
  output.commit();
}

}  // namespace

void add_medfilt_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "medfilt", "Median of the window around every element, zeros outside, as SciPy's medfilt");
  auto options = std::make_shared<MedfiltArguments>();
  command->add_option("IN", options->input, "Array, .npy")->required();
  command->add_option("-o,--output", options->output, "Result, .npy")->required();
  command
      ->add_option("--kernel-size", options->kernel_size,
                   "Elements of the window, odd: one, or one per axis")
      ->capture_default_str();
  add_device_option(*command, options->device);
  command->callback([options] { medfilt(*options); });
}

}  // namespace faltung::tools
