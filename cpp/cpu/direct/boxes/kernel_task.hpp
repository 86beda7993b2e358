#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "cpp/cpu/cpu_facts.hpp"
#include "cpp/cpu/parallel.hpp"
#include "cpp/cpu/workspace_layout.hpp"

namespace faltung::direct {

/// A task whose blocks threads share, and which leaves to another task, the fallback, what its
/// kernels cannot compute. They multiply the zeros beyond a boundary, which a filter or a gradient
/// with NaN or infinity would make NaN; DirectTask leaves them out.
class KernelTask : public Task {
 public:
  [[nodiscard]] std::size_t workspace_bytes() const final {
    return std::max(layout_.bytes(), fallback_->workspace_bytes());
  }
  [[nodiscard]] ErrorBound error_bound() const override { return fallback_->error_bound(); }
  [[nodiscard]] PlanFacts facts() const override { return cpu_facts(layout_.slots); }
  [[nodiscard]] std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                               const void* w) const final;
  void run(const RunArguments& arguments) const final;

 protected:
  explicit KernelTask(std::unique_ptr<Task> fallback) : fallback_(std::move(fallback)) {}

  /// Runs the kernels; false if their data turn out to be for the fallback.
  virtual bool compute(const RunArguments& arguments) const = 0;

  /// The weights, the kernels' form of a filter: made in `to`, or w itself. Null if the filter is
  /// for the fallback.
  ///
  /// @param workspace  of the pieces that threads share
  /// @param threads    that may share the work
  [[nodiscard]] virtual const void* make_weights(const void* w, void* to, std::byte* workspace,
                                                 int threads) const;

  /// Plans for weights. A prepared filter has `count` of them, a run makes `made`: none if it reads
  /// them in w.
  template <typename Weight>
  void add_weights(std::int64_t count, std::int64_t made) {
    weight_bytes_ = count_of({count, sizeof(Weight)});
    weights_ = layout_.shared.add<std::byte>(count_of({made, sizeof(Weight)}));
  }
  template <typename Weight>
  void add_weights(std::int64_t count) {
    add_weights<Weight>(count, count);
  }
  /// Those of this run, prepared or made now; null if there are none.
  template <typename Weight>
  [[nodiscard]] const Weight* find_weights(const RunArguments& arguments) const {
    return static_cast<const Weight*>(weights(arguments));
  }

  /// Calls f(block, workspace of its slot) for every block.
  template <typename F>
  void for_each_block(const RunArguments& arguments, std::int64_t blocks, F&& f) const {
    parallel_for(blocks, layout_.slots, [&](std::int64_t block, int slot) {
      f(block, layout_.at(arguments.workspace, slot));
    });
  }

  SlotLayout layout_;

 private:
  struct Prepared;

  [[nodiscard]] const void* weights(const RunArguments& arguments) const;

  std::unique_ptr<Task> fallback_;
  Piece<std::byte> weights_;
  std::int64_t weight_bytes_ = 0;
};

}  // namespace faltung::direct
