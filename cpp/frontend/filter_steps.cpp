#include "cpp/frontend/filter_steps.hpp"

#include <algorithm>
#include <utility>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/view_rules.hpp"
#include "cpp/frontend/execution.hpp"
#include "cpp/frontend/scratch.hpp"

namespace faltung {
namespace {

std::size_t index_of(Place place) {
  return static_cast<std::size_t>(place) - static_cast<std::size_t>(Place::first);
}

std::size_t bytes_of(const TensorView& image) { return image_bytes(image.shape, image.dtype); }

void check_views(const Steps& steps, const ConstTensorView& x, const TensorView& y) {
  const ConstTensorView& px = steps.x();
  const TensorView& py = steps.y();
  check_view(x, {"x", px.dtype, px.shape, px.strides}, px.device);
  check_view(y, {"y", py.dtype, py.shape, py.strides}, px.device);
  check_apart(y, "y", x, "x");
}

Workspace part_of(void* data, std::size_t offset, std::size_t bytes) {
  if (bytes == 0) return {};
  return {static_cast<std::byte*>(data) + offset, bytes};
}

}  // namespace

Steps::Steps(ConstTensorView x, TensorView y) : x_(std::move(x)), y_(std::move(y)) {
  x_.data = nullptr;
  y_.data = nullptr;
  TensorView compact = y_;
  compact.strides = compact_strides(compact.shape);
  between_.fill(compact);
}

void Steps::set_between(DType type) {
  for (TensorView& image : between_) image.dtype = type;
}

void Steps::set_between(Place place, DType type, const Shape& shape) {
  between_[index_of(place)] = {nullptr, type, shape, compact_strides(shape), y_.device};
}

TensorView Steps::view(Place place) const {
  if (place == Place::x) return {nullptr, x_.dtype, x_.shape, x_.strides, x_.device};
  return place == Place::y ? y_ : between_[index_of(place)];
}

void Steps::add(Step step) {
  for (const Place place : {step.from, step.to}) {
    if (place >= Place::first) used_[index_of(place)] = true;
  }
  steps_.push_back(std::move(step));
}

std::size_t Steps::image_bytes() const {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < between_.size(); ++i) {
    if (used_[i]) bytes += bytes_of(between_[i]);
  }
  return bytes;
}

std::size_t Steps::scratch_bytes() const {
  std::size_t bytes = 0;
  for (const Step& step : steps_) bytes = std::max(bytes, step.workspace_bytes);
  return bytes;
}

void Steps::run(const ConstTensorView& x, const TensorView& y, const Stream& stream, void* images,
                const Workspace& scratch) const {
  std::array<TensorView, 3> between = between_;
  std::size_t offset = 0;
  for (std::size_t i = 0; i < between.size(); ++i) {
    if (!used_[i]) continue;
    between[i].data = static_cast<std::byte*>(images) + offset;
    offset += bytes_of(between[i]);
  }
  for (const Step& step : steps_) {
    const TensorView to = step.to == Place::y ? y : between[index_of(step.to)];
    if (step.from == Place::x) {
      step.run(x, to, stream, scratch);
    } else {
      step.run(step.from == Place::y ? y : between[index_of(step.from)], to, stream, scratch);
    }
  }
}

void run_steps(const Steps& steps, const ConstTensorView& x, const TensorView& y,
               const Execution& run) {
  check_views(steps, x, y);
  const bool lent = run.workspace.data != nullptr;
  if (lent) {
    check_lent(run.workspace, steps.scratch_bytes(), "FilterPlan");
    check_lent_apart(run.workspace, x, "x");
    check_lent_apart(run.workspace, y, "y");
  }
  const std::size_t images = steps.image_bytes(), own = lent ? 0 : steps.scratch_bytes();
  const Scratch memory(images + own, x.device, run);
  steps.run(x, y, stream_on(x.device, run.stream), memory.data(),
            lent ? run.workspace : part_of(memory.data(), images, own));
}

FilterPlan::FilterPlan(std::shared_ptr<const State> state) : state_(std::move(state)) {}

void FilterPlan::run(const ConstTensorView& x, const TensorView& y, const Stream& stream,
                     const Workspace& workspace) const {
  const Steps& steps = state_->steps;
  Execution how = state_->run;
  how.stream = stream;
  how.workspace = workspace;
  check_execution(how, steps.x().device);
  if (workspace.data == nullptr) {
    how.workspace = {};
    return run_steps(steps, x, y, how);
  }
  check_views(steps, x, y);
  check_lent(workspace, workspace_bytes(), "FilterPlan");
  check_lent_apart(workspace, x, "x");
  check_lent_apart(workspace, y, "y");
  const std::size_t images = steps.image_bytes();
  steps.run(x, y, stream_on(x.device, stream), workspace.data,
            part_of(workspace.data, images, workspace.bytes - images));
}

std::size_t FilterPlan::workspace_bytes() const noexcept {
  return state_->steps.image_bytes() + state_->steps.scratch_bytes();
}
const Shape& FilterPlan::x_shape() const noexcept { return state_->steps.x().shape; }
const Shape& FilterPlan::y_shape() const noexcept { return state_->steps.y().shape; }
DType FilterPlan::y_dtype() const noexcept { return state_->steps.y().dtype; }

std::string FilterPlan::explain() const {
  std::string text;
  const auto add = [&](const Plan& plan) {
    text += message(plan.engine(), '/', plan.way(), ": ", plan.problem(), "\n");
  };
  for (const Step& step : state_->steps.all()) {
    for (const auto& part : step.parts) add(*part);
    if (step.plan == nullptr) {
      text += message(step.what, "\n");
    } else {
      add(*step.plan);
    }
  }
  return text;
}

}  // namespace faltung
