#include "cuda/cudnn/cudnn_task.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "cpp/core/error_terms.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/core/message.hpp"
#include "cuda/cudnn/cudnn_choice.hpp"
#include "cuda/cudnn/handle_pool.hpp"
#include "cuda/runtime/device_guard.hpp"

namespace faltung::cuda::cudnn {
namespace {

double number(std::int64_t value) { return static_cast<double>(value); }

// Products of one sum, at most.
double terms_of(const Problem& p) {
  const double taps = number(element_count(filter_extents(p)));
  switch (p.pass) {
    case Pass::forward:
      return taps * number(p.in_channels / p.groups);
    case Pass::backward_data:
      return taps * number(p.out_channels / p.groups);
    case Pass::backward_filter:
      break;
  }
  return number(p.batch) * number(element_count(output_extents(p)));
}

// Tensor cores add eight products or more in a step, and cut what does not fit the sum: 2^-23 of
// it, twice, for the products and for the sum. TF32 has 10 bits of each operand.
ErrorBound bound_of(const Problem& p, const Choice& choice) {
  const double terms = terms_of(p);
  double constant = sum_error(terms, p.accumulator);
  if (choice.tensor_core && p.accumulator == DType::f32) {
    constant = std::max(constant, 2 * (std::ceil(terms / 8) + 1) * 0x1p-23);
    if (p.input == DType::f32) constant += 0x1p-9 + 0x1p-20;
  }
  return {ErrorBound::Kind::elementwise, constant};
}

bool is_aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % full_alignment == 0;
}

class CudnnTask final : public Task {
 public:
  CudnnTask(const Call& call, std::size_t limit) : p_(call.problem), device_(call.device) {
    const DeviceGuard guard(device_.index);
    const Descriptor device = device_of(device_.index);
    const auto size = static_cast<std::int64_t>(size_of(p_.input));
    aligned_ = choose(p_, device, full_alignment, limit);
    loose_ = choose(p_, device, size, limit);
    aligned_plan_ = std::make_unique<Descriptor>(plan_of(aligned_.plan, device));
    loose_plan_ = std::make_unique<Descriptor>(plan_of(loose_.plan, device));
    pool_ = &HandlePool::of_device(device_.index);
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
    const std::string text = message(words(aligned_), " of cuDNN");
    if (aligned_.kernel() == loose_.kernel()) return text;
    return message(text, ", ", words(loose_), " where pointers are not aligned to 16 bytes");
  }
  PlanFacts facts() const override {
    PlanFacts facts;
    facts.spreads_non_finite = true;  // the zeros outside may be multiplied
    facts.bitwise_reproducible = aligned_.kernel() == loose_.kernel();
    return facts;
  }

  void run(const RunArguments& arguments) const override {
    const DeviceGuard guard(device_.index);
    const std::array<std::int64_t, 3> ids = ids_of(p_.pass);
    const std::array<const void*, 3> data = {arguments.first, arguments.second, arguments.result};
    const bool aligned = std::ranges::all_of(data, is_aligned);
    const Choice& choice = aligned ? aligned_ : loose_;
    const void* workspace = choice.workspace_bytes == 0 ? nullptr : arguments.workspace;
    Descriptor pack(Kind::variant_pack);
    pack.set(Attribute::pack_ids, ValueType::int64, std::span<const std::int64_t>(ids))
        .set(Attribute::pack_pointers, ValueType::pointer, std::span<const void* const>(data))
        .set(Attribute::pack_workspace, ValueType::pointer, workspace)
        .finalize();
    const Descriptor& plan = aligned ? *aligned_plan_ : *loose_plan_;
    const auto lease = pool_->take(static_cast<cudaStream_t>(arguments.stream.handle));
    check(functions().execute(lease.get(), plan.get(), pack.get()), "cudnnBackendExecute");
  }

 private:
  // Of what a run gets, in its order.
  static std::array<std::int64_t, 3> ids_of(Pass pass) {
    if (pass == Pass::forward) return {x_id, w_id, y_id};
    if (pass == Pass::backward_data) return {y_id, w_id, x_id};
    return {x_id, y_id, w_id};
  }

  Problem p_;
  Device device_;
  Choice aligned_, loose_;
  std::unique_ptr<Descriptor> aligned_plan_, loose_plan_;
  HandlePool* pool_ = nullptr;
};

}  // namespace

std::unique_ptr<Task> make_task_within(const Call& call, std::size_t limit) {
  return std::make_unique<CudnnTask>(call, limit);
}

std::unique_ptr<Task> make_task(const Call& call) {
  const auto tensors = static_cast<std::size_t>(2 * call.problem.bytes());
  return make_task_within(call, std::max(usual_workspace, tensors));
}

}  // namespace faltung::cuda::cudnn
