#pragma once

#include "cpp/core/engine.hpp"
#include "cuda/fft/fft_arguments.cuh"
#include "cuda/fft/fft_scheme.hpp"
#include "cuda/fft/plan_pool.hpp"
#include "cuda/primitives/epilogue_lowering.cuh"
#include "cuda/runtime/check.hpp"

namespace faltung::cuda::fft {

/// Puts the work of one run into its stream.
///
/// @tparam T  what blocks are made of: float, double, or complex numbers of these
template <typename T>
class FftRun {
 public:
  /// @param plans  of the stream
  /// @param bound  nothing, if the filter is not
  FftRun(const Scheme& scheme, const RunArguments& arguments, const PlanSet& plans,
         const BoundFilter& bound)
      : s_(scheme),
        arguments_(arguments),
        plans_(plans),
        bound_(bound),
        stream_(static_cast<cudaStream_t>(arguments.stream.handle)) {
    for (const cufft::Plan* plan : {&plans.x, &plans.y, &plans.w}) {
      plan->set(stream_, arguments.workspace + s_.layout.work);
    }
  }

  void run() {
    if (!s_.numbers.integers) clear(any(), s_.layout.work - s_.layout.any);
    if (s_.problem.pass == Pass::backward_filter) {
      run_filter_gradient();
    } else {
      run_sums_of_channels();
    }
  }

  /// The spectra of a section's filters.
  void load_filters(const Section& section, std::byte* spectra, const Marks& marks) const {
    for (std::int64_t first = 0; first < s_.arrays(Operand::w); first += s_.batches.pairs) {
      transform(Operand::w, section, arguments_.second, first, spectra + s_.spectra_bytes(first),
                marks.any == nullptr
                    ? Marks{}
                    : Marks{marks.any, marks.arrays + first * mark_words(s_.geometry)});
    }
  }
  /// Spectra of all filters, as plans keep them.
  void bind(std::byte* spectra, unsigned* any) const {
    if (any != nullptr) clear(any, s_.bound_mark_words() * mark_bytes);
    s_.for_each_section([&](std::int64_t group, std::int64_t input, std::int64_t output) {
      load_filters(
          section_at(s_.batches, group, input, output),
          spectra + s_.section_number(group, input, output) * s_.section_bytes(),
          any == nullptr ? Marks{} : Marks{any, s_.bound_marks(any, group, input, output)});
    });
  }

 private:
  /// A batch of units with a section of channels: what arrays in the workspace were loaded for.
  struct Loaded {
    std::int64_t unit = -1, group = -1, input = -1, output = -1;
    friend bool operator==(const Loaded&, const Loaded&) = default;
  };

  void clear(void* data, std::size_t bytes) const {
    if (bytes == 0) return;
    check(cudaMemsetAsync(data, 0, bytes, stream_), "clear ", bytes, " bytes of the workspace");
  }

  // Forward passes and data gradients: sums over the inputs, or outputs, of a group.
  void run_sums_of_channels() {
    const bool forward = s_.problem.pass == Pass::forward;
    const Operand operand = forward ? Operand::x : Operand::y;
    const SectionCounts sections = count_sections(s_.geometry, s_.batches);
    const std::int64_t results = forward ? sections.outputs : sections.inputs;
    const std::int64_t terms = forward ? sections.inputs : sections.outputs;
    for (std::int64_t first = 0; first < s_.geometry.units(); first += s_.batches.units) {
      for (std::int64_t group = 0; group < sections.groups; ++group) {
        for (std::int64_t result = 0; result < results; ++result) {
          for (std::int64_t term = 0; term < terms; ++term) {
            const std::int64_t input = forward ? term : result, output = forward ? result : term;
            load_units(operand, {first, group, term, term}, {first, group});
            const std::byte* w = filters(group, input, output);
            multiply(section_at(s_.batches, group, input, output), w, term != 0, term + 1 == terms);
          }
          inverse(section_at(s_.batches, group, result, result), first,
                  filter_marks(group, result, result));
        }
      }
    }
  }

