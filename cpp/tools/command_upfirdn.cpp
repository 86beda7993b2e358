#include <faltung/signal.hpp>

#include <memory>
#include <string>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/support/devices.hpp"
#include "cpp/tools/support/options.hpp"
#include "cpp/tools/support/sum_options.hpp"

namespace faltung::tools {
namespace {

struct UpfirdnArguments {
  std::string h, x, output;
  std::string up = "1";
  std::string down = "1";
  std::string axis = "-1";
  std::string mode = "constant";
  std::string cval;
  SumText sums;
  std::string method = "auto";
  std::string device = "auto";
};

signal::UpfirdnOptions call_options(const UpfirdnArguments& options) {
  signal::UpfirdnOptions call;
  call.up = parse_integer("--up", options.up);
  call.down = parse_integer("--down", options.down);
  call.axis = parse_axis("--axis", options.axis);
  call.mode = parse_with(signal::parse_extension, "--mode", options.mode);
  if (!options.cval.empty()) call.cval = parse_complex("--cval", options.cval);
  if (!options.cval.empty() && call.mode != signal::Extension::constant) {
    throw InvalidProblem("--cval " + options.cval + ": --mode " + options.mode +
                         " has no place for it; use --mode constant, or leave --cval out");
  }
  set_sums(options.sums, call);
  set_method(options.method, call);
  return call;
}

void upfirdn(const UpfirdnArguments& options) {
  const signal::UpfirdnOptions call = call_options(options);
  const Tensor h = read_npy(options.h);
  const Tensor x = read_npy(options.x);
  OutputFile output(options.output, npy_endings);
  const Tensor y = on_device(options.device, [&](const Device& device) {
    return on_cpu(signal::upfirdn(Operand(h, device), Operand(x, device), call));
  });
  check_store(options.sums, y.dtype());
  write_npy(output, y);
  output.commit();
}

}  // namespace

void add_upfirdn_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "upfirdn", "Up-sample, filter and down-sample an array along one axis, as SciPy does");
  auto options = std::make_shared<UpfirdnArguments>();
  command->add_option("H", options->h, "Filter of one axis, .npy")->required();
  command->add_option("X", options->x, "Array, .npy")->required();
  command->add_option("-o,--output", options->output, "Result, .npy")->required();
  command->add_option("--up", options->up, "UP-1 zeros go between neighbours of X")
      ->capture_default_str();
  command->add_option("--down", options->down, "Every DOWN-th result is kept")
      ->capture_default_str();
  command->add_option("--axis", options->axis, "Of X; negative ones from the last")
      ->capture_default_str();
  command
      ->add_option("--mode", options->mode,
                   "How X continues: constant, symmetric, reflect, edge, wrap, smooth, "
                   "antisymmetric, antireflect or line")
      ->capture_default_str();
  command->add_option("--cval", options->cval, "The value of --mode constant; default 0");
  add_sum_options(*command, options->sums);
  add_method_option(*command, options->method);
  add_device_option(*command, options->device);
  command->callback([options] { upfirdn(*options); });
}

}  // namespace faltung::tools
