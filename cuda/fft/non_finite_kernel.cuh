#pragma once

#include "cuda/fft/sum_class.cuh"
#include "cuda/primitives/definition.cuh"
#include "cuda/primitives/element.cuh"

/// NaN and infinity where the definition has them: blocks are transformed with zeros in place of
/// numbers that are not finite; here sums that meet one get what its products make of them.
namespace faltung::cuda::fft {

inline constexpr int lanes = 32;
inline constexpr unsigned full_warp = ~0u;
/// Terms along the last axis of which one look at the marks says whether any is not finite.
inline constexpr std::int64_t term_tile = 512;
/// Results that a block of threads takes at a time. Taps are few and their terms many.
template <Pass pass>
inline constexpr std::int64_t results_of_block =
    pass == Pass::backward_filter ? threads / lanes : threads;

/// A product of a sum: along an axis, x at a position of the extended input, a tap, an output.
struct Term {
  std::int64_t position = 0, tap = 0, output = 0;
  bool there = true;
};

/// Term `t` of a result along an axis.
///
/// @param fixed  the result's own: an output, a position, or a tap
/// @param first  output of a block, where terms are outputs
template <Pass pass>
FALTUNG_HOST_DEVICE constexpr Term term_at(const AxisGeometry& axis, std::int64_t fixed,
                                           std::int64_t first, std::int64_t t) {
  if constexpr (pass == Pass::forward) {
    return {fixed * axis.stride + t * axis.dilation, t, fixed};
  } else if constexpr (pass == Pass::backward_data) {
    const std::int64_t distance = fixed - t * axis.dilation;
    const std::int64_t o = distance / axis.stride;
    return {fixed, t, o, distance >= 0 && o * axis.stride == distance && o < axis.output};
  } else {
    return {(first + t) * axis.stride + fixed * axis.dilation, fixed, first + t};
  }
}

/// Points of an axis at which the factors of term t stand: begin + t step. The first factor is of x
/// or dy, the other one a tap, or of dy.
struct TermLine {
  std::int64_t fixed = 0, first = 0, count = 0;
  std::int64_t data = 0, data_step = 0, other = 0, other_step = 0;
  std::int64_t room = 0;  ///< points of the first factor's block that hold anything
};

template <Pass pass>
__device__ __forceinline__ TermLine term_line(const AxisGeometry& axis, const BlockAxis& block,
                                              std::int64_t tile, std::int64_t fixed) {
  const std::int64_t begin = begin_of(block, tile), last = reach(axis) - 1;
  TermLine line{.fixed = fixed};
  if constexpr (pass == Pass::forward) {
    line.count = axis.filter;
    line.data = fixed * axis.stride - begin;
    line.data_step = axis.dilation;
    line.room = window(axis, block, tile);
  } else if constexpr (pass == Pass::backward_data) {
    line.count = axis.filter;
    line.data = last + fixed - begin;
    line.data_step = -axis.dilation;
    line.room = block.length;
  } else {
    const BlockOutputs outputs = outputs_of(axis, block, tile);
    line.first = outputs.first;
    line.count = outputs.count;
    line.data = outputs.first * axis.stride + fixed * axis.dilation - begin;
    line.data_step = axis.stride;
    line.room = window(axis, block, tile);
    line.other = outputs.place;
    line.other_step = axis.stride;
    return line;
  }
  line.other = last;
  line.other_step = -axis.dilation;
  return line;
}

/// Channels of x, of y and of a filter, and the arrays whose marks tell of a result's terms.
struct TermSource {
  std::int64_t unit = 0, input = 0, output = 0;  ///< the input is that of its group
  std::int64_t data = 0, other = 0;              ///< arrays
};

/// What the terms of one result make of its sum, by a warp.
template <typename T, Pass pass>
class TermSum {
 public:
  __device__ __forceinline__ TermSum(const NonFiniteArguments& a, std::int64_t group)
      : a_(a), g_(a.move.geometry), group_(group) {}