  // Sums over units, which go on from batch to batch.
  void run_filter_gradient() {
    s_.for_each_section([&](std::int64_t group, std::int64_t input, std::int64_t output) {
      const Section section = section_at(s_.batches, group, input, output);
      for (std::int64_t first = 0; first < s_.geometry.units(); first += s_.batches.units) {
        load_units(Operand::x, {first, group, input, input}, {0, group, input});
        load_units(Operand::y, {first, group, output, output}, {0, group, 0, output});
        multiply(section, spectra_of(Operand::x), first != 0,
                 first + s_.batches.units >= s_.geometry.units());
      }
      clear_padding();
      for (std::int64_t pair = 0; pair < s_.arrays(Operand::w); pair += s_.batches.pairs) {
        inverse(section, pair, marks_of(Operand::y));
      }
    });
  }

  // Spectra past the last filter of a section, which are transformed but not stored.
  void clear_padding() const {
    const Batches& b = s_.batches;
    const std::int64_t filters = b.groups * b.inputs * b.outputs, all = s_.arrays(Operand::w);
    const std::size_t bytes = s_.spectra_bytes(all - filters);
    for (std::int64_t d = 0; d < s_.numbers.digits.diagonals(); ++d) {
      clear(spectra_of(Operand::w) + s_.spectra_bytes(d * all + filters), bytes);
    }
  }

  [[nodiscard]] const cufft::Plan& plan(Operand operand) const {
    return operand == Operand::x ? plans_.x : operand == Operand::y ? plans_.y : plans_.w;
  }
  [[nodiscard]] std::byte* spectra_of(Operand operand) const {
    return arguments_.workspace + (operand == Operand::x   ? s_.layout.x
                                   : operand == Operand::y ? s_.layout.y
                                                           : s_.layout.w);
  }
  [[nodiscard]] std::byte* points() const { return arguments_.workspace + s_.layout.points; }

  [[nodiscard]] unsigned* marks_of(Operand operand) const {
    return reinterpret_cast<unsigned*>(arguments_.workspace +
                                       (operand == Operand::x   ? s_.layout.x_marks
                                        : operand == Operand::y ? s_.layout.y_marks
                                                                : s_.layout.w_marks));
  }
  [[nodiscard]] unsigned* any() const {
    return reinterpret_cast<unsigned*>(arguments_.workspace + s_.layout.any);
  }
  [[nodiscard]] unsigned* filter_marks(std::int64_t group, std::int64_t input,
                                       std::int64_t output) const {
    return bound_.any == nullptr ? marks_of(Operand::w)
                                 : s_.bound_marks(bound_.any, group, input, output);
  }

  static Global<const unsigned char> readable(const void* data) {
    return Global<const unsigned char>(static_cast<const unsigned char*>(data));
  }
  static Global<unsigned char> writable(void* data) {
    return Global<unsigned char>(static_cast<unsigned char*>(data));
  }

  [[nodiscard]] MoveArguments moved(Operand operand, const Section& section,
                                    std::int64_t first) const {
    MoveArguments a;
    a.geometry = s_.geometry;
    a.section = section;
    a.first = first;
    a.count = operand == Operand::w ? s_.batches.pairs : s_.batches.units;
    return a;
  }

  // The spectra of one batch of an operand, digit by digit.
  void transform(Operand operand, const Section& section, const void* data, std::int64_t first,
                 std::byte* spectra, const Marks& marks) const {
    const Problem& p = s_.problem;
    MoveArguments a = moved(operand, section, first);
    a.from = readable(data);
    a.type = s_.type_of(operand);
    a.any = Global<unsigned>(marks.any);
    a.marks = Global<unsigned>(marks.arrays);
    a.integers = is_integer(p.accumulator);
    const auto parts = static_cast<int>(parts_of(s_.numbers, operand));
    const bool fused = s_.fused.has(operand);
    std::byte* const input = fused ? arguments_.workspace + s_.layout.fused : points();
    a.to = writable(input);
    for (int i = 0; i < parts; ++i) {
      a.digit = {i, parts, s_.numbers.digits};
      if (fused) {
        launch_describe(operand, a, stream_);
      } else {
        launch_load<T>(operand, a, stream_);
      }
      plan(operand).run(input, spectra + s_.spectra_bytes(i * s_.arrays(operand)),
                        cufft::Direction::forward);
    }
  }

