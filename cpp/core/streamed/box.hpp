#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <faltung/extents.hpp>
#include <faltung/tensor_view.hpp>

/// Problems that are computed piece by piece, because they do not fit into a device's memory.
namespace faltung::streamed {

/// Elements of one axis in order: `first`, `first + step`, ..., `count` of them. A step of 0
/// repeats one element, -1 goes backwards.
struct Stretch {
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::int64_t step = 1;
  friend bool operator==(const Stretch&, const Stretch&) = default;
};

/// What a piece has of one tensor: a range of each axis, in layout order.
struct Box {
  Extents first;                   ///< index of its first element; unused along `row_axis`
  Shape shape;                     ///< its extents
  std::size_t row_axis = 0;        ///< the axis that `rows` describes
  std::vector<Stretch> rows = {};  ///< shape[row_axis] elements; never empty
  friend bool operator==(const Box&, const Box&) = default;

  [[nodiscard]] std::size_t bytes(DType dtype) const;
};

/// Bytes that lie without gaps both in the tensor that a box is of and in the box, row-major.
struct Run {
  std::ptrdiff_t tensor = 0;  ///< offset from the tensor's element at index (0, 0, ...)
  std::size_t compact = 0;    ///< offset in the box
  std::size_t bytes = 0;
};

/// Walks over a box in row-major order, by the longest runs that there are.
class RunCursor {
 public:
  /// @param strides  of the tensor, in elements of `size` bytes
  RunCursor(const Box& box, const Strides& strides, std::size_t size);

  /// The next run, or as much of it as `limit` bytes hold; none at the end.
  [[nodiscard]] std::optional<Run> next(std::size_t limit);
  /// How many whole runs there are.
  [[nodiscard]] std::int64_t count() const;

 private:
  /// Rows that are walked over at once.
  struct Unit {
    std::int64_t first = 0;
    std::int64_t count = 1;
  };
  void step();

  Extents counts_, index_;
  Strides strides_;
  std::vector<Unit> units_;  ///< along row_axis_, if that is walked over; else empty
  std::size_t row_axis_;
  std::int64_t size_;
  std::int64_t start_ = 0;     ///< offset of the first element
  std::int64_t elements_ = 1;  ///< of a run, of a row of it if there are units
  std::size_t compact_ = 0, inside_ = 0;
  bool more_ = true;
};

/// A box of a tensor of the CPU into compact memory, and back.
void gather(const ConstTensorView& tensor, const Box& box, std::byte* compact);
void scatter(const std::byte* compact, const Box& box, const TensorView& tensor);

/// memcpy for runs, which may be single elements.
void copy_run(std::byte* to, const std::byte* from, std::size_t bytes);

}  // namespace faltung::streamed
