#pragma once

#include "cpp/core/integer_digits.hpp"
#include "cuda/fft/fft_policy.hpp"
#include "cuda/fft/fused_load.hpp"
#include "cuda/primitives/epilogue.cuh"
#include "cuda/primitives/memory.cuh"
#include "cuda/runtime/launch.hpp"

namespace faltung::cuda::fft {

/// Elements of one tensor, and blocks of points, one behind the other: of x and y those of `count`
/// units from `first` on, the channels of a section of each; of w those of `count` pairs of
/// channels of a section from `first` on, input by input.
struct MoveArguments {
  Geometry geometry;
  Section section;
  Global<const unsigned char> from;
  Global<unsigned char> to;
  DType type = DType::f32;  ///< of the tensor
  std::int64_t first = 0, count = 0;
  EpilogueArguments epilogue;  ///< of a store
  bool integers = false;       ///< of a load: elements are integers, of which it takes a digit
  faltung::fft::Digit digit;
  /// Of a store of integers: the sum of diagonal d counts 2^(d bits); its arrays are `arrays`
  /// behind those of the one before.
  int diagonals = 1, bits = 0;
  std::int64_t arrays = 0;
  /// Of a load of floating numbers: marks of its arrays, and the one of the run.
  Global<unsigned> marks, any;
};

/// The operands and marks of which non_finite_kernel makes what sums lack. Blocks are those of
/// `move.to`.
struct NonFiniteArguments {
  MoveArguments move;  ///< of the result
  Global<const unsigned char> x, w, y;
  DType x_type = DType::f32, w_type = DType::f32, y_type = DType::f32;
  std::int64_t units = 1;  ///< of a batch
  /// Of x or dy, and of what it is multiplied by: a filter or, for its gradient, dy.
  Global<const unsigned> data_marks, other_marks;
  Global<const unsigned> any, other_any;  ///< of the run, and of a bound filter
};

/// Channels of a section, of one unit; of w all pairs are of one.
FALTUNG_HOST_DEVICE constexpr std::int64_t channels_of(Operand operand, const Section& section) {
  return operand == Operand::x   ? section.groups * section.inputs
         : operand == Operand::y ? section.groups * section.outputs
                                 : 1;
}

FALTUNG_HOST_DEVICE constexpr std::int64_t arrays_of(Operand operand, const MoveArguments& a) {
  return a.count * channels_of(operand, a.section);
}

/// Whose block an array is: numbers of a unit and of channels of the problem; of w the input is
/// that of its group.
struct Member {
  std::int64_t unit = 0, input = 0, output = 0;
  bool there = false;
};

template <Operand operand>
FALTUNG_HOST_DEVICE constexpr Member member_of(const MoveArguments& a, std::int64_t array) {
  const Geometry& g = a.geometry;
  const Section& s = a.section;
  Member member;
  if constexpr (operand == Operand::w) {
    const Quotient output = divide(a.first + array, s.inputs);
    const Quotient group = divide(output.whole, s.outputs);
    member.input = s.input + output.rest;
    const std::int64_t in_group = s.output + group.rest;
    member.output = (s.group + group.whole) * g.group_outputs + in_group;
    member.there = group.whole < s.groups && s.group + group.whole < g.groups &&
                   member.input < g.group_inputs && in_group < g.group_outputs;
  } else {
    constexpr bool is_x = operand == Operand::x;
    const std::int64_t all = is_x ? g.group_inputs : g.group_outputs;
    const Quotient unit = divide(array, channels_of(operand, s));
    const Quotient group = divide(unit.rest, is_x ? s.inputs : s.outputs);
    const std::int64_t in_group = (is_x ? s.input : s.output) + group.rest;
    const std::int64_t channel = (s.group + group.whole) * all + in_group;
    member.unit = a.first + unit.whole;
    member.input = is_x ? channel : 0;
    member.output = is_x ? 0 : channel;
    member.there = member.unit < g.units() && s.group + group.whole < g.groups && in_group < all;
  }
  return member;
}

/// The number of a spectrum: group * steps.group + outer * steps.outer + inner * steps.inner, and
/// so many further from one digit to the next.
struct SpectrumSteps {
  std::int64_t group = 0, outer = 0, inner = 0, digit = 0;
};

/// Sums of products of spectra, each of `points` complex numbers, as products of matrices:
///
///     sum[group, row, column] = scale * ((sum before) +
///                                        over j and digits of  a[group, row, j] b[group, column,
///                                        j])
struct ProductArguments {
  Global<const unsigned char> a = {}, b = {};
  Global<unsigned char> sum = {};
  std::int64_t points = 0;
  std::int64_t groups = 1, rows = 1, columns = 1, terms = 1;
  int digits = 1;
  SpectrumSteps a_at, b_at, sum_at;
  bool conjugate_b = false;
  bool add = false;  ///< to the sum before
  double scale = 1;
};

/// T is what blocks are made of: float, double, or complex numbers of these.
template <typename T>
void launch_load(Operand operand, const MoveArguments& arguments, LaunchQueue queue);
/// Instead of a load: describes at `to` the arrays that cuFFT then loads itself.
void launch_describe(Operand operand, const MoveArguments& arguments, LaunchQueue queue);
/// Sums are finished as `accumulator`; integer sums are whole numbers in f64.
template <typename T>
void launch_store(Operand operand, const MoveArguments& arguments, DType accumulator,
                  LaunchQueue queue);
/// Between the transforms back and the store.
template <typename T>
void launch_non_finite(Pass pass, const NonFiniteArguments& arguments, LaunchQueue queue);
/// Part is float or double.
template <typename Part>
void launch_product(const ProductArguments& arguments, LaunchQueue queue);

}  // namespace faltung::cuda::fft