  // Before a load: what is loaded for one result, in several steps, shares marks.
  void keep_marks(Operand operand, const Loaded& result) {
    Loaded& before = marked_[static_cast<std::size_t>(operand)];
    if (before != result && before != Loaded{} && !s_.numbers.integers) {
      clear(marks_of(operand),
            static_cast<std::size_t>(s_.arrays(operand) * mark_words(s_.geometry)) * mark_bytes);
    }
    before = result;
  }

  // Of x or y, unless they are there from the step before.
  //
  // result  those that are loaded for one result have in common
  void load_units(Operand operand, const Loaded& wanted, const Loaded& result) {
    Loaded& there = operand == Operand::x ? x_ : y_;
    if (there == wanted) return;
    there = wanted;
    keep_marks(operand, result);
    const bool is_second = operand == Operand::y && s_.problem.pass == Pass::backward_filter;
    transform(operand, section_at(s_.batches, wanted.group, wanted.input, wanted.output),
              is_second ? arguments_.second : arguments_.first, wanted.unit, spectra_of(operand),
              {any(), marks_of(operand)});
  }

  // The spectra of a section's filters: those that are bound, or from the step before, or loaded.
  const std::byte* filters(std::int64_t group, std::int64_t input, std::int64_t output) {
    if (bound_.spectra != nullptr) {
      return bound_.spectra + s_.section_number(group, input, output) * s_.section_bytes();
    }
    const Loaded wanted{0, group, input, output};
    if (w_ != wanted) {
      const bool forward = s_.problem.pass == Pass::forward;
      keep_marks(Operand::w, {0, group, forward ? 0 : input, forward ? output : 0});
      load_filters(section_at(s_.batches, group, input, output), spectra_of(Operand::w),
                   {any(), marks_of(Operand::w)});
    }
    w_ = wanted;
    return spectra_of(Operand::w);
  }

  // Of one batch of units, diagonal by diagonal; see ProductArguments.
  void multiply(const Section& section, const std::byte* b_spectra, bool add, bool last) const {
    const Pass pass = s_.problem.pass;
    const std::int64_t in = section.inputs, out = section.outputs;
    const std::int64_t inputs = section.groups * in, outputs = section.groups * out;
    ProductArguments a;
    a.points = spectrum_points(s_.geometry, s_.numbers.complex);
    a.add = add;
    a.scale = last ? 1 / static_cast<double>(s_.geometry.points) : 1;
    a.conjugate_b = pass != Pass::forward;
    a.groups = section.groups;
    a.rows = s_.batches.units;
    if (pass == Pass::forward) {  // y[unit, k] = sum over c
      a.columns = out;
      a.terms = in;
      a.a_at = {in, inputs, 1};
      a.b_at = {out * in, in, 1};
      a.sum_at = {out, outputs, 1};
    } else if (pass == Pass::backward_data) {  // x[unit, c] = sum over k
      a.columns = in;
      a.terms = out;
      a.a_at = {out, outputs, 1};
      a.b_at = {out * in, 1, in};
      a.sum_at = {in, inputs, 1};
    } else {  // w[k, c] = sum over units
      a.rows = out;
      a.columns = in;
      a.terms = s_.batches.units;
      a.a_at = {out, 1, outputs};
      a.b_at = {in, 1, inputs};
      a.sum_at = {out * in, in, 1};
    }
    multiply_digits(a, b_spectra);
  }

