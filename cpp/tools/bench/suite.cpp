#include "cpp/tools/bench/suite.hpp"

#include <faltung/error.hpp>
#include <sstream>
#include <utility>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/input_file.hpp"

namespace faltung::bench {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

std::vector<Entry> read_suite(const std::string& path) {
  const std::vector<std::byte> bytes = tools::InputFile(path).read_all();
  std::istringstream file(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  std::vector<Entry> entries;
  std::string family;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const std::size_t hash = line.find('#');
    const std::string text = trimmed(line.substr(0, hash));
    const std::string comment = hash == std::string::npos ? "" : trimmed(line.substr(hash + 1));
    if (text.empty()) {
      if (!comment.empty()) family = comment;
      continue;
    }
    try {
      Entry entry{family, text, comment, {}};
      if (text.starts_with("call=")) {
        entry.work = parse_call(text);
      } else {
        entry.work = Problem::parse(text);
      }
      entries.push_back(std::move(entry));
    } catch (const InvalidProblem& error) {
      throw InvalidProblem(path + ":" + std::to_string(number) + ": " + error.what());
    }
  }
  if (entries.empty())
    throw tools::FileError(path, "holds no problem and no call; write one per line");
  return entries;
}

}  // namespace faltung::bench
