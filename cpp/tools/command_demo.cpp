#include <CLI/App.hpp>
#include <memory>
#include <string>

#include <faltung/error.hpp>
#include "cpp/tools/command.hpp"
#include "cpp/tools/demo/demo.hpp"
#include "cpp/tools/support/devices.hpp"

namespace faltung::tools {
namespace {

struct DemoArguments {
  demo::DemoOptions demo;
  std::string device = "auto";
};

void run(DemoArguments& options) {
  for (const auto& [name, value] :
       {std::pair("--image", &options.demo.image), std::pair("--sound", &options.demo.sound)}) {
    if (!value->empty()) continue;
    throw InvalidProblem(std::string(name) +
                         " is not given; the demo needs a photograph (--image FILE.png) and a "
                         "recording (--sound FILE.wav); scripts/demo fetches both and runs it");
  }
  options.demo.devices = devices_to_try(options.device);
  if (!demo::run_demo(options.demo)) {
    throw CLI::RuntimeError(static_cast<int>(ExitCode::verification_failed));
  }
}

}  // namespace

void add_demo_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "demo", "Pictures, plots and sound of what convolution does here, as one page");
  auto options = std::make_shared<DemoArguments>();
  command->add_option("folder", options->demo.folder, "Where index.html goes")->required();
  // scripts/demo names its own files first and passes on what it was given.
  command->add_option("--image", options->demo.image, "A photograph, PNG")->take_last();
  command->add_option("--sound", options->demo.sound, "A recording, e.g. WAV or FLAC")->take_last();
  add_device_option(*command, options->device);
  command->callback([options] { run(*options); });
}

}  // namespace faltung::tools