  void multiply_digits(ProductArguments a, const std::byte* b_spectra) const {
    const Pass pass = s_.problem.pass;
    const Operand first = pass == Pass::forward ? Operand::x : Operand::y;
    const Operand second = pass == Pass::backward_filter ? Operand::x : Operand::w;
    const std::int64_t first_parts = parts_of(s_.numbers, first),
                       second_parts = parts_of(s_.numbers, second);
    a.a_at.digit = s_.arrays(first);
    a.b_at.digit = -s_.arrays(second);
    for (std::int64_t d = 0; d < s_.numbers.digits.diagonals(); ++d) {
      const std::int64_t from = std::max<std::int64_t>(0, d - second_parts + 1);
      a.digits = static_cast<int>(std::min(d, first_parts - 1) - from + 1);
      a.a = readable(spectra_of(first) + s_.spectra_bytes(from * s_.arrays(first)));
      a.b = readable(b_spectra + s_.spectra_bytes((d - from) * s_.arrays(second)));
      a.sum = writable(spectra_of(s_.result()) + s_.spectra_bytes(d * s_.arrays(s_.result())));
      if constexpr (is_complex_value<T>) {
        launch_product<typename T::Part>(a, stream_);
      } else {
        launch_product<T>(a, stream_);
      }
    }
  }

  // What sums of a batch of the result lack, because blocks have zeros for it.
  void add_non_finite(const MoveArguments& result, const unsigned* other_marks) const {
    const Pass pass = s_.problem.pass;
    const auto marks = [](const unsigned* words) { return Global<const unsigned>(words); };
    NonFiniteArguments a;
    a.move = result;
    a.move.to = writable(points());
    a.x_type = s_.type_of(Operand::x);
    a.w_type = s_.type_of(Operand::w);
    a.y_type = s_.type_of(Operand::y);
    const void* second = bound_.w != nullptr ? bound_.w : arguments_.second;
    if (pass == Pass::backward_data) {
      a.y = readable(arguments_.first);
      a.w = readable(second);
    } else {
      a.x = readable(arguments_.first);
      (pass == Pass::forward ? a.w : a.y) = readable(second);
    }
    a.units = s_.batches.units;
    a.data_marks = marks(marks_of(pass == Pass::backward_data ? Operand::y : Operand::x));
    a.other_marks = marks(other_marks);
    a.any = marks(any());
    a.other_any = marks(bound_.any != nullptr ? bound_.any : any());
    launch_non_finite<T>(pass, a, stream_);
  }

  // One batch of the result, from its spectra, which the transform may destroy.
  void inverse(const Section& section, std::int64_t first, const unsigned* other_marks) const {
    const Operand operand = s_.result();
    MoveArguments a = moved(operand, section, first);
    a.from = readable(points());
    a.to = writable(arguments_.result);
    a.type = s_.problem.result_dtype();
    a.epilogue = epilogue_arguments(s_.problem);
    a.epilogue.bias = readable(arguments_.bias);
    a.diagonals = s_.numbers.digits.diagonals();
    a.bits = s_.numbers.digits.bits;
    a.arrays = arrays_of(operand, a);
    // Of filters a batch is a part of a section.
    const std::int64_t begin = operand == Operand::w ? first : 0;
    for (std::int64_t d = 0; d < a.diagonals; ++d) {
      std::byte* to =
          points() + static_cast<std::size_t>(d * a.arrays * s_.geometry.points) * sizeof(T);
      plan(operand).run(spectra_of(operand) + s_.spectra_bytes(d * s_.arrays(operand) + begin), to,
                        cufft::Direction::inverse);
    }
    if (!s_.numbers.integers) add_non_finite(a, other_marks);
    launch_store<T>(operand, a, s_.problem.accumulator, stream_);
  }

  const Scheme& s_;
  const RunArguments& arguments_;
  const PlanSet& plans_;
  BoundFilter bound_;
  cudaStream_t stream_;
  Loaded x_, y_, w_;
  Loaded marked_[3];  // by operand
};

}  // namespace faltung::cuda::fft
