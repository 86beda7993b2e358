#include "tests/cuda/standins/cublaslt_kernels.hpp"

#include <cuda_runtime_api.h>

#include <utility>

#include "tests/cuda/standins/standin.hpp"
#include "tests/emulator/host_runtime.hpp"

namespace faltung::test {
namespace {

using namespace cuda::cublaslt;  // NOLINT: all of it

bool meet(const void* first, std::size_t first_bytes, const void* second,
          std::size_t second_bytes) {
  const auto* from = static_cast<const char*>(first);
  const auto* other = static_cast<const char*>(second);
  return from < other + second_bytes && other < from + first_bytes;
}

// The rules that the real library does not check.
void object_to(const CublasltProduct& p, const Kernel& kernel, const Data& data) {
  if (kernel.key != p.key()) object("an algorithm of cuBLASLt was made for another product");
  const void* const pointers[] = {data.a, data.b, data.c, data.d};
  for (int i = 0; i < 4; ++i) {
    if (reinterpret_cast<std::uintptr_t>(pointers[i]) % kernel.alignment[i] != 0) {
      object("a matrix of cuBLASLt is less aligned than its algorithm was promised");
    }
  }
  if (data.workspace_bytes < kernel.workspace ||
      (kernel.workspace != 0 && data.workspace == nullptr)) {
    object("an algorithm of cuBLASLt has less workspace than it needs");
  }
  if (kernel.workspace != 0 && reinterpret_cast<std::uintptr_t>(data.workspace) % 256 != 0) {
    object("a workspace of cuBLASLt is not aligned to 256 bytes");
  }
  const bool bias = p.how.finish == Finish::bias || p.how.finish == Finish::relu_bias;
  if (bias && p.how.bias == nullptr) object("cuBLASLt is to add a bias that is null");
  if (data.c == data.d && p.c != p.d) object("C is D of cuBLASLt, and lies otherwise");
  const std::size_t d_bytes = span(p.d);
  if (meet(data.a, span(p.a), data.d, d_bytes) || meet(data.b, span(p.b), data.d, d_bytes) ||
      (data.c != data.d && meet(data.c, span(p.c), data.d, d_bytes))) {
    object("cuBLASLt's result overlaps what it is computed from");
  }
  if (kernel.workspace != 0) {
    for (const auto& [pointer, bytes] : {std::pair{data.a, span(p.a)},
                                         {data.b, span(p.b)},
                                         {data.c, span(p.c)},
                                         {data.d, d_bytes}}) {
      if (meet(pointer, bytes, data.workspace, kernel.workspace)) {
        object("cuBLASLt's workspace overlaps its matrices");
      }
    }
  }
}

}  // namespace

Status propose(const CublasltProduct& product, const Wishes& wishes, int wanted, Proposal* to,
               int* found) {
  *found = 0;
  if (const Status status = product.check(); status != Status::success) return status;
  const std::uint64_t needs = product.implementation();
  if ((needs & wishes.implementations) != needs) return Status::not_supported;
  CublasltProduct::load();
  const auto offer = [&](std::uint32_t id, std::uint64_t workspace, std::uint32_t splits,
                         std::uint32_t reduction) {
    if (*found == wanted || (reduction & wishes.reductions) != reduction) return;
    Kernel kernel;
    kernel.key = product.key();
    for (int i = 0; i < 4; ++i) kernel.alignment[i] = wishes.alignment[i];
    kernel.workspace = workspace;
    kernel.id = id;
    kernel.splits = splits;
    kernel.reduction = reduction;
    Proposal& proposal = to[(*found)++];
    proposal = {};
    proposal.algorithm = kernel.words();
    proposal.workspace_bytes = workspace;
    proposal.state = workspace <= wishes.max_workspace ? Status::success : Status::not_supported;
    proposal.waves = 1;
  };
  constexpr std::uint64_t some = 4096;
  offer(3, wishes.max_workspace + (1U << 20), 8, reduction::compute_type);
  if (some <= wishes.max_workspace) {
    offer(4, some, 4, reduction::in_place);
    offer(2, some, 4, reduction::compute_type);
  }
  offer(1, 0, 1, reduction::none);
  return *found == 0 ? Status::not_supported : Status::success;
}

Status multiply(const Context& handle, const CublasltProduct& product, const Algorithm* algorithm,
                const Data& data) {
  if (handle.device != emulator::machine.current) {
    object("a handle of cuBLASLt is used on another device than the one it was made on");
  }
  if (const Status status = product.check(); status != Status::success) return status;
  if (data.alpha == nullptr || data.beta == nullptr || data.a == nullptr || data.b == nullptr ||
      data.c == nullptr || data.d == nullptr) {
    return Status::invalid_value;
  }
  if (algorithm == nullptr) {
    object("cuBLASLt is to choose the algorithm of a run, which another run may not get");
  }
  const Kernel kernel(*algorithm);
  object_to(product, kernel, data);
  product.run(data.alpha, data.a, data.b, data.beta, data.c, data.d, data.workspace,
              kernel.workspace, data.stream);
  return Status::success;
}

}  // namespace faltung::test
