#pragma once

#include <bit>
#include <cstdint>

#include "tests/cuda/standins/cublaslt_product.hpp"

namespace faltung::cuda::cublaslt {

/// What stands behind a Handle.
struct Context {
  int device = 0;
};

}  // namespace faltung::cuda::cublaslt

/// The kernels of the library that stands in for cuBLASLt: which there are for a product, and what
/// they ask of a run.
namespace faltung::test {

/// One of them, in an Algorithm's words.
struct Kernel {
  std::uint64_t key = 0;            ///< of the product that it is for
  std::uint64_t alignment[4] = {};  ///< that it counts on, of a, b, c, d
  std::uint64_t workspace = 0;
  std::uint32_t id = 0, splits = 1, reduction = 0, unused = 0;

  Kernel() = default;
  explicit Kernel(const cuda::cublaslt::Algorithm& algorithm) {
    *this = std::bit_cast<Kernel>(algorithm);
  }
  [[nodiscard]] cuda::cublaslt::Algorithm words() const {
    return std::bit_cast<cuda::cublaslt::Algorithm>(*this);
  }
};
static_assert(sizeof(Kernel) == sizeof(cuda::cublaslt::Algorithm));

/// Of a run.
struct Data {
  const void *alpha, *a, *b, *beta, *c;
  void *d, *workspace;
  std::size_t workspace_bytes;
  cudaStream_t stream;
};

/// Those with a workspace, without one, and with more than was wished, which is offered by mistake:
/// its state tells.
[[nodiscard]] cuda::cublaslt::Status propose(const CublasltProduct& product,
                                             const cuda::cublaslt::Wishes& wishes, int wanted,
                                             cuda::cublaslt::Proposal* to, int* found);

/// @throws Violation library_misuse where a rule is broken that the real library does not check
[[nodiscard]] cuda::cublaslt::Status multiply(const cuda::cublaslt::Context& handle,
                                              const CublasltProduct& product,
                                              const cuda::cublaslt::Algorithm* algorithm,
                                              const Data& data);

}  // namespace faltung::test
