#include <algorithm>
#include <faltung/error.hpp>
#include <faltung/problem.hpp>

#include "cpp/core/float_environment.hpp"
#include "cpp/core/notation_words.hpp"

namespace faltung {

namespace notation {

namespace {

DType read_dtype(const Word& word, std::string_view text) {
  if (const auto type = parse_dtype(text)) return *type;
  std::string list;
  for (const DType type : all_dtypes) list += ' ' + std::string(name(type));
  word.refuse('"' + std::string(text) + "\" is not a type; the types are" + list +
              ", or tf32 alone for f32 with math=fast");
}

/// Sets `member` of every axis from the word `key`, if it is there.
void read_per_axis(const Words& words, std::string_view key, Problem& problem,
                   std::int64_t Axis::*member) {
  const Word* word = words.find(key);
  if (!word) return;
  const auto pieces = word->per_axis(problem.rank());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    problem.axes[i].*member = word->integer(pieces[i]);
  }
}

void read_pads(const Words& words, Problem& problem) {
  const Word* word = words.find("pad");
  if (!word) return;
  const auto pieces = word->per_axis(problem.rank());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto sides = split(pieces[i], ':');
    word->require(sides.size() <= 2, "a pad is P, or LO:HI for each axis");
    problem.axes[i].pad_lo = word->integer(sides.front());
    problem.axes[i].pad_hi = word->integer(sides.back());
  }
}

Boundary read_boundary(const Word& word, std::string_view text) {
  try {
    return Boundary::parse(text);
  } catch (const InvalidProblem& error) {
    word.refuse(error.what());
  }
}

Activation read_activation(const Word& word) {
  const auto call = parse_call(word.value);
  word.require(call.has_value(), "parentheses hold numbers joined by commas, as in clamp(0,6)");
  const Word named{word.key, call->name, word.column};
  const auto kind = static_cast<ActivationKind>(named.choice(activation_names));
  const std::vector<double>& values = call->arguments;
  const std::size_t wanted = kind == ActivationKind::clamp        ? 2
                             : kind == ActivationKind::leaky_relu ? 1
                                                                  : 0;
  word.require(values.size() == wanted,
               std::string(call->name) + " takes " + std::to_string(wanted) +
                   " numbers; write relu, leaky_relu(0.1), gelu, silu or clamp(0,6)");
  return {kind, wanted > 0 ? values[0] : 0, wanted > 1 ? values[1] : 0};
}

void read_epilogue(const Words& words, Epilogue& epilogue) {
  if (const Word* word = words.find("alpha")) epilogue.alpha = word->real();
  if (const Word* word = words.find("beta")) epilogue.beta = word->real();
  if (const Word* word = words.find("bias")) epilogue.bias = word->flag();
  if (const Word* word = words.find("act")) epilogue.activation = read_activation(*word);
}

Strides read_strides(const Words& words, std::string_view key) {
  Strides strides;
  if (const Word* word = words.find(key)) {
    for (const std::int64_t stride : word->integers(',', Extents::max_rank)) {
      strides.push_back(stride);
    }
  }
  return strides;
}

template <typename Enum, std::size_t count>
void read_choice(const Words& words, std::string_view key,
                 const std::array<std::string_view, count>& names, Enum& value) {
  if (const Word* word = words.find(key)) value = static_cast<Enum>(word->choice(names));
}

Problem read_canonical(const Words& words) {
  words.allow_only({"op",       "dtype",  "acc",      "n",     "c",        "in",       "k",
                    "f",        "stride", "pad",      "dil",   "idil",     "g",        "layout",
                    "boundary", "flip",   "conj",     "sep",   "math",     "alpha",    "beta",
                    "bias",     "act",    "overflow", "round", "xstrides", "wstrides", "ystrides"});
  Problem problem;
  read_choice(words, "op", pass_names, problem.pass);
  read_types(words, problem, [](DType type) { return type; });
  if (const Word* word = words.find("n")) problem.batch = word->integer();
  if (const Word* word = words.find("c")) problem.in_channels = word->integer();
  if (const Word* word = words.find("k")) problem.out_channels = word->integer();
  if (const Word* word = words.find("g")) problem.groups = word->integer();
  read_extents(words, problem);
  read_per_axis(words, "stride", problem, &Axis::stride);
  read_per_axis(words, "dil", problem, &Axis::dilation);
  read_per_axis(words, "idil", problem, &Axis::input_dilation);
  read_pads(words, problem);
  read_boundaries(words, problem);
  read_choice(words, "layout", layout_names, problem.layout);
  if (const Word* word = words.find("flip")) problem.flip = word->flag();
  if (const Word* word = words.find("conj")) problem.conjugate = word->flag();
  if (const Word* word = words.find("sep")) problem.separable = word->digit(max_separable);
  read_choice(words, "overflow", overflow_names, problem.overflow);
  read_choice(words, "round", rounding_names, problem.rounding);
  read_epilogue(words, problem.epilogue);
  problem.x_strides = read_strides(words, "xstrides");
  problem.w_strides = read_strides(words, "wstrides");
  problem.y_strides = read_strides(words, "ystrides");
  return problem;
}

}  // namespace

