#include <algorithm>

#include "cpp/core/notation_words.hpp"

namespace faltung::notation {

namespace {

constexpr std::array<std::string_view, 3> mode_names = {"full", "same", "valid"};
constexpr std::array<std::string_view, 3> method_names = {"auto", "direct", "fft"};

DType same_type(DType type) { return type; }

// Images of integers are filtered with real weights, which must hold every input value.
DType image_filter_type(DType type) {
  if (!is_integer(type)) return type;
  return size_of(type) <= 2 ? f32 : f64;
}

void check_extents(const Words& words, const Axis& axis) {
  // Pads are derived from both, so they are checked before the problem is.
  words.get("f").require(axis.filter >= 1, "a filter has at least one tap along every axis");
  words.get("in").require(axis.input >= 0, "an extent cannot be negative");
}

void crop_to_mode(Axis& axis, std::size_t mode) {
  const std::int64_t taps = axis.filter;
  switch (mode) {
    case 0:  // full; of nothing, nothing
      axis.pad_lo = taps - 1;
      axis.pad_hi = axis.input == 0 ? 0 : taps - 1;
      break;
    case 1:  // same
      axis.pad_lo = taps / 2;
      axis.pad_hi = (taps - 1) / 2;
      break;
    default:  // valid: the shorter operand stays inside the longer one
      axis.pad_lo = axis.pad_hi =
          axis.input == 0 ? 0 : std::max<std::int64_t>(0, taps - axis.input);
  }
}

}  // namespace

Problem read_signal(const Words& words) {
  words.allow_only({"op", "dtype", "acc", "math", "b", "in", "f", "mode", "method"});
  Problem problem;
  problem.flip = true;
  read_types(words, problem, same_type);
  read_extents(words, problem);
  if (const Word* word = words.find("b")) problem.batch = word->integer();
  // How to compute it is the planner's choice, not part of what to compute.
  if (const Word* word = words.find("method")) (void)word->choice(method_names);
  const Word* mode_word = words.find("mode");
  const std::size_t mode = mode_word ? mode_word->choice(mode_names) : 1;
  bool longer_input = false;
  bool longer_filter = false;
  for (Axis& axis : problem.axes) {
    check_extents(words, axis);
    longer_input = longer_input || axis.input > axis.filter;
    longer_filter = longer_filter || axis.input < axis.filter;
    crop_to_mode(axis, mode);
  }
  if (mode == 2 && longer_input && longer_filter) {
    mode_word->refuse(
        "one of in= and f= must be at least as long as the other along every axis; "
        "use mode=full or mode=same");
  }
  return problem;
}

Problem read_filter(const Words& words) {
  words.allow_only({"op", "dtype", "acc", "math", "b", "in", "f", "boundary", "origin", "sep"});
  Problem problem;
  problem.flip = true;
  read_types(words, problem, image_filter_type);
  read_extents(words, problem);
  if (const Word* word = words.find("b")) problem.batch = word->integer();
  if (const Word* word = words.find("sep")) problem.separable = word->digit(max_separable);
  for (Axis& axis : problem.axes) axis.below = axis.above = Boundary::reflect();
  read_boundaries(words, problem);
  const Word* origin_word = words.find("origin");
  for (std::size_t i = 0; i < problem.rank(); ++i) {
    Axis& axis = problem.axes[i];
    check_extents(words, axis);
    std::int64_t origin = 0;
    if (origin_word) {
      origin = origin_word->integer(origin_word->per_axis(problem.rank())[i]);
      const std::int64_t low = -(axis.filter / 2);
      const std::int64_t high = (axis.filter - 1) / 2;
      origin_word->require(low <= origin && origin <= high,
                           "for a filter of " + std::to_string(axis.filter) +
                               " taps an origin lies between " + std::to_string(low) + " and " +
                               std::to_string(high));
    }
    // A true convolution reverses the filter about its centre, which moves that of an even one.
    axis.pad_lo = axis.filter / 2 - origin - (axis.filter % 2 == 0 ? 1 : 0);
    axis.pad_hi = axis.filter - 1 - axis.pad_lo;
  }
  return problem;
}

Problem read_long(const Words& words) {
  words.allow_only({"op", "dtype", "acc", "math", "n", "c", "in", "f"});
  Problem problem;
  problem.flip = true;
  read_types(words, problem, same_type);
  read_extents(words, problem);
  words.get("in").require(problem.rank() == 1, "op=long has one axis, the sequence");
  if (const Word* word = words.find("n")) problem.batch = word->integer();
  if (const Word* word = words.find("c")) problem.in_channels = word->integer();
  problem.out_channels = problem.in_channels;
  problem.groups = std::max<std::int64_t>(1, problem.in_channels);
  Axis& axis = problem.axes.front();
  check_extents(words, axis);
  axis.pad_lo = axis.filter - 1;
  return problem;
}

}  // namespace faltung::notation
