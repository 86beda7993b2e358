#include "cpp/tools/bench/call.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>
#include <string_view>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"

namespace faltung::bench {
namespace {

// Which words a function takes beside call, dtype and in; the first is the window's.
struct Function {
  std::string_view name;
  std::array<std::string_view, 3> words;
};
constexpr Function functions[] = {{"image.median_filter", {"size"}},
                                  {"image.percentile_filter", {"size", "percentile"}},
                                  {"image.uniform", {"size"}},
                                  {"signal.sepfir2d", {"f"}},
                                  {"signal.upfirdn", {"f", "up", "down"}}};

using Words = std::map<std::string, std::string, std::less<>>;

Words words_of(const std::string& text) {
  Words words;
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      throw InvalidProblem(message("'", word, "' has no value; write key=value"));
    }
    if (!words.emplace(word.substr(0, equals), word.substr(equals + 1)).second) {
      throw InvalidProblem(message(word.substr(0, equals), " is given twice; give it once"));
    }
  }
  return words;
}

const std::string& needed(const Words& words, std::string_view key) {
  const auto found = words.find(key);
  if (found == words.end()) throw InvalidProblem(message(key, " is missing; every call needs it"));
  return found->second;
}

template <typename T>
T number(std::string_view key, std::string_view text, T min, T max) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) {
    throw InvalidProblem(message(key, " is '", text, "'; use a number from ", min, " to ", max));
  }
  return value;
}

constexpr std::int64_t max_elements = std::int64_t{1} << 40;

Shape extents(std::string_view key, std::string_view text) {
  Shape shape;
  while (true) {
    const std::size_t end = text.find('x');
    shape.push_back(number<std::int64_t>(key, text.substr(0, end), 1, max_elements));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  if (shape.size() > 8) {
    throw InvalidProblem(message(key, " has ", shape.size(), " axes; at most 8 are possible"));
  }
  return shape;
}

Shape per_axis(std::string_view key, std::string_view text, std::size_t axes) {
  const Shape shape = extents(key, text);
  if (shape.size() == axes) return shape;
  if (shape.size() == 1) return Shape::filled(axes, shape[0]);
  throw InvalidProblem(
      message(key, " is ", text, ", in has ", axes, " axes; give one value, or one for each axis"));
}

const Function& function_of(const std::string& name) {
  const auto* const found = std::ranges::find(functions, name, &Function::name);
  if (found != std::end(functions)) return *found;
  std::string known;
  for (const Function& function : functions) {
    known += (known.empty() ? "" : ", ") + std::string(function.name);
  }
  throw InvalidProblem(message("call is '", name, "'; use one of ", known));
}

void check_words(const Words& words, const Function& function) {
  for (const auto& [key, value] : words) {
    const bool common = key == "call" || key == "dtype" || key == "in";
    if (common || std::ranges::find(function.words, key) != function.words.end()) continue;
    throw InvalidProblem(message(key, "=", value, ": ", function.name, " takes no such word"));
  }
}

void check_signal(const Call& call) {
  if (!call.function.starts_with("signal.")) return;
  if (call.dtype != f32 && call.dtype != f64) {
    throw InvalidProblem(
        message("dtype is ", name(call.dtype), "; ", call.function, " is timed in f32 and f64"));
  }
  const std::size_t axes = call.function == "signal.sepfir2d" ? 2 : 1;
  if (call.in.size() != axes) {
    throw InvalidProblem(
        message("in has ", call.in.size(), " axes; ", call.function, " is timed ", "along ", axes));
  }
}

}  // namespace

Call parse_call(const std::string& text) {
  const Words words = words_of(text);
  const Function& function = function_of(needed(words, "call"));
  check_words(words, function);
  Call call{.function = std::string(function.name)};
  const std::string& type = needed(words, "dtype");
  const auto dtype = parse_dtype(type);
  if (!dtype || is_complex(*dtype)) {
    throw InvalidProblem(message("dtype is '", type, "'; use a real type: f32, u8, ..."));
  }
  call.dtype = *dtype;
  call.in = extents("in", needed(words, "in"));
  const std::string_view window = function.words.front();
  call.window = per_axis(window, needed(words, window), call.in.size());
  if (const auto word = words.find("percentile"); word != words.end()) {
    call.percentile = number<double>("percentile", word->second, 0, 100);
  }
  if (const auto word = words.find("up"); word != words.end()) {
    call.up = number<std::int64_t>("up", word->second, 1, max_elements);
  }
  if (const auto word = words.find("down"); word != words.end()) {
    call.down = number<std::int64_t>("down", word->second, 1, max_elements);
  }
  check_signal(call);
  return call;
}

}  // namespace faltung::bench
