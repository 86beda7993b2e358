#include "cpp/frontend/masked_pass.hpp"

#include <utility>

#include "cpp/frontend/kept_plan.hpp"

namespace faltung::masked {
namespace {

ConstTensorView operand(const void* data, DType type, const Shape& shape, const Device& device) {
  return {data, type, shape, compact_strides(shape), device};
}
TensorView result(void* data, DType type, const Shape& shape, const Device& device) {
  return {data, type, shape, compact_strides(shape), device};
}

}  // namespace

CompactPass::CompactPass(const Problem& problem, Pass direction, PlanOptions options,
                         const Device& device, std::shared_ptr<const Tensor> w)
    : w_(std::move(w)) {
  Problem directed = problem;
  directed.pass = direction;
  if (direction == Pass::backward_filter) directed.separable = 0;
  options.allocator = {};  // the workspace is lent
  plan_ = kept_plan(directed, device, options);
}

void CompactPass::run_forward(const void* x, void* y, const Stream& stream,
                              const Workspace& workspace) const {
  const Problem& p = plan_->problem();
  const Device& device = plan_->device();
  plan_->run(stream, operand(x, p.input, p.x_shape(), device),
             operand(w_->data(), p.filter, p.w_shape(), device),
             result(y, p.output, p.y_shape(), device), workspace);
}

void CompactPass::run_data(const void* dy, void* dx, const Stream& stream,
                           const Workspace& workspace) const {
  const Problem& p = plan_->problem();
  const Device& device = plan_->device();
  plan_->run(stream, operand(dy, p.output, p.y_shape(), device),
             operand(w_->data(), p.filter, p.w_shape(), device),
             result(dx, p.input, p.x_shape(), device), workspace);
}

void CompactPass::run_filter(const void* x, const void* dy, void* dw, const Stream& stream,
                             const Workspace& workspace) const {
  const Problem& p = plan_->problem();
  const Device& device = plan_->device();
  plan_->run(stream, operand(x, p.input, p.x_shape(), device),
             operand(dy, p.output, p.y_shape(), device), result(dw, p.filter, p.w_shape(), device),
             workspace);
}

}  // namespace faltung::masked
