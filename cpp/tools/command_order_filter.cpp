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

struct OrderFilterArguments {
  std::string input, domain, output;
  std::string rank;
  std::string device = "auto";
};

void order_filter(const OrderFilterArguments& options) {
  const std::int64_t rank = parse_integer("--rank", options.rank);
  const Tensor x = read_npy(options.input);
  const Tensor domain = read_npy(options.domain);
  OutputFile output(options.output, npy_endings);
  const Tensor y = on_device(options.device, [&](const Device& device) {
    return on_cpu(signal::order_filter(Operand(x, device), domain, rank));
  });
  write_npy(output, y);
  output.commit();
}

}  // namespace

void add_order_filter_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "order_filter", "Element of a rank in a window of any shape, zeros outside, as SciPy does");
  auto options = std::make_shared<OrderFilterArguments>();
  command->add_option("IN", options->input, "Array, .npy")->required();
  command
      ->add_option("DOMAIN", options->domain,
                   "Window: the elements that are not 0, with odd extents, .npy")
      ->required();
  command->add_option("-o,--output", options->output, "Result, .npy")->required();
  command->add_option("--rank", options->rank, "Of the element to choose: 0 is the least")
      ->required();
  add_device_option(*command, options->device);
  command->callback([options] { order_filter(*options); });
}

}  // namespace faltung::tools