  /// Adds all terms of a source of which a factor is not finite.
  __device__ void add(const TermSource& source, const std::int64_t (&fixed)[max_rank]) {
    const Unit unit = unit_at(g_, source.unit);
    TermLine line[max_rank];
#pragma unroll
    for (int i = 0; i < max_rank; ++i) {
      line[i] = term_line<pass>(g_.axis[i], g_.block[i], unit.tile[i], fixed[i]);
    }
    image_ = unit.x + (group_ * g_.group_inputs + source.input) * g_.x_channel;
    outputs_ = unit.y + source.output * g_.y_channel;
    taps_ = g_.w_origin + source.output * g_.w_output + source.input * g_.w_input;
    for (std::int64_t t0 = 0; t0 < line[0].count; ++t0) {
      Row slice;
      if (!enter<0>(line[0], t0, slice)) continue;
      for (std::int64_t t1 = 0; t1 < line[1].count; ++t1) {
        Row row = slice;
        if (!enter<1>(line[1], t1, row)) continue;
        for (std::int64_t t = 0; t < line[2].count; t += term_tile) {
          add_tile(source, line[2], row, t, min(t + term_tile, line[2].count));
          if (is_settled()) return;
        }
      }
    }
  }
  /// Whether no further term changes the sum. The same in all lanes.
  __device__ __forceinline__ bool is_settled() const {
    return faltung::cuda::fft::is_settled<T>(classes_);
  }
  [[nodiscard]] __device__ __forceinline__ unsigned classes() const { return classes_; }

 private:
  /// What the slower axes say of a term: where x stands, offsets of tap and output, and rows of
  /// points in the blocks of both factors.
  struct Row {
    Place place;
    std::int64_t tap = 0, output = 0, data = 0, other = 0;
  };

  // One axis further; false if nothing stands there.
  template <int i>
  __device__ __forceinline__ bool enter(const TermLine& line, std::int64_t t, Row& row) const {
    const AxisGeometry& axis = g_.axis[i];
    const Term term = term_at<pass>(axis, line.fixed, line.first, t);
    const std::int64_t data = line.data + t * line.data_step;
    if (!term.there || data < 0 || data >= line.room) return false;
    row.place = place_along(axis, row.place, term.position - axis.pad_lo);
    row.tap += term.tap * axis.w_stride;
    row.output += term.output * axis.y_stride;
    row.data = row.data * g_.block[i].length + data;
    row.other = row.other * g_.block[i].length + line.other + t * line.other_step;
    return true;
  }

  // Whether points [from, to] of an array are marked.
  __device__ __forceinline__ bool is_marked(Global<const unsigned> marks, std::int64_t array,
                                            std::int64_t from, std::int64_t to) const {
    const std::int64_t begin = array * mark_words(g_);
    bool found = false;
    for (std::int64_t c = from / chunk + threadIdx.x % lanes; c <= to / chunk; c += lanes) {
      found = found || marks[begin + c] != 0;
    }
    return __any_sync(full_warp, found) != 0;
  }

  __device__ __forceinline__ void add_tile(const TermSource& source, const TermLine& line,
                                           const Row& row, std::int64_t from, std::int64_t to) {
    const std::int64_t length = g_.block[2].length;
    const auto ends = [&](std::int64_t begin, std::int64_t step, std::int64_t room,
                          std::int64_t& low, std::int64_t& high) {
      const std::int64_t a = begin + from * step, b = begin + (to - 1) * step;
      low = max(min(a, b), std::int64_t{0});
      high = min(max(a, b), room - 1);
      return low <= high;
    };
    std::int64_t low = 0, high = 0;
    if (!ends(line.data, line.data_step, line.room, low, high)) return;
    bool wanted =
        is_marked(a_.data_marks, source.data, row.data * length + low, row.data * length + high);
    if (!wanted && ends(line.other, line.other_step, length, low, high)) {
      wanted = is_marked(a_.other_marks, source.other, row.other * length + low,
                         row.other * length + high);
    }
    if (!wanted) return;
    unsigned found = 0;
    for (std::int64_t t = from + threadIdx.x % lanes; t < to; t += lanes) {
      found |= class_of_term(line, row, t);
    }
    for (int distance = lanes / 2; distance > 0; distance /= 2) {
      found |= __shfl_xor_sync(full_warp, found, distance);
    }
    classes_ |= found;
  }