void read_types(const Words& words, Problem& problem, DType (*filter_of)(DType)) {
  const Word& word = words.get("dtype");
  const bool tf32 = word.value == "tf32";
  const auto pieces = split(tf32 ? "f32" : word.value, ':');
  word.require(pieces.size() == 1 || pieces.size() == 3,
               "one type for all three tensors, or three as input:filter:output");
  problem.input = read_dtype(word, pieces.front());
  problem.filter = pieces.size() == 1 ? filter_of(problem.input) : read_dtype(word, pieces[1]);
  problem.output = read_dtype(word, pieces.back());
  problem.accumulator = default_accumulator(problem.input, problem.filter, problem.output);
  if (const Word* acc = words.find("acc")) problem.accumulator = read_dtype(*acc, acc->value);
  if (tf32) problem.math = Math::fast;
  if (const Word* math = words.find("math")) {
    problem.math = static_cast<Math>(math->choice(math_names));
    math->require(!tf32 || problem.math == Math::fast,
                  "dtype=tf32 means math=fast; write dtype=f32 for any other");
  }
}

void read_extents(const Words& words, Problem& problem) {
  const Word& in = words.get("in");
  const Word& filter = words.get("f");
  for (const std::int64_t extent : in.integers('x', max_spatial_rank)) {
    problem.axes.emplace_back().input = extent;
  }
  const auto pieces = filter.per_axis(problem.rank());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    problem.axes[i].filter = filter.integer(pieces[i]);
  }
}

void read_boundaries(const Words& words, Problem& problem) {
  const Word* word = words.find("boundary");
  if (!word) return;
  const auto pieces = word->per_axis(problem.rank());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto sides = split(pieces[i], ':');
    word->require(sides.size() <= 2, "a boundary is one rule, or below:above for each axis");
    problem.axes[i].below = read_boundary(*word, sides.front());
    problem.axes[i].above = read_boundary(*word, sides.back());
  }
}

}  // namespace notation

Problem Problem::parse(std::string_view text) {
  const FloatEnvironment environment;  // numbers are rounded to nearest
  const notation::Words words(text);
  const notation::Word& op = words.first();
  op.require(op.key == "op", "the first word is op=fwd, dgrad, wgrad, signal, filter or long");
  Problem problem;
  if (op.value == "signal") {
    problem = notation::read_signal(words);
  } else if (op.value == "filter") {
    problem = notation::read_filter(words);
  } else if (op.value == "long") {
    problem = notation::read_long(words);
  } else {
    op.require(std::ranges::find(notation::pass_names, op.value) != notation::pass_names.end(),
               "unknown operation; use op=fwd, dgrad, wgrad, signal, filter or long");
    problem = notation::read_canonical(words);
  }
  problem.validate();
  return problem;
}

}  // namespace faltung
