#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace faltung::tools {

/// Line breaks and the spaces after them become "; ", other control characters "?".
[[nodiscard]] std::string one_line(std::string_view text);

/// Writes to stdout; `flush_stdout` says whether it arrived.
void print(std::string_view text);
/// Indented, with a line break; bytes that are not UTF-8 are replaced.
void print_json(const nlohmann::ordered_json& value);

/// @throws FileError if anything printed so far could not be written.
void flush_stdout();

/// A count on stderr that overwrites itself: shown only on a terminal, and only once the work has
/// taken a second. Removes its line when it ends.
class Progress {
 public:
  Progress(std::string what, std::size_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();
  void step();

 private:
  std::string what_;
  std::size_t total_;
  std::size_t done_ = 0;
  double start_;  ///< seconds of a steady clock
  bool terminal_;
  bool shown_ = false;
};

}  // namespace faltung::tools
