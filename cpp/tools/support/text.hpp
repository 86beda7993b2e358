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

/// One JSON object on stdout whose last field but those of `finish` is a list that grows while the
/// program works: an element a line, written out at once, so that whoever stops the program keeps
/// what was done. Cut after a whole element, the text lacks "]}" alone.
class JsonList {
 public:
  /// Writes `head`, an object with a field or more, and begins the list of this name.
  ///
  /// @throws FileError if it cannot be written, as the others do
  JsonList(const nlohmann::ordered_json& head, std::string_view name);
  void add(const nlohmann::ordered_json& element);
  /// Ends the list and the object, which gets the fields of `tail` too.
  void finish(const nlohmann::ordered_json& tail);

 private:
  bool empty_ = true;
};

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
