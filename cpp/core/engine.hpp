#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <faltung/plan.hpp>

namespace faltung {

/// A filter in the form one engine likes best. Owned by the plan; read by many threads.
class PreparedFilter {
 public:
  virtual ~PreparedFilter() = default;
};

/// What an engine gets for one run; everything is checked. Pointers are those of the views; types,
/// shapes and strides are the problem's.
struct RunArguments {
  Stream stream;
  const void* first = nullptr;               ///< x, dy or x
  const void* second = nullptr;              ///< w, w or dy; null if `prepared` is set
  void* result = nullptr;                    ///< y, dx or dw
  const void* bias = nullptr;                ///< compact, of bias_dtype(); null without bias
  const PreparedFilter* prepared = nullptr;  ///< from prepare_filter of the same task
  std::byte* workspace = nullptr;            ///< workspace_bytes(), aligned to 256
};

/// One problem as one engine will run it: all work that does not need the data is done.
/// Immutable; `run` may be called from many threads.
class Task {
 public:
  virtual ~Task() = default;
  [[nodiscard]] virtual std::size_t workspace_bytes() const { return 0; }
  [[nodiscard]] virtual ErrorBound error_bound() const = 0;
  [[nodiscard]] virtual std::string policy() const { return {}; }
  /// All but the workspace, which workspace_bytes() tells.
  [[nodiscard]] virtual PlanFacts facts() const { return {}; }
  virtual void run(const RunArguments& arguments) const = 0;

  /// The filter in this engine's form; null means that the engine reads w as it is, and the plan
  /// then keeps a plain copy.
  [[nodiscard]] virtual std::unique_ptr<PreparedFilter> prepare_filter(const Stream& stream,
                                                                       const void* w) const {
    (void)stream;
    (void)w;
    return nullptr;
  }
};

/// An engine's answer to a problem: why not, or what it would do.
struct Offer {
  static Offer no(std::string reason) {
    Offer offer;
    offer.refusal = std::move(reason);
    return offer;
  }
  /// Whether the result would be correct, not whether it would be fast.
  explicit operator bool() const noexcept { return refusal.empty(); }

  std::string refusal = {};   ///< fit to show a user; empty if the engine takes the problem
  std::string_view way = {};  ///< the row of its table that would run
  double estimate_us = 0;     ///< expected run time; only the order between engines matters
  /// Does all work that does not need the data, allocation included.
  std::function<std::unique_ptr<Task>()> prepare = {};
  /// The same with a workspace of at most so many bytes, or the least that it can do with. Null
  /// where the workspace is what it is.
  std::function<std::unique_ptr<Task>(std::size_t)> prepare_within = {};
};

/// What documents and refusals say about one way of an engine; see way.hpp.
struct WayText {
  std::string_view name;   ///< unique within the engine, "in_place"
  std::string_view takes;  ///< which problems
};

/// One kind of algorithm on one kind of device: an ordered table of ways.
///
/// Engines hold no state, so the planner, the tests and the benchmarks walk the same list. They
/// are asked only about valid problems.
class Engine {
 public:
  virtual ~Engine() = default;

  /// Unique and stable, `device.family`: used in logs, test names and tuning tables.
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual DeviceKind device_kind() const = 0;

  /// Whether it handles tensors without elements; the planner asks others only about full ones.
  [[nodiscard]] virtual bool takes_empty_tensors() const { return false; }

  /// Whether it offers ways that sum in the order of order.hpp where a problem needs one, and only
  /// these; the planner asks others only about problems that need none.
  [[nodiscard]] virtual bool keeps_order() const { return false; }

  /// The rows of its table, in the order in which they are tried.
  [[nodiscard]] virtual std::vector<WayText> ways() const = 0;

  /// What is quoted is what `prepare` makes: both come from one row.
  ///
  /// @param way  asks for one row alone; empty leaves the choice to the engine
  [[nodiscard]] Offer offer(const Problem& problem, const Device& device,
                            std::string_view way = {}) const {
    if (device.kind != device_kind()) {
      return Offer::no(device_kind() == DeviceKind::cpu ? "runs on the CPU only"
                                                        : "runs on CUDA devices only");
    }
    return answer(problem, device, way);
  }

  /// What it would choose on the GPU of the record in force, which is not here, for a problem that
  /// it takes: in words, empty where only the device could tell.
  [[nodiscard]] virtual std::string describe_elsewhere(const Problem&) const { return {}; }

 private:
  [[nodiscard]] virtual Offer answer(const Problem& problem, const Device& device,
                                     std::string_view way) const = 0;
};

/// Every engine of this build; ties between estimates go to the earlier one.
[[nodiscard]] std::span<const Engine* const> engine_list();

}  // namespace faltung
