#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <faltung/error.hpp>
#include <faltung/version.hpp>
#include <new>
#include <string>

#include "cpp/tools/command.hpp"
#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/support/text.hpp"

namespace {

using faltung::tools::ExitCode;

constexpr const char* exit_codes =
    "Exit codes: 0 done, 1 a wrong result (verify, demo, tune), 2 wrong options or an invalid\n"
    "problem, 3 no engine here can do it, 4 a device failed or memory ran out, 5 a file cannot be\n"
    "read or written. Errors are one line on stderr; results are complete files or none.";

int fail(ExitCode code, std::string_view message) {
  std::fprintf(stderr, "faltung: %s\n", faltung::tools::one_line(message).c_str());
  return static_cast<int>(code);
}

/// CLI11 names the option and its value, but neither a wrong subcommand nor the type it expected.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error,
                          const std::string& first) {
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  const bool known = std::ranges::any_of(
      commands, [&](const CLI::App* command) { return command->get_name() == first; });
  if (!first.empty() && first[0] != '-' && !known) {
    return fmt::format("{} is not a subcommand; see faltung --help", first);
  }
  const bool number = error.get_name() == "ConversionError";
  return fmt::format("{}; {}see faltung --help", error.what(),
                     number ? "the option takes a number in range; " : "");
}

/// An empty value is no absent one: `--mode ""` is a script whose variable was not set.
void refuse_empty_values(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    for (CLI::Option* option : command->get_options()) {
      option->check([](const std::string& value) -> std::string {
        return value.empty() ? "the value is empty; give one or leave the option out" : "";
      });
    }
  }
}

/// A file opened while standard input, output or error is closed would take its number, and what is
/// meant for one would reach the other. Their places are taken so that using them fails.
void keep_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0) continue;
    // The lowest free number is the one that is missing.
    const int flags = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
    if (::open("/dev/null", flags) < 0) return;
  }
}

int run(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    faltung::tools::flush_stdout();
    return static_cast<int>(ExitCode::ok);
  } catch (const CLI::ParseError& error) {
    // --help and --version end here too.
    if (error.get_exit_code() == 0) return app.exit(error);
    if (error.get_name() == "RuntimeError") return error.get_exit_code();
    return fail(ExitCode::invalid, usage_message(app, error, argc > 1 ? argv[1] : ""));
  } catch (const faltung::tools::FileError& error) {
    return fail(ExitCode::file, error.what());
  } catch (const faltung::InvalidProblem& error) {
    return fail(ExitCode::invalid, error.what());
  } catch (const faltung::NoEngine& error) {
    return fail(ExitCode::no_engine, error.what());
  } catch (const faltung::DeviceError& error) {
    return fail(ExitCode::device, error.what());
  } catch (const std::bad_alloc&) {
    return fail(ExitCode::device, "memory ran out");
  } catch (const std::exception& error) {
    return fail(ExitCode::internal, fmt::format("internal error: {}", error.what()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace faltung::tools;
  keep_standard_descriptors();
  remove_temporary_files_on_signals();
  CLI::App app("Convolution of arrays, pictures and sound on CPU and GPU", "faltung");
  app.footer(exit_codes);
  app.set_version_flag("--version", "faltung " + std::string(faltung::version()));
  app.require_subcommand(1);
  add_convolve_command(app);
  add_ndimage_command(app);
  add_upfirdn_command(app);
  add_resample_command(app);
  add_sepfir2d_command(app);
  add_medfilt_command(app);
  add_order_filter_command(app);
  add_deblur_command(app);
  add_conv_command(app);
  add_filter_command(app);
  add_reverb_command(app);
  add_demo_command(app);
  add_info_command(app);
  add_explain_command(app);
  add_verify_command(app);
  add_bench_command(app);
  add_calibrate_command(app);
  add_tune_command(app);
  add_wisdom_command(app);
  refuse_empty_values(app);
  return run(app, argc, argv);
}
