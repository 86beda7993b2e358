#include "cpp/tools/demo/page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cpp/tools/demo/html.hpp"

namespace faltung::tools::demo {
namespace {

std::string number(double ratio) {
  if (ratio == 0) return "0";
  return ratio < 0.001 ? power_of_ten(ratio) : fmt::format("{:.2g}", ratio);
}

/// A ratio to the bound, as a number and as the filled part of a bar.
std::string meter(double ratio) {
  const bool good = ratio <= 1;
  return fmt::format(
      "<span class=\"meter{}\"><i style=\"width:{:.1f}%\"></i></span><span class=\"number\">{}"
      "</span>",
      good ? "" : " bad", 100 * std::clamp(ratio, 0.0, 1.0), number(ratio));
}

/// A table cell; the name of its column shows where a narrow screen hides the header.
std::string cell(const char* name, const std::string& html, const char* kind = "") {
  return fmt::format("<td class=\"{}\" data-name=\"{}\">{}</td>", kind, name, html);
}

std::string code(const std::string& text) { return "<code>" + escape(text) + "</code>"; }

std::string summary(const std::vector<Section>& sections) {
  std::string rows;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const Section& section = sections[i];
    const Measurement& first = section.measurements.front();
    rows += "<tr>" +
            cell("Section",
                 fmt::format("<a href=\"#{}\"><b>{}</b> {}</a>", section.id, i + 1,
                             escape(section.title)),
                 "title") +
            cell("Problem", code(first.problem), "problem") + cell("Engine", code(first.engine)) +
            cell("Time", duration(first.seconds), "number") +
            cell("Error / bound", meter(worst_error(section)), "error") + "</tr>\n";
  }
  return "<table class=\"summary\"><thead><tr><th>Section</th><th>Problem</th><th>Engine</th>"
         "<th class=\"number\">Time</th><th>Error / bound</th></tr></thead><tbody>\n" +
         rows + "</tbody></table>\n";
}

std::string measurements(const Section& section) {
  std::string rows;
  std::string details;
  for (const Measurement& m : section.measurements) {
    rows += "<tr>" + cell("Problem", escape(m.label), "title") + cell("Engine", code(m.engine)) +
            cell("Chosen because", escape(m.why), "why") +
            cell("Time", duration(m.seconds), "number") +
            cell("Error / bound", meter(m.error), "error") +
            cell("Compared", escape(m.checked), "why") + "</tr>\n";
    details += fmt::format("<h4>{}</h4>\n<pre>{}</pre>\n", escape(m.label), escape(m.explain));
  }
  return "<table><thead><tr><th>Problem</th><th>Engine</th><th>Chosen because</th>"
         "<th class=\"number\">Time</th><th>Error / bound</th><th>Results "
         "compared</th></tr></thead>"
         "<tbody>\n" +
         rows +
         "</tbody></table>\n<details><summary>Notation, and what every engine said</summary>\n" +
         details + "</details>\n";
}

std::string section_html(const Section& section, std::size_t number) {
  return fmt::format(
             "<section id=\"{}\">\n<h2><span>{}</span>{}</h2>\n<div class=\"text\">{}</div>\n"
             "<pre class=\"call\">{}</pre>\n",
             section.id, number, escape(section.title), section.text, escape(section.code)) +
         section.body + measurements(section) + "</section>\n";
}

std::string verdict(const Page& page) {
  std::size_t problems = 0;
  double worst = 0;
  for (const Section& section : page.sections) {
    problems += section.measurements.size();
    worst = std::max(worst, worst_error(section));
  }
  return worst <= 1 ? fmt::format(
                          "<p class=\"verdict\"><b>{} problems, all within their error bounds.</b> "
                          "The largest error is {:.2g} of what its bound allows.</p>\n",
                          problems, worst)
                    : fmt::format(
                          "<p class=\"verdict bad\"><b>An error exceeds its bound</b>, by a factor "
                          "of {:.3g}. See the table.</p>\n",
                          worst);
}

std::string about(const Page& page) {
  std::string items;
  for (const auto& [name, value] : page.about) {
    items += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value));
  }
  return "<dl>" + items + "</dl>\n";
}

nlohmann::json results(const Page& page) {
  nlohmann::json sections = nlohmann::json::array();
  for (const Section& section : page.sections) {
    nlohmann::json problems = nlohmann::json::array();
    for (const Measurement& m : section.measurements) {
      problems.push_back({{"label", m.label},
                          {"problem", m.problem},
                          {"engine", m.engine},
                          {"seconds", m.seconds},
                          {"runs", m.runs},
                          {"error_over_bound", m.error},
                          {"bound", m.bound},
                          {"compared", m.checked}});
    }
    sections.push_back({{"id", section.id}, {"facts", section.facts}, {"problems", problems}});
  }
  return {{"about", page.about}, {"sections", sections}};
}

/// JSON inside an HTML script element: no tag may begin there.
std::string embedded(const nlohmann::json& value) {
  std::string text = value.dump();
  for (std::size_t at = 0; (at = text.find('<', at)) != std::string::npos;) {
    text.replace(at, 1, "\\u003c");
  }
  return text;
}

constexpr char intro[] =
    "<p class=\"lead\">Everything below is convolution: smoothing, edges, echoes, sharp pictures "
    "from blurred ones. One library computed it on this machine, chose the engine for each problem "
    "and compared every result with the definition, summed product by product in double "
    "precision.</p>\n";

constexpr char reading[] =
    "<p class=\"fine\">Time is the median of at least five runs with the plan made, the filter "
    "bound and the data in place. Error / bound is the largest difference from the reference "
    "<code>cpu.reference</code> over what the engine\u2019s error bound allows; a row shows the "
    "first problem of its section, with the largest error of all of them. The reference takes its "
    "time: of large problems a part is compared, named in each section. FFT engines are bound in "
    "the norm, and such a part is held against the bound of its whole picture or signal.</p>\n";

}  // namespace

double worst_error(const Section& section) {
  double worst = 0;
  for (const Measurement& m : section.measurements) worst = std::max(worst, m.error);
  return worst;
}

std::string page_html(const Page& page) {
  std::string html = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<title>Faltung: the demo</title>\n<style>\n{}</style>\n</head>\n<body>\n<header>\n"
      "<h1>Faltung</h1>\n{}{}{}</header>\n<main>\n",
      page_style, intro, about(page), verdict(page));
  html += summary(page.sections) + reading;
  for (std::size_t i = 0; i < page.sections.size(); ++i) {
    html += section_html(page.sections[i], i + 1);
  }
  html += "</main>\n<script type=\"application/json\" id=\"results\">" + embedded(results(page)) +
          "</script>\n</body>\n</html>\n";
  return html;
}

}  // namespace faltung::tools::demo
