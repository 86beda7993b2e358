#pragma once

#include <CLI/App.hpp>
#include <string>

/// One function per subcommand: it declares the options and leaves a callback that does the work.
///
/// Callbacks throw what went wrong; `main` turns that into one line on stderr and an exit code.
/// They write to stdout only once nothing can fail any more; verify and bench, which may take an
/// hour, case by case.
namespace faltung::tools {

/// What `faltung` returns; listed in `faltung --help` and docs/cli.md.
enum class ExitCode : int {
  ok = 0,
  verification_failed = 1,  ///< `verify`, `demo` or `tune` found a wrong result
  invalid = 2,              ///< wrong options, or a problem that breaks a rule
  no_engine = 3,            ///< meaningful, but nothing here can do it
  device = 4,               ///< a device failed, or memory ran out
  file = 5,                 ///< a file cannot be read or written
  internal = 6              ///< a defect of the program
};

void add_convolve_command(CLI::App& app);
void add_ndimage_command(CLI::App& app);
void add_upfirdn_command(CLI::App& app);
void add_resample_command(CLI::App& app);
void add_sepfir2d_command(CLI::App& app);
void add_medfilt_command(CLI::App& app);
void add_order_filter_command(CLI::App& app);
void add_deblur_command(CLI::App& app);
void add_conv_command(CLI::App& app);
void add_filter_command(CLI::App& app);
void add_reverb_command(CLI::App& app);
void add_demo_command(CLI::App& app);
void add_info_command(CLI::App& app);
void add_explain_command(CLI::App& app);
void add_verify_command(CLI::App& app);
void add_bench_command(CLI::App& app);
void add_calibrate_command(CLI::App& app);
void add_tune_command(CLI::App& app);
void add_wisdom_command(CLI::App& app);

}  // namespace faltung::tools
