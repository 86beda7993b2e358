#pragma once

#include <cstdint>
#include <string>

#include "cpp/cpu/direct/boxes/box_loader.hpp"
#include "cpp/cpu/direct/boxes/box_task.hpp"
#include "cpp/cpu/direct/separable/separable_factors.hpp"
#include "cpp/cpu/direct/separable/separable_policy.hpp"
#include "cpp/cpu/direct/stencil/stencil_task.hpp"
#include "cpp/cpu/packed_filter.hpp"

namespace faltung::direct {

/// A forward problem of two or three axes whose filters are outer products: summed along one axis
/// after the other, box by box, without an image in between. Rows are read once, boundaries
/// resolved, and summed along x into slices that stay in cache; those are summed along the slower
/// axes and stored once.
///
/// A filter that is no outer product after all, or not finite, goes to the task for any filter.
template <typename Acc>
class SeparableTask final : public BoxTask {
 public:
  /// Whether this task can serve the problem.
  [[nodiscard]] static bool serves(const Problem& p);

  explicit SeparableTask(const Problem& problem);
  [[nodiscard]] ErrorBound error_bound() const override;
  [[nodiscard]] std::string policy() const override;

 private:
  using Part = typename VectorPart<Acc>::type;
  using Segment = typename BoxLoader<Acc>::Segment;

  /// A block, and what is known of its rows.
  struct Rows : Work {
    const Acc* lines;  ///< factors of the channel
    std::span<const Segment> segments;
  };

  /// Rows of sums along a slower axis, whose values lie `step` apart.
  struct Across {
    const Acc* x;
    std::int64_t step;
    const Acc* line;
    std::int64_t taps;
    Acc* y = nullptr;
    std::int64_t y_step, rows, columns;
    bool streams = false;
  };

  [[nodiscard]] const void* make_weights(const void* w, void* to, std::byte* workspace,
                                         int threads) const override;
  [[nodiscard]] bool compute(const RunArguments& arguments) const override;
  void compute_box(const RunArguments& arguments, const Rows& work) const;
  void sum_slice(const RunArguments& arguments, const Rows& work, std::int64_t place,
                 Acc* slice) const;
  void load_and_sum(const RunArguments& arguments, const Rows& work,
                    std::array<std::int64_t, 2> position, Acc* to) const;
  void store_outputs(const RunArguments& arguments, const Rows& work, std::int64_t place,
                     std::int64_t count) const;
  void sum_across(const Across& across) const;

  SeparablePolicy policy_;
  FilterPacker<Acc> packer_;
  BoxLoader<Acc> loader_;
  ResultRows<Acc> result_;
  StencilKernel<Part> kernel_;
  std::array<std::int64_t, 3> taps_;        // of each axis
  std::int64_t line_size_, pitch_, slice_;  // taps of all lines; values of a row, of a slice
  Piece<Acc> filter_;
  Piece<FactorNumber<Acc>> scratch_;  // of each slot
  Piece<Segment> segments_;           // this and all that follow: within a slot
  Piece<Acc> stage_, rows_, slices_, sums_;
};

}  // namespace faltung::direct
