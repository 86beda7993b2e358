#pragma once

#include "cuda/fft/fft_batches.hpp"

/// What a task decides about its runs, before there is a stream.
namespace faltung::cuda::fft {

/// A problem, and all that is decided about its runs.
struct Scheme {
  Problem problem;
  Numbers numbers;
  Geometry geometry;
  FusedLoads fused;
  Batches batches;
  Layout layout;

  [[nodiscard]] Operand result() const { return result_of(problem.pass); }
  [[nodiscard]] DType type_of(Operand operand) const {
    return operand == Operand::x   ? problem.input
           : operand == Operand::w ? problem.filter
                                   : problem.output;
  }
  [[nodiscard]] std::size_t spectra_bytes(std::int64_t arrays) const {
    const std::int64_t points = arrays * spectrum_points(geometry, numbers.complex);
    return static_cast<std::size_t>(points) * 2 * (numbers.wide ? 8 : 4);
  }
  /// Arrays of one digit, or diagonal, of an operand.
  [[nodiscard]] std::int64_t arrays(Operand operand) const {
    const ArrayCounts counts = count_arrays(batches);
    return operand == Operand::x ? counts.x : operand == Operand::y ? counts.y : counts.w;
  }
  /// Spectra of the filters of a section.
  [[nodiscard]] std::size_t section_bytes() const {
    return spectra_bytes(arrays(Operand::w) * parts_of(numbers, Operand::w));
  }
  [[nodiscard]] std::size_t section_number(std::int64_t group, std::int64_t input,
                                           std::int64_t output) const {
    const SectionCounts sections = count_sections(geometry, batches);
    return static_cast<std::size_t>((group * sections.inputs + input) * sections.outputs + output);
  }
  /// Words of marks of a bound filter: one of all of it, then those of its sections. Those that are
  /// summed for one result share them.
  [[nodiscard]] std::size_t bound_mark_words() const {
    const SectionCounts sections = count_sections(geometry, batches);
    return 1 +
           static_cast<std::size_t>(sections.groups * results_of(sections)) * section_mark_words();
  }
  [[nodiscard]] unsigned* bound_marks(unsigned* any, std::int64_t group, std::int64_t input,
                                      std::int64_t output) const {
    const std::int64_t result = problem.pass == Pass::forward ? output : input;
    const std::int64_t number = group * results_of(count_sections(geometry, batches)) + result;
    return any + 1 + static_cast<std::size_t>(number) * section_mark_words();
  }
  [[nodiscard]] std::size_t section_mark_words() const {
    return static_cast<std::size_t>(arrays(Operand::w) * mark_words(geometry));
  }
  /// Sections of results of a group; of forward passes and data gradients.
  [[nodiscard]] std::int64_t results_of(const SectionCounts& sections) const {
    return problem.pass == Pass::forward ? sections.outputs : sections.inputs;
  }
  template <typename F>
  void for_each_section(const F& f) const {
    const SectionCounts sections = count_sections(geometry, batches);
    for (std::int64_t group = 0; group < sections.groups; ++group) {
      for (std::int64_t input = 0; input < sections.inputs; ++input) {
        for (std::int64_t output = 0; output < sections.outputs; ++output) f(group, input, output);
      }
    }
  }
};

/// What a plan keeps of a filter.
struct BoundFilter {
  const std::byte* spectra = nullptr;  ///< section by section
  const void* w = nullptr;             ///< its elements
  unsigned* any = nullptr;             ///< the mark of all of it, behind it those of its sections
};

/// Where a load notes what is not finite.
struct Marks {
  unsigned* any = nullptr;     ///< that there is any
  unsigned* arrays = nullptr;  ///< where
};

}  // namespace faltung::cuda::fft
