#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <faltung/execution.hpp>
#include <faltung/filter_plan.hpp>
#include <faltung/plan.hpp>
#include <faltung/tensor.hpp>

namespace faltung {

/// What a step of a filter reads or writes: the caller's images, or one of three in between.
enum class Place : std::uint8_t { x, y, first, second, term };

/// One pass over an image.
struct Step {
  Place from = Place::x;
  Place to = Place::y;
  std::size_t workspace_bytes = 0;
  const char* what = "";  ///< for people, where there is no plan
  std::shared_ptr<const Plan> plan = {};
  std::vector<std::shared_ptr<const Plan>> parts = {};  ///< of what has several, in order
  /// Reads one image and writes another, which is the same one for steps in place.
  std::function<void(const ConstTensorView& from, const TensorView& to, const Stream& stream,
                     const Workspace& workspace)>
      run = {};
};

/// A filter as the steps that make it. Images in between are compact.
class Steps {
 public:
  /// The views say shape, strides, type and device; their data need not be there.
  Steps(ConstTensorView x, TensorView y);
  /// Images in between have the type and the shape of y unless they are given others.
  void set_between(DType type);
  void set_between(Place place, DType type, const Shape& shape);

  /// The image at a place, without data.
  [[nodiscard]] TensorView view(Place place) const;
  void add(Step step);

  [[nodiscard]] const ConstTensorView& x() const noexcept { return x_; }
  [[nodiscard]] const TensorView& y() const noexcept { return y_; }
  [[nodiscard]] const std::vector<Step>& all() const noexcept { return steps_; }

  /// Bytes of the images in between, and of the scratch memory that the steps need in turn.
  [[nodiscard]] std::size_t image_bytes() const;
  [[nodiscard]] std::size_t scratch_bytes() const;
  /// @param images  memory of image_bytes()
  void run(const ConstTensorView& x, const TensorView& y, const Stream& stream, void* images,
           const Workspace& scratch) const;

 private:
  ConstTensorView x_;
  TensorView y_;
  std::array<TensorView, 3> between_;  // first, second, term
  std::vector<Step> steps_;
  std::array<bool, 3> used_ = {};  // of them
};

struct FilterPlan::State {
  Steps steps;
  Execution run;
};

/// Checks the views and runs the steps once, as the call's options say.
void run_steps(const Steps& steps, const ConstTensorView& x, const TensorView& y,
               const Execution& run);

}  // namespace faltung
