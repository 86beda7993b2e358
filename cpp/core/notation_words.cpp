#include "cpp/core/notation_words.hpp"

#include <algorithm>

namespace faltung::notation {

namespace {

constexpr std::string_view white_space = " \t\r\n";

[[noreturn]] void refuse_line(const std::string& rule) {
  throw InvalidProblem(
      "problem notation: " + rule +
      "; write key=value words, for example op=fwd dtype=f32 n=1 c=3 in=9x9 k=4 f=3x3");
}

}  // namespace

void Word::refuse(const std::string& rule) const {
  throw InvalidProblem("problem notation: \"" + std::string(key) + '=' + std::string(value) +
                       "\" at column " + std::to_string(column) + ": " + rule);
}

std::int64_t Word::integer(std::string_view piece) const {
  const auto number = parse_number<std::int64_t>(piece);
  require(number.has_value(), '"' + std::string(piece) +
                                  "\" is not an integer of at most 64 bits; write digits only, "
                                  "with a leading - if it is negative");
  return *number;
}

double Word::real() const {
  const auto number = parse_number<double>(value);
  require(number.has_value(), "the value is not a number within the range of f64");
  return *number;
}

bool Word::flag() const {
  require(value == "0" || value == "1", "a flag is 0 or 1");
  return value == "1";
}

std::int64_t Word::digit(std::int64_t max) const {
  require(value.size() == 1 && value[0] >= '0' && value[0] <= '0' + max,
          "the value is a number from 0 to " + std::to_string(max));
  return value[0] - '0';
}

std::vector<std::int64_t> Word::integers(char separator, std::size_t limit) const {
  const std::vector<std::string_view> pieces = split(value, separator);
  require(pieces.size() <= limit, "at most " + std::to_string(limit) + " values, joined by '" +
                                      separator + "', not " + std::to_string(pieces.size()));
  std::vector<std::int64_t> numbers;
  numbers.reserve(pieces.size());
  for (const std::string_view piece : pieces) numbers.push_back(integer(piece));
  return numbers;
}

std::vector<std::string_view> Word::per_axis(std::size_t rank) const {
  std::vector<std::string_view> pieces = split(value, 'x');
  if (pieces.size() == 1) pieces.resize(rank, pieces.front());
  require(pieces.size() == rank, "has " + std::to_string(pieces.size()) +
                                     " values, but in= names " + std::to_string(rank) +
                                     " axes; give one value for all axes, or one for each");
  return pieces;
}

Words::Words(std::string_view line) {
  for (std::size_t start = line.find_first_not_of(white_space); start != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(white_space, start), line.size());
    const std::string_view text = line.substr(start, end - start);
    if (text.front() == '#') break;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      refuse_line('"' + std::string(text) + "\" at column " + std::to_string(start + 1) +
                  " is not a key=value word");
    }
    const Word word{text.substr(0, equals), text.substr(equals + 1), start + 1};
    if (find(word.key)) word.refuse("the key is already there; give every key once");
    words_.push_back(word);
    start = line.find_first_not_of(white_space, end);
  }
  if (words_.empty()) refuse_line("the line is empty");
}

const Word* Words::find(std::string_view key) const {
  const auto found = std::ranges::find(words_, key, &Word::key);
  return found == words_.end() ? nullptr : &*found;
}

const Word& Words::get(std::string_view key) const {
  const Word* word = find(key);
  if (!word) {
    const std::string missing(key);
    refuse_line("the word " + missing + "= is missing after op=" + std::string(first().value));
  }
  return *word;
}

void Words::allow_only(std::initializer_list<std::string_view> known) const {
  for (const Word& word : words_) {
    if (std::ranges::find(known, word.key) != known.end()) continue;
    std::string list;
    for (const std::string_view key : known) list += ' ' + std::string(key);
    word.refuse("unknown key; op=" + std::string(first().value) + " understands" + list);
  }
}

}  // namespace faltung::notation
