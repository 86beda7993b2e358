#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <faltung/plan.hpp>

namespace faltung {

/// Yes, or no with a reason fit to show a user.
class Verdict {
 public:
  static Verdict yes() { return Verdict({}); }
  static Verdict no(std::string reason) { return Verdict(std::move(reason)); }
  explicit operator bool() const noexcept { return reason_.empty(); }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  explicit Verdict(std::string reason) : reason_(std::move(reason)) {}
  std::string reason_;
};

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

/// One way to compute a convolution on one kind of device.
///
/// Engines hold no state, so the planner, the tests and the benchmarks walk the same list. They
/// are asked only about valid problems without empty extents in the result or in a sum.
class Engine {
 public:
  virtual ~Engine() = default;

  /// Unique and stable, `device.family`: used in logs, test names and tuning tables.
  [[nodiscard]] virtual std::string_view name() const = 0;

  /// Whether the result would be correct, not whether it would be fast.
  [[nodiscard]] virtual Verdict supports(const Problem&, const Device&) const = 0;

  /// Expected run time in microseconds. Only the order between engines matters.
  [[nodiscard]] virtual double estimate_us(const Problem&, const Device&) const = 0;

  /// Chooses the policy and does all work that does not need the data, allocation included.
  [[nodiscard]] virtual std::unique_ptr<Task> prepare(const Problem&, const Device&) const = 0;
};

/// Every engine of this build; ties between estimates go to the earlier one.
[[nodiscard]] std::span<const Engine* const> engine_list();

}  // namespace faltung