  // Of a product without such a factor there is none.
  __device__ __forceinline__ unsigned class_of_term(const TermLine& line, const Row& row,
                                                    std::int64_t t) const {
    Row end = row;
    if (!enter<2>(line, t, end)) return 0;
    if constexpr (pass != Pass::backward_data) {
      if (end.place.what == Stands::nothing || end.place.what == Stands::between) return 0;
    }
    const auto x = [&] { return value_at<T>(a_.x, a_.x_type, end.place, image_); };
    const auto w = [&] { return load_element<T>(a_.w, a_.w_type, taps_ + end.tap); };
    const auto y = [&] { return load_element<T>(a_.y, a_.y_type, outputs_ + end.output); };
    T first, second;
    if constexpr (pass == Pass::forward) {
      first = x();
      second = conjugate_if(w(), g_.conjugate);
    } else if constexpr (pass == Pass::backward_data) {
      first = y();
      second = conjugate_if(w(), !g_.conjugate);
    } else {
      first = y();
      second = conjugate_if(x(), true);
    }
    return class_of_product(first, second);
  }

  const NonFiniteArguments& a_;
  const Geometry& g_;
  std::int64_t group_;
  std::int64_t image_ = 0, outputs_ = 0, taps_ = 0;
  unsigned classes_ = 0;
};

/// The sources of the results of one array: a channel each, or a unit.
template <Pass pass>
class TermSources {
 public:
  /// @param array  of the result, in its batch
  __device__ __forceinline__ TermSources(const NonFiniteArguments& a, const Member& member,
                                         std::int64_t array)
      : a_(a), g_(a.move.geometry), member_(member) {
    const Section& s = a.move.section;
    if constexpr (pass == Pass::backward_data) {
      const Quotient at = divide(member.input, g_.group_inputs);
      group = at.whole;
      input_ = at.rest;
      in_section_ = input_ - s.input;
    } else {
      const Quotient at = divide(member.output, g_.group_outputs);
      group = at.whole;
      input_ = member.input;
      in_section_ = at.rest - s.output;
    }
    in_section_group_ = group - s.group;
    unit_in_batch_ = pass == Pass::backward_filter
                         ? 0
                         : array / channels_of(pass == Pass::forward ? Operand::y : Operand::x, s);
  }

  [[nodiscard]] __device__ __forceinline__ std::int64_t count() const {
    return pass == Pass::forward         ? g_.group_inputs
           : pass == Pass::backward_data ? g_.group_outputs
                                         : g_.units();
  }
  __device__ __forceinline__ TermSource operator[](std::int64_t i) const {
    const Section& s = a_.move.section;
    const std::int64_t inputs = channels_of(Operand::x, s), outputs = channels_of(Operand::y, s);
    const auto pair = [&](std::int64_t output, std::int64_t input) {
      return (in_section_group_ * s.outputs + output) * s.inputs + input;
    };
    if constexpr (pass == Pass::forward) {
      const std::int64_t term = i % s.inputs;
      return {member_.unit, i, member_.output,
              unit_in_batch_ * inputs + in_section_group_ * s.inputs + term,
              pair(in_section_, term)};
    } else if constexpr (pass == Pass::backward_data) {
      const std::int64_t term = i % s.outputs;
      return {member_.unit, input_, group * g_.group_outputs + i,
              unit_in_batch_ * outputs + in_section_group_ * s.outputs + term,
              pair(term, in_section_)};
    } else {
      const std::int64_t unit = i % a_.units;
      return {i, input_, member_.output,
              unit * inputs + in_section_group_ * s.inputs + (input_ - s.input),
              unit * outputs + in_section_group_ * s.outputs + in_section_};
    }
  }
  /// Whether a factor of any term of a source is not finite.
  [[nodiscard]] __device__ __forceinline__ bool is_marked(std::int64_t i) const {
    const TermSource source = (*this)[i];
    const std::int64_t words = mark_words(g_);
    return a_.data_marks[source.data * words + words - 1] != 0 ||
           a_.other_marks[source.other * words + words - 1] != 0;
  }

  std::int64_t group = 0;

