#include <faltung/signal.hpp>

#include <memory>
#include <string>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/sum_options.hpp"

namespace faltung::tools {
namespace {

struct Sepfir2dArguments {
  std::string input, hrow, hcol, output;
  std::string method = "auto";
  PromiseText promises;
  std::string device = "auto";
};

void sepfir2d(const Sepfir2dArguments& options) {
  signal::Sepfir2dOptions call;
  set_method(options.method, call);
  set_promises(options.promises, call.run);
  const Tensor x = read_npy(options.input);
  // The taps stay on the CPU, from where the library takes them.
  const Tensor hrow = read_npy(options.hrow);
  const Tensor hcol = read_npy(options.hcol);
  OutputFile output(options.output, npy_endings);
  const Tensor y = on_device(options.device, [&](const Device& device) {
    return on_cpu(signal::sepfir2d(Operand(x, device), hrow, hcol, call));
  });
  write_npy(output, y);
  output.commit();
}

}  // namespace

void add_sepfir2d_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "sepfir2d", "Filter the rows and the columns of an array of two axes, as SciPy does");
  auto options = std::make_shared<Sepfir2dArguments>();
  command->add_option("IN", options->input, "Array of two axes, .npy")->required();
  command->add_option("HROW", options->hrow, "Taps along each row, an odd number, .npy")
      ->required();
  command->add_option("HCOL", options->hcol, "Taps along each column, likewise, .npy")->required();
  command->add_option("-o,--output", options->output, "Result, .npy")->required();
  add_promise_options(*command, options->promises);
  add_method_option(*command, options->method);
  add_device_option(*command, options->device);
  command->callback([options] { sepfir2d(*options); });
}

}  // namespace faltung::tools
