#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "cpp/cpu/direct/boxes/box_loader.hpp"
#include "cpp/cpu/direct/boxes/box_task.hpp"
#include "cpp/cpu/direct/stencil/stencil_kernel.hpp"
#include "cpp/cpu/packed_filter.hpp"

namespace faltung::direct {

/// The type whose vectors hold sums of Values: the real type, with a sign if it is an integer.
template <typename Value>
struct VectorPart {
  using type = Value;
};
template <typename Real>
struct VectorPart<std::complex<Real>> {
  using type = Real;
};
template <>
struct VectorPart<std::uint32_t> {
  using type = std::int32_t;
};

/// The order in which a sum runs over the taps of three axes, whose last lies along the vectors.
enum class TapOrder : std::uint8_t {
  axes,        ///< that of the axes
  last_first,  ///< last, first, second
  last_second  ///< first, last, second
};

/// A forward problem of at most three axes whose sums the vector kernel forms: box by box, each in
/// one thread. A complex sum is two real ones over the interleaved parts, one with the real and one
/// with the imaginary parts of the filter.
///
/// Value is what the kernel multiplies. Pairs are neighbouring taps, of integers of at most 16 bits
/// whose sums wrap at 32: one instruction multiplies both, exactly. A filter with values beyond 16
/// bits, which only wider types can hold, goes to the task for single ones.
template <typename Value>
class StencilTask final : public BoxTask {
 public:
  /// Whether this task can serve the problem, on the instruction set in use.
  [[nodiscard]] static bool serves(const Problem& p);

  explicit StencilTask(const Problem& problem) : StencilTask(problem, problem, TapOrder::axes) {}
  /// @param given  the same problem with its axes in the order in which sums run over their taps;
  ///               if that is not the problem's: no pairs, no complex sums, and none in blocks
  StencilTask(const Problem& problem, const Problem& given, TapOrder order);
  [[nodiscard]] std::string policy() const override;

 private:
  using Acc = typename ValueTraits<Value>::Sum;
  using Element = typename ValueTraits<Value>::Element;
  using Part = typename VectorPart<Value>::type;
  using Loader = BoxLoader<Element>;
  static constexpr bool complex = is_complex_value<Acc>;
  static constexpr bool pairs = std::is_same_v<Value, Int16Pair>;
  static constexpr std::int64_t parts = complex ? 2 : 1;

  void find_planes();
  void find_blocks();
  [[nodiscard]] const void* make_weights(const void* w, void* to, std::byte* workspace,
                                         int threads) const override;
  bool make_pairs(const Acc* filter, Int16Pair* to) const;
  bool compute(const RunArguments& arguments) const override;
  void compute_box(const RunArguments& arguments, const Value* weights, const Work& work) const;
  void sum_rows(const RunArguments& arguments, const Value* weights, const Work& work,
                std::int64_t k, std::int64_t z, std::int64_t y, std::int64_t rows) const;
  /// All sums of some rows, block by block.
  void sum(const StencilRows<Part>& rows, const Work& work) const;
  void sum_complex_row(StencilRows<Part> rows, const Work& work, const Value* weights,
                       Acc* sums) const;

  TapOrder order_;
  FilterPacker<Acc> packer_;
  Loader loader_;
  ResultRows<Acc> result_;
  StencilKernel<Part> kernel_;
  std::int64_t row_values_, values_;            // weights of a row of taps, and of one filter
  std::int64_t shared_rows_;                    // output rows of one call of the kernel
  std::vector<std::int64_t> planes_, offsets_;  // see StencilRows
  std::vector<std::int64_t> plane_ends_;        // of the blocks of a sum
  Extents steps_;                               // of these, see sum_steps
  bool one_block_ = true;
  bool in_order_;          // see order.hpp
  Piece<Acc> filter_;      // of which pairs are made
  Piece<Element> buffer_;  // this and all that follow: within a slot
  Piece<typename Loader::Segment> segments_;
  Piece<Acc> sums_;
  Piece<Part> parts_;
  Piece<typename ValueTraits<Part>::Sum> block_sums_;
};

}  // namespace faltung::direct
