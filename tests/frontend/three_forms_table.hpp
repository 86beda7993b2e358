#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <faltung/faltung.hpp>

namespace faltung::test {

/// One function of a front end, on operands of its own.
struct Function {
  std::string name;    ///< "signal.convolve"
  std::string result;  ///< what messages call its result, "y"
  /// The form that returns a Tensor, and the one that writes into a view.
  std::function<Tensor(const Execution&)> fresh;
  std::function<void(const TensorView&, const Execution&)> into;
  /// The form that plans, run once; empty where there is none.
  std::function<void(const TensorView&, const Execution&)> planned = {};
  /// The form that writes into a view with an `output` that names f16; empty without that option.
  std::function<void(const TensorView&)> names_f16 = {};
  /// The form that returns a Tensor with Method::fft; empty without that option.
  std::function<Tensor(const Execution&)> by_fft = {};
  bool engines = true;        ///< whether engines compute it
  bool one_type = false;      ///< whether the view must have one type
  bool intermediate = false;  ///< whether data are kept beside operands, result and workspace
};

[[nodiscard]] std::vector<Function> signal_functions();
[[nodiscard]] std::vector<Function> image_functions();
[[nodiscard]] std::vector<Function> nn_functions();

/// Whole numbers of either sign, or thirds of them, in an order that no symmetry survives.
[[nodiscard]] Tensor numbers_of(DType dtype, const Shape& shape);

/// Plans a lowering and runs it, twice.
void run_planned(const Lowering& call, const ConstTensorView& x, const ConstTensorView& k,
                 const TensorView& y, const ConstTensorView& bias = {});
void run_planned(const FilterPlan& plan, const ConstTensorView& x, const TensorView& y);
void run_planned(const GradientPlan& plan, const ConstTensorView& dy, const ConstTensorView& x,
                 const TensorView& gradient);

/// A row of the table out of calls that take options.
///
/// @param fresh, into, planned  (options), (y, options), (y, options)
template <typename Options, typename Fresh, typename Into, typename Planned>
Function function(std::string name, const Options& options, Fresh fresh, Into into,
                  Planned planned) {
  const auto with = [options](const Execution& run) {
    Options o = options;
    o.run = run;
    return o;
  };
  Function f{.name = std::move(name),
             .result = "y",
             .fresh = [=](const Execution& run) { return fresh(with(run)); },
             .into = [=](const TensorView& y, const Execution& run) { into(y, with(run)); }};
  f.planned = [=](const TensorView& y, const Execution& run) { planned(y, with(run)); };
  if constexpr (requires(Options o) { o.output; }) {
    f.names_f16 = [=](const TensorView& y) {
      Options o = options;
      o.output = f16;
      into(y, o);
    };
  }
  if constexpr (requires(Options o) { o.method; }) {
    f.by_fft = [=](const Execution& run) {
      Options o = with(run);
      o.method = Method::fft;
      return fresh(o);
    };
  }
  return f;
}

}  // namespace faltung::test
