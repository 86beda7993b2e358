#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <faltung/extents.hpp>
#include "tests/surface/case.hpp"

namespace faltung::test::surface {

/// What all generators draw. Whether a case has extreme values is one draw for all its operands.
class Draw {
 public:
  explicit Draw(Random& random) : random_(random), extreme_(random.chance(3)) {}

  [[nodiscard]] bool is_extreme() const { return extreme_; }
  std::string fill();
  DType any_type();
  DType real_float();
  DType real_type();  ///< not complex
  /// The same type twice, or two that meet without losing 64-bit integers.
  std::pair<DType, DType> pair();

  /// TYPE:SHAPE:FILL, one in three with a view. Written views never show an element twice.
  std::string operand(DType type, const Shape& shape, const std::string& fill,
                      bool written = false);
  std::string operand(DType type, const Shape& shape) { return operand(type, shape, fill()); }

  /// The same, compact.
  std::string compact(DType type, const Shape& shape, const std::string& fill);

  /// Boundaries whose values every type has, if `whole`.
  std::string boundary(bool whole);
  std::string boundaries(std::size_t count, bool whole);
  void method(Case& c, bool fft_too = true);
  void store(Case& c);

 private:
  Random& random_;
  bool extreme_;
};

[[nodiscard]] std::string shape_text(const Shape& shape);
/// Some of the axes, in any order, some counted from the last.
[[nodiscard]] std::vector<std::int64_t> some_axes(Random& random, std::size_t rank,
                                                  std::size_t count);

}  // namespace faltung::test::surface
