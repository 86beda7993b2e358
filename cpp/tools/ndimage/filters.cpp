#include "cpp/tools/ndimage/filters.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <faltung/filters.hpp>
#include <faltung/image.hpp>
#include <faltung/rank.hpp>

#include <algorithm>
#include <limits>
#include <span>
#include <string_view>

#include "cpp/tools/io/npy.hpp"

namespace faltung::tools {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The options that not every filter has.
struct Option {
  std::string_view name;
  std::string FilterText::*text;
};
constexpr Option options[] = {
    {"--sigma", &FilterText::sigma},       {"--order", &FilterText::order},
    {"--truncate", &FilterText::truncate}, {"--radius", &FilterText::radius},
    {"--size", &FilterText::size},         {"--footprint", &FilterText::footprint},
    {"--rank", &FilterText::rank},         {"--percentile", &FilterText::percentile},
    {"--weights", &FilterText::weights},   {"--origin", &FilterText::origin},
    {"--axis", &FilterText::axis},         {"--axes", &FilterText::axes},
};

/// The boundaries of --mode, with --cval where they are constant.
PerAxis<Boundary> boundaries(const FilterText& text) {
  std::vector<Boundary> sides = text.mode.empty() ? std::vector{Boundary::reflect()}
                                                  : parse_boundaries("--mode", text.mode).values();
  if (text.cval.empty()) return sides;
  const Boundary outside = Boundary::constant(parse_complex("--cval", text.cval));
  bool used = false;
  for (Boundary& side : sides) {
    if (side != Boundary::constant(0)) continue;
    side = outside;
    used = true;
  }
  if (!used || text.mode.find(':') != std::string::npos) {
    throw InvalidProblem(fmt::format(
        "--cval {}: --mode {} has no place for it; use --mode constant, or leave --cval out",
        text.cval, text.mode.empty() ? "reflect" : text.mode));
  }
  return sides;
}

/// What the option structs of faltung::image have in common, and of the rest what each has.
template <typename CallOptions>
CallOptions call_options(const FilterText& text) {
  CallOptions call;
  call.boundary = boundaries(text);
  set_sums(text, call);
  if constexpr (requires { call.method; }) set_method(text.method, call);
  if constexpr (requires { call.sigma; }) {
    if (!text.sigma.empty()) call.sigma = parse_numbers("--sigma", text.sigma, 0, infinity);
    if (!text.order.empty()) call.order = parse_integers("--order", text.order);
    if (!text.truncate.empty()) {
      call.truncate = parse_number("--truncate", text.truncate, 0, infinity);
    }
    if (!text.radius.empty()) call.radius = parse_integers("--radius", text.radius);
  }
  if constexpr (requires { call.size; }) {
    if (!text.size.empty()) call.size = parse_integers("--size", text.size);
  }
  if constexpr (requires { call.origin; }) {
    if (!text.origin.empty()) call.origin = parse_integers("--origin", text.origin);
  }
  if constexpr (requires { call.axes; }) {
    if (!text.axes.empty()) call.axes = parse_integers("--axes", text.axes).values();
  }
  if constexpr (requires { call.axis; }) {
    if (!text.axis.empty()) call.axis = parse_integer("--axis", text.axis);
  }
  return call;
}

template <typename CallOptions, Tensor (*call)(const ConstTensorView&, const CallOptions&)>
Tensor filter(const FilterText& text, const ConstTensorView& x, const ConstTensorView&) {
  return call(x, call_options<CallOptions>(text));
}

template <Tensor (*call)(const ConstTensorView&, const ConstTensorView&,
                         const image::FilterOptions&)>
Tensor weighted(const FilterText& text, const ConstTensorView& x, const ConstTensorView& w) {
  return call(x, w, call_options<image::FilterOptions>(text));
}

/// A filter of two axes on arrays of any rank: along the last two unless --axes names others.
template <Tensor (*weights)()>
Tensor named_weights(const FilterText& text, const ConstTensorView& x, const ConstTensorView&) {
  auto call = call_options<image::FilterOptions>(text);
  if (call.axes.empty()) call.axes = {-2, -1};
  return image::correlate(x, weights(), call);
}

image::RankOptions rank_options(const FilterText& text, const ConstTensorView& footprint) {
  auto call = call_options<image::RankOptions>(text);
  if (!text.footprint.empty()) call.footprint = footprint;
  return call;
}

Tensor rank(const FilterText& text, const ConstTensorView& x, const ConstTensorView& footprint) {
  const std::int64_t member = parse_integer("--rank", text.rank);
  return image::rank_filter(x, member, rank_options(text, footprint));
}

template <std::int64_t member>
Tensor extreme(const FilterText& text, const ConstTensorView& x, const ConstTensorView& footprint) {
  return image::rank_filter(x, member, rank_options(text, footprint));
}

Tensor median(const FilterText& text, const ConstTensorView& x, const ConstTensorView& footprint) {
  return image::median_filter(x, rank_options(text, footprint));
}

Tensor percentile(const FilterText& text, const ConstTensorView& x,
                  const ConstTensorView& footprint) {
  const double share = parse_number("--percentile", text.percentile, -100, 100);
  return image::percentile_filter(x, share, rank_options(text, footprint));
}

Tensor sharpen() { return filters::sharpen(); }

struct Row {
  std::string_view name;
  std::vector<std::string_view> takes;  ///< of `options`
  std::string_view needs;               ///< the one that has no default; "" if all have
  /// @param w  the weights or the footprint, if they are given
  Tensor (*run)(const FilterText&, const ConstTensorView& x, const ConstTensorView& w);
  bool sums = true;  ///< else it chooses elements: no accumulator, no method, and a window
};

const std::vector<Row>& rows() {
  using namespace image;
  static const std::vector<Row> all = {
      {"gaussian",
       {"--sigma", "--order", "--truncate", "--radius", "--axes"},
       "--sigma",
       filter<GaussianOptions, gaussian>},
      {"gaussian_laplace",
       {"--sigma", "--truncate", "--radius", "--axes"},
       "--sigma",
       filter<GaussianOptions, gaussian_laplace>},
      {"gaussian_gradient_magnitude",
       {"--sigma", "--truncate", "--radius", "--axes"},
       "--sigma",
       filter<GaussianOptions, gaussian_gradient_magnitude>},
      {"uniform", {"--size", "--origin", "--axes"}, "", filter<UniformOptions, uniform>},
      {"sobel", {"--axis"}, "", filter<DerivativeOptions, sobel>},
      {"prewitt", {"--axis"}, "", filter<DerivativeOptions, prewitt>},
      {"sobel_magnitude", {"--axes"}, "", filter<SumOptions, sobel_magnitude>},
      {"prewitt_magnitude", {"--axes"}, "", filter<SumOptions, prewitt_magnitude>},
      {"laplace", {"--axes"}, "", filter<SumOptions, laplace>},
      {"correlate", {"--weights", "--origin", "--axes"}, "--weights", weighted<correlate>},
      {"convolve", {"--weights", "--origin", "--axes"}, "--weights", weighted<convolve>},
      {"sharpen", {"--axes"}, "", named_weights<sharpen>},
      {"emboss", {"--axes"}, "", named_weights<filters::emboss>},
      {"median", {"--size", "--footprint", "--origin", "--axes"}, "", median, false},
      {"minimum", {"--size", "--footprint", "--origin", "--axes"}, "", extreme<0>, false},
      {"maximum", {"--size", "--footprint", "--origin", "--axes"}, "", extreme<-1>, false},
      {"percentile",
       {"--percentile", "--size", "--footprint", "--origin", "--axes"},
       "--percentile",
       percentile,
       false},
      {"rank", {"--rank", "--size", "--footprint", "--origin", "--axes"}, "--rank", rank, false},
  };
  return all;
}

std::size_t row_of(const std::string& given) {
  std::string name = given;
  std::ranges::replace(name, '-', '_');
  if (name.ends_with("_filter")) name.erase(name.size() - std::string_view("_filter").size());
  const auto found = std::ranges::find(rows(), name, &Row::name);
  if (found == rows().end()) {
    throw InvalidProblem(fmt::format("NAME {}: no such filter; use one of {}", given,
                                     fmt::join(filter_names(), ", ")));
  }
  return static_cast<std::size_t>(found - rows().begin());
}

/// Of a filter that chooses elements.
void check_choice(const FilterText& text, const Row& row) {
  if (text.size.empty() == text.footprint.empty()) {
    throw InvalidProblem(
        fmt::format("--size, --footprint: {} needs one of them, and not both", row.name));
  }
  if (!text.accuracy.empty()) {
    throw InvalidProblem(
        fmt::format("--accuracy {}: {} chooses elements, and none of them errs; leave it out",
                    text.accuracy, row.name));
  }
  if (text.reproducible) {
    throw InvalidProblem(fmt::format(
        "--reproducible: {} chooses elements, which are the same anyway; leave it out", row.name));
  }
  if (!text.accumulator.empty()) {
    throw InvalidProblem(
        fmt::format("--accumulator {}: {} chooses elements and sums nothing; "
                    "leave it out",
                    text.accumulator, row.name));
  }
  if (text.method != "auto") {
    throw InvalidProblem(fmt::format(
        "--method {}: {} chooses elements, in one way only; leave it out", text.method, row.name));
  }
}

void check_options(const FilterText& text, const Row& row) {
  if (!row.sums) check_choice(text, row);
  for (const Option& option : options) {
    const std::string& value = text.*option.text;
    const bool taken = std::ranges::find(row.takes, option.name) != row.takes.end();
    if (!value.empty() && !taken) {
      throw InvalidProblem(fmt::format("{} {}: {} has no such option; it takes {}", option.name,
                                       value, row.name, fmt::join(row.takes, ", ")));
    }
    if (value.empty() && option.name == row.needs) {
      throw InvalidProblem(
          fmt::format("{} is missing: {} has no default for it", option.name, row.name));
    }
  }
}

}  // namespace

std::vector<std::string> filter_names() {
  std::vector<std::string> names;
  for (const Row& row : rows()) names.emplace_back(row.name);
  return names;
}

NamedFilter::NamedFilter(const FilterText& text) : text_(text), row_(row_of(text.filter)) {
  check_options(text, rows()[row_]);
  // Every value is read once before the work, by the struct that has most of them.
  static_cast<void>(call_options<image::GaussianOptions>(text));
  static_cast<void>(call_options<image::UniformOptions>(text));
  static_cast<void>(call_options<image::DerivativeOptions>(text));
  if (!text.rank.empty()) static_cast<void>(parse_integer("--rank", text.rank));
  if (!text.percentile.empty()) {
    static_cast<void>(parse_number("--percentile", text.percentile, -100, 100));
  }
  for (const std::string& file : {text.weights, text.footprint}) {
    if (!file.empty()) weights_ = read_npy(file);
  }
}

Tensor NamedFilter::operator()(const ConstTensorView& x) const {
  return rows()[row_].run(text_, x, weights_);
}

}  // namespace faltung::tools
