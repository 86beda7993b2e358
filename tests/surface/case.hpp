#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <faltung/boundary.hpp>
#include <faltung/dtype.hpp>
#include <faltung/extents.hpp>
#include <faltung/method.hpp>
#include <faltung/tensor_view.hpp>

namespace faltung::test::surface {

/// One call of the library as one line of text: the front end, then its options and operands in any
/// order. The line holds all there is, so it stays repeatable when the generators change:
///
///     signal.convolve seed=7 x=f32:3x4:reals k=f32:2x2:special:2,-1/1,0 mode=same
class Case {
 public:
  explicit Case(std::string front) : front_(std::move(front)) {}
  static Case parse(std::string_view line);

  [[nodiscard]] const std::string& front() const { return front_; }
  Case& set(std::string_view key, std::string value);
  Case& set(std::string_view key, std::int64_t value);
  Case& set(std::string_view key, const std::vector<std::int64_t>& values);  ///< "1,2,-3"

  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] std::string text(std::string_view key, std::string_view missing = "") const;
  [[nodiscard]] std::int64_t number(std::string_view key, std::int64_t missing = 0) const;
  [[nodiscard]] double real(std::string_view key, double missing = 0) const;
  [[nodiscard]] std::vector<std::int64_t> numbers(std::string_view key) const;
  [[nodiscard]] std::vector<double> reals(std::string_view key) const;
  [[nodiscard]] std::optional<DType> type(std::string_view key) const;
  [[nodiscard]] std::vector<Boundary> boundaries(std::string_view key) const;  ///< "wrap|zero"
  [[nodiscard]] Method method() const;
  [[nodiscard]] std::uint64_t seed(std::string_view key) const;  ///< of the data of one operand

  [[nodiscard]] std::string to_string() const;

 private:
  std::string front_;
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// Random numbers that are the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t bits();
  std::int64_t between(std::int64_t low, std::int64_t high);
  bool chance(std::int64_t one_in) { return between(1, one_in) == 1; }
  template <typename T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[static_cast<std::size_t>(
        between(0, static_cast<std::int64_t>(values.size()) - 1))];
  }

 private:
  std::uint64_t state_;
};

/// A number as the definition sees it: long double holds every element type exactly. `error` says
/// how far the library's own number may be from it, where that is not an operand.
struct Value {
  long double re = 0;
  long double im = 0;
  long double error = 0;
  int low = -(1 << 18);  ///< the number is a multiple of 2^low
};
[[nodiscard]] long double magnitude(const Value& value);
[[nodiscard]] bool is_finite(const Value& value);
/// A number as an element of `type` has it.
[[nodiscard]] Value rounded(DType type, std::complex<double> value);
/// The largest finite number of a floating type, or of the parts of a complex one.
[[nodiscard]] long double largest(DType type);

/// Elements in row-major order.
struct Grid {
  Shape shape;
  std::vector<Value> values;
};
[[nodiscard]] Grid read(const ConstTensorView& view);
/// The same elements with axis i being axis order[i] of before.
[[nodiscard]] Grid permuted(const Grid& grid, const std::vector<std::size_t>& order);
[[nodiscard]] bool all_finite(const Grid& grid);

/// An operand or a result in memory of its own, whose gaps hold 0xff (NaN, in floating types).
///
/// Its text is TYPE:SHAPE:FILL[:STEPS/ORDER]. STEPS are the elements' distances along each axis, in
/// units of a compact tensor, negative for backwards and 0 for one element everywhere; ORDER lists
/// the axes from the slowest to the fastest. Fills: see `draw` in case.cpp.
class Operand {
 public:
  Operand(const Case& from, std::string_view key);
  Operand(DType type, const Shape& shape, const Strides& strides, std::string_view fill,
          std::uint64_t seed);

  [[nodiscard]] TensorView view() const;
  [[nodiscard]] const Grid& grid() const { return grid_; }  ///< as it was filled
  [[nodiscard]] DType type() const { return type_; }
  [[nodiscard]] const Shape& shape() const { return shape_; }
  /// Whether all bytes between the elements are still those of before.
  [[nodiscard]] bool gaps_are_intact() const;

 private:
  void allocate(std::string_view fill, std::uint64_t seed);
  DType type_;
  Shape shape_;
  Strides strides_;
  std::vector<std::byte> memory_;
  std::int64_t first_ = 0;  ///< elements from the start of the memory to index 0
  Grid grid_;
};

}  // namespace faltung::test::surface
