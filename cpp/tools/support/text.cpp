#include "cpp/tools/support/text.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "cpp/tools/io/file_error.hpp"

namespace faltung::tools {
namespace {

double seconds() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

std::string dump(const nlohmann::ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// The fields of an object without its braces.
std::string fields(const nlohmann::ordered_json& object) {
  const std::string text = dump(object, -1);
  return text.substr(1, text.size() - 2);
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string result;
  bool gap = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || (gap && c == ' ')) {
      gap = true;
      continue;
    }
    if (gap && !result.empty()) result += "; ";
    gap = false;
    const auto byte = static_cast<unsigned char>(c);
    result += byte < 32 || byte == 127 ? '?' : c;
  }
  return result;
}

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_json(const nlohmann::ordered_json& value) { print(dump(value, 2) + '\n'); }

void flush_stdout() {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return;
  throw FileError("standard output", fmt::format("cannot be written: {}", std::strerror(errno)));
}

JsonList::JsonList(const nlohmann::ordered_json& head, std::string_view name) {
  print(fmt::format("{{{},\n\"{}\": [", fields(head), name));
  flush_stdout();
}

void JsonList::add(const nlohmann::ordered_json& element) {
  print((empty_ ? "\n" : ",\n") + dump(element, -1));
  flush_stdout();
  empty_ = false;
}

void JsonList::finish(const nlohmann::ordered_json& tail) {
  print(tail.empty() ? "\n]}\n" : fmt::format("\n],\n{}}}\n", fields(tail)));
  flush_stdout();
}

Progress::Progress(std::string what, std::size_t total)
    : what_(std::move(what)),
      total_(total),
      start_(seconds()),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::step() {
  ++done_;
  if (!terminal_ || seconds() - start_ < 1) return;
  shown_ = true;
  std::fprintf(stderr, "\r\033[K%s %zu of %zu", what_.c_str(), done_, total_);
}

}  // namespace faltung::tools
