#pragma once

#include <array>
#include <cstdint>
#include <faltung/error.hpp>
#include <faltung/problem.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "cpp/core/text.hpp"

namespace faltung::notation {

// What each enumeration is called in the notation, in the order of its values.
inline constexpr std::array<std::string_view, 3> pass_names = {"fwd", "dgrad", "wgrad"};
inline constexpr std::array<std::string_view, 2> layout_names = {"nchw", "nhwc"};
inline constexpr std::array<std::string_view, 3> math_names = {"strict", "fast", "reproducible"};
inline constexpr std::array<std::string_view, 2> overflow_names = {"wrap", "saturate"};
inline constexpr std::array<std::string_view, 2> rounding_names = {"truncate", "nearest_even"};
inline constexpr std::array<std::string_view, 6> activation_names = {"none", "relu", "leaky_relu",
                                                                     "gelu", "silu", "clamp"};

/// One `key=value` word and where it starts, counted from 1.
struct Word {
  std::string_view key;
  std::string_view value;
  std::size_t column = 0;

  /// @throws InvalidProblem naming the word, its column and `rule`.
  [[noreturn]] void refuse(const std::string& rule) const;
  /// Refuses unless `ok`.
  void require(bool ok, const std::string& rule) const {
    if (!ok) refuse(rule);
  }

  [[nodiscard]] std::int64_t integer() const { return integer(value); }
  [[nodiscard]] std::int64_t integer(std::string_view piece) const;
  [[nodiscard]] double real() const;
  [[nodiscard]] bool flag() const;
  /// One digit, at most `max`.
  [[nodiscard]] std::int64_t digit(std::int64_t max) const;
  /// "9x3x3": between 1 and `limit` integers.
  [[nodiscard]] std::vector<std::int64_t> integers(char separator, std::size_t limit) const;
  /// The pieces joined by 'x', one for each of `rank` axes; a single one serves all axes.
  [[nodiscard]] std::vector<std::string_view> per_axis(std::size_t rank) const;

  /// The index of the value in `names`.
  template <std::size_t count>
  [[nodiscard]] std::size_t choice(const std::array<std::string_view, count>& names) const {
    std::string list;
    for (std::size_t i = 0; i < count; ++i) {
      if (value == names[i]) return i;
      list += (i == 0 ? "" : ", ") + std::string(names[i]);
    }
    refuse("the value is one of " + list);
  }
};

/// The words of one line, looked up by key.
class Words {
 public:
  /// Cuts the line at white space; a word that starts with '#' begins a comment.
  ///
  /// @throws InvalidProblem for an empty line, a word that is not key=value, or a repeated key.
  explicit Words(std::string_view line);

  [[nodiscard]] const Word& first() const { return words_.front(); }
  [[nodiscard]] const Word* find(std::string_view key) const;
  /// @throws InvalidProblem if there is no such word.
  [[nodiscard]] const Word& get(std::string_view key) const;
  /// @throws InvalidProblem for the first key that is not among `known`.
  void allow_only(std::initializer_list<std::string_view> known) const;

 private:
  std::vector<Word> words_;
};

/// Fills in the four types and the math mode from dtype=, acc= and math=.
///
/// @param filter_of  the type of w when dtype= names one type only
void read_types(const Words& words, Problem& problem, DType (*filter_of)(DType));

/// Creates the axes from in= and f=.
void read_extents(const Words& words, Problem& problem);

/// Sets the rules of every axis from boundary=, if it is there.
void read_boundaries(const Words& words, Problem& problem);

/// "relu", "clamp(0,6)": what act= says.
[[nodiscard]] std::string activation_text(const Activation& activation);

// The sugar of op=signal, op=filter and op=long; not yet validated.
[[nodiscard]] Problem read_signal(const Words& words);
[[nodiscard]] Problem read_filter(const Words& words);
[[nodiscard]] Problem read_long(const Words& words);

}  // namespace faltung::notation
