#pragma once

#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include "cpp/tools/demo/lab.hpp"

namespace faltung::tools::demo {

/// One chapter of the page.
struct Section {
  std::string id;                         ///< of its anchor
  std::string title;                      ///< plain text
  std::string text;                       ///< HTML paragraphs: what it shows
  std::string code;                       ///< the call, in C++
  std::string body;                       ///< HTML: pictures and plots
  std::vector<Measurement> measurements;  ///< the first stands for the section in the summary
  nlohmann::json facts = nlohmann::json::object();  ///< what the text claims, as numbers
};

struct Page {
  std::vector<std::pair<std::string, std::string>> about;  ///< of machine and build, plain text
  std::vector<Section> sections;
};

/// Largest error over its bound in a section.
[[nodiscard]] double worst_error(const Section& section);

/// One file that needs no other: style, pictures and sound are inside. The numbers are in it once
/// more as JSON, in the script element with the id `results`.
[[nodiscard]] std::string page_html(const Page& page);

/// The style sheet of the page.
extern const char* const page_style;

}  // namespace faltung::tools::demo
