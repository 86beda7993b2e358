#include "cuda/cudnn/cudnn_run.hpp"

#include <span>

namespace faltung::cuda::cudnn {
namespace {

// Of the tensors that a run gets, in its order.
std::vector<std::int64_t> ids_of(Pass pass) {
  if (pass == Pass::forward) return {x_id, w_id, y_id};
  if (pass == Pass::backward_data) return {y_id, w_id, x_id};
  return {x_id, y_id, w_id};
}

}  // namespace

Tensors::Tensors(const Problem& problem, const RunArguments& arguments)
    : ids(ids_of(problem.pass)), data{arguments.first, arguments.second, arguments.result} {
  if (!problem.epilogue.bias) return;
  ids.push_back(bias_id);
  data.push_back(arguments.bias);
}

void execute(HandlePool& pool, const Descriptor& plan, const Tensors& tensors,
             const void* workspace, const Stream& stream) {
  Descriptor pack(Kind::variant_pack);
  pack.set(Attribute::pack_ids, ValueType::int64, std::span<const std::int64_t>(tensors.ids))
      .set(Attribute::pack_pointers, ValueType::pointer, std::span<const void* const>(tensors.data))
      .set(Attribute::pack_workspace, ValueType::pointer, workspace)
      .finalize();
  const auto lease = pool.take(static_cast<cudaStream_t>(stream.handle));
  check(functions().execute(lease.get(), plan.get(), pack.get()), "cudnnBackendExecute");
}

}  // namespace faltung::cuda::cudnn