 private:
  const NonFiniteArguments& a_;
  const Geometry& g_;
  const Member& member_;
  std::int64_t input_ = 0;  // of its group
  std::int64_t in_section_ = 0, in_section_group_ = 0, unit_in_batch_ = 0;
};

/// Results of a block along an axis, at most.
template <Pass pass>
FALTUNG_HOST_DEVICE constexpr std::int64_t result_extent(const Geometry& g, int i) {
  const BlockAxis& block = g.block[i];
  return pass == Pass::forward         ? block.tile
         : pass == Pass::backward_data ? (block.length < block.step ? block.length : block.step)
                                       : g.axis[i].filter;
}
template <Pass pass>
FALTUNG_HOST_DEVICE constexpr std::int64_t result_count(const Geometry& g) {
  std::int64_t count = 1;
  for (int i = 0; i < max_rank; ++i) count *= result_extent<pass>(g, i);
  return count;
}

/// Where number `at` of them stands along an axis, and at which point; false if there is none.
template <Pass pass>
__device__ __forceinline__ bool result_at(const AxisGeometry& axis, const BlockAxis& block,
                                          std::int64_t tile, std::int64_t at, std::int64_t& fixed,
                                          std::int64_t& point) {
  if constexpr (pass == Pass::forward) {
    const BlockOutputs outputs = outputs_of(axis, block, tile);
    fixed = outputs.first + at;
    point = outputs.place + at * axis.stride;
    return at < outputs.count;
  } else if constexpr (pass == Pass::backward_data) {
    fixed = begin_of(block, tile) + at;
    point = at;
    return fixed < block.end;
  } else {
    fixed = at;
    point = reach(axis) - 1 - at * axis.dilation;
    return true;
  }
}

/// One result, by a warp.
///
/// @param number  of the result in its block
template <typename T, Pass pass>
__device__ __forceinline__ void mark_result(const NonFiniteArguments& a,
                                            const TermSources<pass>& sources, const Unit& unit,
                                            std::int64_t array, std::int64_t number) {
  const Geometry& g = a.move.geometry;
  std::int64_t fixed[max_rank] = {};
  std::int64_t point = array * g.points, scale = 1;
#pragma unroll
  for (int i = max_rank - 1; i >= 0; --i) {
    const Quotient at = divide(number, result_extent<pass>(g, i));
    number = at.whole;
    std::int64_t along = 0;
    if (!result_at<pass>(g.axis[i], g.block[i], unit.tile[i], at.rest, fixed[i], along)) return;
    point += along * scale;
    scale *= g.block[i].length;
  }
  TermSum<T, pass> sum(a, sources.group);
  const int lane = static_cast<int>(threadIdx.x % lanes);
  for (std::int64_t first = 0; first < sources.count() && !sum.is_settled(); first += lanes) {
    const std::int64_t own = first + lane;
    const bool marked = own < sources.count() && sources.is_marked(own);
    for (unsigned left = __ballot_sync(full_warp, marked); left != 0 && !sum.is_settled();
         left &= left - 1) {
      sum.add(sources[first + __ffs(static_cast<int>(left)) - 1], fixed);
    }
  }
  if (lane == 0 && sum.classes() != 0)
    a.move.to.template as<T>()[point] = value_of<T>(sum.classes());
}

/// Writes into blocks, between the transforms back and the store, the sums that are not finite.
/// Does nothing where a run met no such number.
///
///   grid    x: results of one array, array after array, as often as needed
///   block   threads: a warp takes a result
template <typename T, Pass pass>
__global__ void __launch_bounds__(threads, 1)
    non_finite_kernel(const __grid_constant__ NonFiniteArguments a) {
  if (a.any[0] == 0 && a.other_any[0] == 0) return;
  constexpr Operand operand = pass == Pass::forward         ? Operand::y
                              : pass == Pass::backward_data ? Operand::x
                                                            : Operand::w;
  constexpr std::int64_t at_once = results_of_block<pass>;
  const Geometry& g = a.move.geometry;
  const std::int64_t results = result_count<pass>(g);
  const std::int64_t parts = (results + at_once - 1) / at_once;
  for (std::int64_t number = blockIdx.x; number < arrays_of(operand, a.move) * parts;
       number += gridDim.x) {
    const Quotient at = divide(number, parts);
    const Member member = member_of<operand>(a.move, at.whole);
    if (!member.there) continue;
    const TermSources<pass> sources(a, member, at.whole);
    bool marked = false;
    for (std::int64_t i = threadIdx.x; i < sources.count() && !marked; i += threads) {
      marked = sources.is_marked(i);
    }
    if (__syncthreads_or(marked) == 0) continue;
    const Unit unit = unit_at(g, member.unit);
    const std::int64_t end = min((at.rest + 1) * at_once, results);
    for (std::int64_t i = at.rest * at_once + threadIdx.x / lanes; i < end; i += threads / lanes) {
      mark_result<T, pass>(a, sources, unit, at.whole, i);
    }
  }
}

}  // namespace faltung::cuda::fft
