#include <algorithm>
#include <faltung/problem.hpp>
#include <ostream>

#include "cpp/core/notation_words.hpp"

namespace faltung {

namespace {

/// The name of an enumerator; "?" for a value outside the enumeration, so that printing an invalid
/// problem is safe.
template <typename Enum, std::size_t count>
std::string choice(Enum value, const std::array<std::string_view, count>& names) {
  const auto index = static_cast<std::size_t>(value);
  return index < count ? std::string(names[index]) : "?";
}

bool known(DType type) { return std::ranges::find(all_dtypes, type) != std::end(all_dtypes); }

std::string type_name(DType type) { return known(type) ? std::string(name(type)) : "?"; }

std::string types(const Problem& problem) {
  std::string text = type_name(problem.input);
  if (problem.filter != problem.input || problem.output != problem.input) {
    text += ':' + type_name(problem.filter) + ':' + type_name(problem.output);
  }
  return text;
}

bool has_default_accumulator(const Problem& p) {
  return known(p.input) && known(p.filter) && known(p.output) &&
         p.accumulator == default_accumulator(p.input, p.filter, p.output);
}

std::string pad(const Axis& axis) {
  const std::string low = std::to_string(axis.pad_lo);
  return axis.pad_lo == axis.pad_hi ? low : low + ':' + std::to_string(axis.pad_hi);
}

std::string boundary(const Axis& axis) {
  const std::string below = to_string(axis.below);
  const std::string above = to_string(axis.above);
  return below == above ? below : below + ':' + above;
}

/// Collects the words of one line.
class Line {
 public:
  void word(std::string_view key, const std::string& value) {
    if (!text_.empty()) text_ += ' ';
    text_.append(key).append("=").append(value);
  }
  void unless(const std::string& standard, std::string_view key, const std::string& value) {
    if (value != standard) word(key, value);
  }
  /// One value if all axes agree, otherwise all of them joined by 'x'.
  template <typename F>
  void per_axis(const std::string& standard, std::string_view key, const Problem& problem,
                F value_of) {
    std::vector<std::string> values;
    for (const Axis& axis : problem.axes) values.push_back(value_of(axis));
    const bool agree =
        std::ranges::adjacent_find(values, std::ranges::not_equal_to{}) == values.end();
    if (values.empty()) return;
    unless(standard, key, agree ? values.front() : join(values, 'x'));
  }
  void strides(std::string_view key, const Strides& strides) {
    std::vector<std::string> values;
    for (const std::int64_t stride : strides) values.push_back(std::to_string(stride));
    if (!values.empty()) word(key, join(values, ','));
  }
  void extents(std::string_view key, const Problem& problem, std::int64_t Axis::*member) {
    std::vector<std::string> values;
    for (const Axis& axis : problem.axes) values.push_back(std::to_string(axis.*member));
    word(key, join(values, 'x'));
  }
  [[nodiscard]] std::string text() && { return std::move(text_); }

 private:
  static std::string join(const std::vector<std::string>& values, char separator) {
    std::string text;
    for (const std::string& value : values) {
      if (&value != &values.front()) text += separator;
      text += value;
    }
    return text;
  }
  std::string text_;
};

}  // namespace

std::string notation::activation_text(const Activation& act) {
  std::string text = choice(act.kind, activation_names);
  if (act.kind == ActivationKind::leaky_relu) text += '(' + format_real(act.a) + ')';
  if (act.kind == ActivationKind::clamp) {
    text += '(' + format_real(act.a) + ',' + format_real(act.b) + ')';
  }
  return text;
}

std::string to_string(const Problem& problem) {
  Line line;
  const auto integer = [](std::int64_t Axis::*member) {
    return [member](const Axis& axis) { return std::to_string(axis.*member); };
  };
  const auto flag = [&](std::string_view key, bool value) {
    if (value) line.word(key, "1");
  };
  line.word("op", choice(problem.pass, notation::pass_names));
  line.word("dtype", types(problem));
  if (!has_default_accumulator(problem)) line.word("acc", type_name(problem.accumulator));
  line.word("n", std::to_string(problem.batch));
  line.word("c", std::to_string(problem.in_channels));
  line.extents("in", problem, &Axis::input);
  line.word("k", std::to_string(problem.out_channels));
  line.extents("f", problem, &Axis::filter);
  line.per_axis("1", "stride", problem, integer(&Axis::stride));
  line.per_axis("0", "pad", problem, pad);
  line.per_axis("1", "dil", problem, integer(&Axis::dilation));
  line.per_axis("1", "idil", problem, integer(&Axis::input_dilation));
  line.unless("1", "g", std::to_string(problem.groups));
  line.unless("nchw", "layout", choice(problem.layout, notation::layout_names));
  line.per_axis("zero", "boundary", problem, boundary);
  flag("flip", problem.flip);
  flag("conj", problem.conjugate);
  line.unless("0", "sep", std::to_string(problem.separable));
  line.unless("strict", "math", choice(problem.math, notation::math_names));
  line.unless("wrap", "overflow", choice(problem.overflow, notation::overflow_names));
  line.unless("truncate", "round", choice(problem.rounding, notation::rounding_names));
  const Epilogue& epilogue = problem.epilogue;
  if (epilogue.alpha != 1) line.word("alpha", format_real(epilogue.alpha));
  if (epilogue.beta != 0) line.word("beta", format_real(epilogue.beta));
  flag("bias", epilogue.bias);
  line.unless("none", "act", notation::activation_text(epilogue.activation));
  line.strides("xstrides", problem.x_strides);
  line.strides("wstrides", problem.w_strides);
  line.strides("ystrides", problem.y_strides);
  return std::move(line).text();
}

std::ostream& operator<<(std::ostream& os, const Problem& problem) {
  return os << to_string(problem);
}

}  // namespace faltung
