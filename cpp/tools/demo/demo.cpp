#include "cpp/tools/demo/demo.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <system_error>
#include <vector>

#include <faltung/plan.hpp>
#include <faltung/version.hpp>
#include "cpp/tools/demo/html.hpp"
#include "cpp/tools/demo/sections.hpp"
#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/output_file.hpp"

namespace faltung::tools::demo {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<std::pair<std::string, std::string>> describe(const std::string& where,
                                                          double seconds) {
  std::vector<std::pair<std::string, std::string>> about;
  for (const DeviceInfo& info : devices()) {
    const bool cpu = info.device.kind == DeviceKind::cpu;
    about.emplace_back(cpu ? "Processor" : to_string(info.device),
                       info.details.empty() ? info.name : info.name + " \u00b7 " + info.details);
  }
  if (const std::string reason = cuda_unavailable_reason(); !reason.empty()) {
    about.emplace_back("No GPU", reason);
  }
  about.emplace_back("Computed on", fmt::format("{} in {:.0f} s, checks included", where, seconds));
  about.emplace_back(
      "Build", fmt::format("Faltung {}, {} {}", version(), FALTUNG_BUILD_TYPE, FALTUNG_COMPILER));
  about.emplace_back("Engines", fmt::format("{}", fmt::join(engine_names(), ", ")));
  return about;
}

void make_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot be made: " + error.message());
}

void write_text(const std::string& path, const std::string& text) {
  OutputFile file(path);
  file.write(text.data(), text.size());
  file.commit();
}

}  // namespace

bool run_demo(const DemoOptions& options) {
  const Clock::time_point start = Clock::now();
  const Photo photo = read_photo(options.image);
  const Recording recording = read_recording(options.sound);
  make_folder(options.folder);
  const Lab lab(options.devices);
  std::string where;
  for (const Device& device : options.devices) {
    where += (where.empty() ? "" : ", else ") + to_string(device);
  }
  fmt::print("photograph  {}\nrecording   {}\ndevice      {}\n", photo.origin, recording.origin,
             where);

  const std::vector<std::function<Section()>> steps = {
      [&] { return smoothing(lab); },         [&] { return photo_filters(lab, photo); },
      [&] { return lag_finding(lab); },       [&] { return moving_average(lab); },
      [&] { return separable(lab, photo); },  [&] { return toeplitz(lab); },
      [&] { return reverb(lab, recording); }, [&] { return deblurring(lab, photo); }};
  Page page;
  double worst = 0;
  for (const auto& step : steps) {
    const Clock::time_point begin = Clock::now();
    page.sections.push_back(step());
    const Section& section = page.sections.back();
    worst = std::max(worst, worst_error(section));
    const std::size_t problems = section.measurements.size();
    fmt::print("{}/{}  {:<38} {} problem{}, error at most {:.2g} of its bound  ({:.1f} s)\n",
               page.sections.size(), steps.size(), section.title, problems,
               problems == 1 ? "" : "s", worst_error(section), seconds_since(begin));
    std::fflush(stdout);
  }
  page.about = describe(where, seconds_since(start));
  const std::string path = (std::filesystem::path(options.folder) / "index.html").string();
  const std::string html = page_html(page);
  write_text(path, html);
  fmt::print("wrote {} ({:.1f} MB) after {:.0f} s\n", path, static_cast<double>(html.size()) * 1e-6,
             seconds_since(start));
  return worst <= 1;
}

}  // namespace faltung::tools::demo
