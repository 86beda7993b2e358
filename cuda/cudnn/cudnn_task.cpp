#include "cuda/cudnn/cudnn_task.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/message.hpp"
#include "cuda/cudnn/cudnn_choice.hpp"
#include "cuda/cudnn/cudnn_measure.hpp"
#include "cuda/cudnn/cudnn_run.hpp"
#include "cuda/cudnn/handle_pool.hpp"
#include "cuda/runtime/device_guard.hpp"

namespace faltung::cuda::cudnn {
namespace {

// Tensor cores add eight products or more in a step, and cut what does not fit the sum: 2^-23 of
// it, twice, for the products and for the sum. TF32 has 10 bits of each operand.
ErrorBound bound_of(const Problem& p, const Choice& choice) {
  if (is_integer(p.accumulator)) return {};
  const double terms = products_of_a_sum(p);
  double constant = sum_error(terms, p.accumulator);
  if (choice.tensor_core && p.accumulator == DType::f32) {
    constant = std::max(constant, 2 * (std::ceil(terms / 8) + 1) * 0x1p-23);
    if (p.input == DType::f32) constant += 0x1p-9 + 0x1p-20;
  }
  // A scale is rounded to the accumulator's type, and its product with the sum.
  if (p.epilogue.alpha != 1) constant += 2 * unit_roundoff(p.accumulator);
  return {ErrorBound::Kind::elementwise, constant};
}

bool is_aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % full_alignment == 0;
}

class CudnnTask final : public Task {
 public:
  CudnnTask(const Call& call, std::size_t limit)
      : p_(call.problem), device_(call.device), measured_(call.measures) {
    const DeviceGuard guard(device_.index);
    const Descriptor device = device_of(device_.index);
    const auto size = static_cast<std::int64_t>(size_of(p_.input));
    pool_ = &HandlePool::of_device(device_.index);
    const Ready aligned = call.measures ? fastest(call, device, *pool_, limit)
                                        : make_ready(p_, device, full_alignment, limit);
    const Ready loose = make_ready(p_, device, size, limit);
    aligned_ = aligned.choice;
    loose_ = loose.choice;
    aligned_plan_ = std::make_unique<Descriptor>(aligned.plan);
    loose_plan_ = std::make_unique<Descriptor>(loose.plan);
  }

  std::size_t workspace_bytes() const override {
    return std::max(aligned_.workspace_bytes, loose_.workspace_bytes);
  }
  ErrorBound error_bound() const override {
    const ErrorBound one = bound_of(p_, aligned_), other = bound_of(p_, loose_);
    return one.constant < other.constant ? other : one;
  }
  std::string policy() const override {
    const auto words = [](const Choice& choice) {
      return message("engine ", choice.engine, choice.notes.empty() ? "" : " ", choice.notes);
    };
    const std::string text = message(words(aligned_), " of cuDNN", measured_ ? ", measured" : "");
    if (aligned_.kernel() == loose_.kernel()) return text;
    return message(text, ", ", words(loose_), " where pointers are not aligned to 16 bytes");
  }
  PlanFacts facts() const override {
    PlanFacts facts;
    facts.spreads_non_finite = !is_integer(p_.input);  // the zeros outside may be multiplied
    facts.bitwise_reproducible = is_integer(p_.input) || aligned_.kernel() == loose_.kernel();
    return facts;
  }

  void run(const RunArguments& arguments) const override {
    const DeviceGuard guard(device_.index);
    const Tensors tensors(p_, arguments);
    const bool aligned = std::ranges::all_of(tensors.data, is_aligned);
    const Choice& choice = aligned ? aligned_ : loose_;
    const void* workspace = choice.workspace_bytes == 0 ? nullptr : arguments.workspace;
    execute(*pool_, aligned ? *aligned_plan_ : *loose_plan_, tensors, workspace, arguments.stream);
  }

 private:
  Problem p_;
  Device device_;
  bool measured_;
  Choice aligned_, loose_;
  std::unique_ptr<Descriptor> aligned_plan_, loose_plan_;
  HandlePool* pool_ = nullptr;
};

}  // namespace

std::unique_ptr<Task> make_task_within(const Call& call, std::size_t limit) {
  return std::make_unique<CudnnTask>(call, limit);
}

std::unique_ptr<Task> make_task(const Call& call) {
  return make_task_within(call, usual_limit(call.problem));
}

}  // namespace faltung::cuda::cudnn
