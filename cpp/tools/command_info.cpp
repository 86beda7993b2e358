#include <fmt/format.h>
#include <fmt/ranges.h>
#include <png.h>
#include <sndfile.h>
#include <CLI/Version.hpp>
#include <faltung/device.hpp>
#include <faltung/libraries.hpp>
#include <faltung/machine.hpp>
#include <faltung/plan.hpp>
#include <faltung/version.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cpp/tools/command.hpp"
#include "cpp/tools/support/text.hpp"

namespace faltung::tools {
namespace {

using Json = nlohmann::ordered_json;

/// Libraries that the build may lack, and with each an engine.
struct Optional {
  const char* library;
  const char* engine;
};
constexpr Optional optional_libraries[] = {{"Highway", "cpu.gemm"}};

Json information() {
  const std::vector<std::string> engines = engine_names();
  Json optional = Json::object();
  for (const auto& [library, engine] : optional_libraries) {
    optional[library] = std::ranges::find(engines, engine) != engines.end();
  }
  Json devices_here = Json::array();
  for (const DeviceInfo& info : devices()) {
    devices_here.push_back(
        {{"device", to_string(info.device)}, {"name", info.name}, {"details", info.details}});
  }
  Json vendors = Json::array();
  for (const auto& [name, number, file, reason] : vendor_libraries()) {
    vendors.push_back({{"name", name}, {"version", number}, {"file", file}, {"reason", reason}});
  }
  return {
      {"version", version()},
      {"compiler", FALTUNG_COMPILER},
      {"build", FALTUNG_BUILD_TYPE},
      {"cuda_compiled", FALTUNG_HAVE_CUDA != 0},
      {"cuda_architectures", FALTUNG_CUDA_CODE},
      {"cuda_unavailable_reason", cuda_unavailable_reason()},
      {"devices", devices_here},
      {"machine", machine_here().name},
      {"machines", {{"cpu", cpu_machine_names()}, {"cuda", gpu_machine_names()}}},
      {"engines", engines},
      {"optional_libraries", optional},
      {"vendor_libraries", vendors},
      {"libraries",
       {{"CLI11", CLI11_VERSION},
        {"fmt",
         fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
        {"nlohmann-json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR,
                                      NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
        {"libpng", png_get_libpng_ver(nullptr)},
        {"libsndfile", std::string(sf_version_string()).substr(11)}}}};
}

std::string text_of(const Json& info) {
  const auto word = [&](const char* key) { return info[key].get<std::string>(); };
  std::string text = fmt::format(
      "faltung {}, {} build by {}, CUDA {}\n", word("version"), word("build"), word("compiler"),
      info["cuda_compiled"].get<bool>() ? "code for " + word("cuda_architectures") : "left out");
  for (const Json& device : info["devices"]) {
    text += fmt::format("device   {}: {} ({})\n", device["device"].get<std::string>(),
                        device["name"].get<std::string>(), device["details"].get<std::string>());
  }
  if (const std::string reason = word("cuda_unavailable_reason"); !reason.empty()) {
    text += fmt::format("no GPU   {}\n", reason);
  }
  text += fmt::format("machine  plans on the CPU are made for {}\n", word("machine"));
  for (const char* kind : {"cpu", "cuda"}) {
    text += fmt::format("machine  {}: {}\n", kind,
                        fmt::join(info["machines"][kind].get<std::vector<std::string>>(), ", "));
  }
  for (const Json& engine : info["engines"]) {
    text += fmt::format("engine   {}\n", engine.get<std::string>());
  }
  for (const auto& [library, engine] : optional_libraries) {
    text +=
        info["optional_libraries"][library].get<bool>()
            ? fmt::format("library  {}\n", library)
            : fmt::format("missing  {} when this was built, so {} is left out\n", library, engine);
  }
  for (const Json& library : info["vendor_libraries"]) {
    const auto part = [&](const char* key) { return library[key].get<std::string>(); };
    text += part("reason").empty()
                ? fmt::format("library  {} {} ({})\n", part("name"), part("version"), part("file"))
                : fmt::format("missing  {}: {}\n", part("name"), part("reason"));
  }
  for (const auto& [name, version] : info["libraries"].items()) {
    text += fmt::format("library  {} {}\n", name, version.get<std::string>());
  }
  return text;
}

}  // namespace

void add_info_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("info", "Version, build, devices, engines and libraries here");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON");
  command->callback([json] {
    const Json info = information();
    *json ? print_json(info) : print(text_of(info));
  });
}

}  // namespace faltung::tools
