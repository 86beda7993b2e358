#include "cpp/tools/support/mask_options.hpp"

#include <fmt/format.h>

#include <limits>
#include <string_view>

#include "cpp/tools/support/options.hpp"

namespace faltung::tools {
namespace {

constexpr double max = std::numeric_limits<double>::max();

// A number that is there to stand for nothing, so that it may be NaN or infinite.
double parse_value(const std::string& option, const std::string& text) {
  const std::complex<double> value = parse_complex(option, text);
  if (text.find(',') == std::string::npos) return value.real();
  throw InvalidProblem(fmt::format("{} {}: must be one number", option, text));
}

template <typename Call>
void set_common(const MaskText& text, const SumText& sums, const Tensor& weights, Call& call) {
  constexpr std::string_view value = "value:";
  if (text.nan.starts_with(value)) {
    call.nan = NanRule::value;
    call.nan_value = parse_number("--nan value", text.nan.substr(value.size()), -max, max);
  } else if (!text.nan.empty()) {
    if (text.nan != "missing" && text.nan != "spread") {
      throw InvalidProblem(fmt::format(
          "--nan {}: use missing, spread, or value:V for a number in its place", text.nan));
    }
    call.nan = parse_nan_rule(text.nan);
  }
  if (!text.weights.empty()) call.weights = weights.view();
  if (!text.min_weight.empty()) {
    call.min_weight = parse_number("--min-weight", text.min_weight, 0, 1);
  }
  if (!text.min_count.empty()) call.min_count = parse_integer("--min-count", text.min_count);
  call.keep_gain = text.keep_gain;
  if (!sums.output_type.empty()) call.output = parse_npy_dtype("--output-type", sums.output_type);
  if (!sums.accumulator.empty()) {
    call.accumulator = parse_npy_dtype("--accumulator", sums.accumulator);
  }
  set_promises(sums, call.run);
}

}  // namespace

void add_mask_options(CLI::App& command, MaskText& text) {
  command.add_option("--nan", text.nan,
                     "Divides by the convolution of the weights. NaN in X are missing (of weight "
                     "0), value:V (V counts in their place) or spread (as without the option)");
  command.add_option("--weights", text.weights,
                     "Likewise: of the elements of X, 0 for those that are missing, .npy");
  command.add_option("--min-weight", text.min_weight,
                     "Results of less weight are empty: a share of K's sum, 0 to 1; default 0");
  command.add_option("--min-count", text.min_count,
                     "Results of fewer elements of weight above 0 are empty; default 0");
  command.add_option("--fill", text.fill,
                     "What empty results are: a number, default nan, or keep, the element of X");
  command.add_flag("--keep-gain", text.keep_gain,
                   "Multiply the quotient by K's sum, which gives the scale of a convolution");
  command.add_flag("--preserve-nan", text.preserve_nan, "A NaN of X stays one in the result");
}

void check_mask_options(const MaskText& text) {
  const bool may_miss = !text.weights.empty() || text.nan == "missing";
  if (text.given() && !may_miss && !text.fill.empty()) {
    throw InvalidProblem(
        fmt::format("--fill {}: with --nan {} and without --weights no result is empty; leave it "
                    "out",
                    text.fill, text.nan));
  }
  if (text.given()) return;
  const auto refuse = [](const std::string& option) {
    throw InvalidProblem(option +
                         ": without --nan or --weights every element counts, and nothing is "
                         "divided; give one of them, or leave this out");
  };
  if (!text.min_weight.empty()) refuse("--min-weight " + text.min_weight);
  if (!text.min_count.empty()) refuse("--min-count " + text.min_count);
  if (!text.fill.empty()) refuse("--fill " + text.fill);
  if (text.keep_gain) refuse("--keep-gain");
  if (text.preserve_nan) refuse("--preserve-nan");
}

void set_mask(const MaskText& text, const SumText& sums, const Tensor& weights,
              image::MaskedOptions& call) {
  set_common(text, sums, weights, call);
  if (text.fill == "keep") {
    call.fill = std::nullopt;
  } else if (!text.fill.empty()) {
    call.fill = parse_value("--fill", text.fill);
  }
  call.preserve_nan = text.preserve_nan;
}

void set_mask(const MaskText& text, const SumText& sums, const Tensor& weights,
              signal::MaskedOptions& call) {
  set_common(text, sums, weights, call);
  if (text.fill == "keep" || text.preserve_nan) {
    throw InvalidProblem(fmt::format(
        "{}: results of scipy.signal may have no element of X in their place; use --api "
        "scipy.ndimage",
        text.preserve_nan ? "--preserve-nan" : "--fill keep"));
  }
  if (!text.fill.empty()) call.fill = parse_value("--fill", text.fill);
}

}  // namespace faltung::tools
