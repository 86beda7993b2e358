#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "cuda/runtime/cublaslt.hpp"

namespace faltung::cuda {

/// Matrices of a batch: columns of `rows` elements that are `leading` apart, one matrix `step`
/// after the other.
struct MatrixShape {
  cublaslt::Type type = cublaslt::Type::f32;
  std::int64_t rows = 0, columns = 0, leading = 0, step = 0;
  std::uint32_t alignment = 1;  ///< of the first element in bytes: what every run promises
};

/// D = finish(op(A) op(B) [+ D] + bias). Sums of f16, bf16 and f32 are f32, those of f64 are f64,
/// those of i8 are i32.
struct ProductShape {
  MatrixShape a, b, d;
  bool transpose_a = false, transpose_b = false;
  bool tf32 = false;  ///< factors of f32 may be cut to tf32; they are not without
  std::int32_t batch = 1;
  cublaslt::Finish finish = cublaslt::Finish::none;
};

/// One product of the current device by cuBLASLt, with its algorithm: made in `prepare`, run from
/// any thread. The same algorithm, and so the same bits, for each run; none that adds in an order
/// of its own.
class MatrixProduct {
 public:
  /// @param max_workspace  bytes that a run may be lent
  /// @throws DeviceError naming the call and cuBLASLt's answer, bad_alloc if it has no memory
  MatrixProduct(const ProductShape& shape, std::size_t max_workspace);
  MatrixProduct(MatrixProduct&&) noexcept;
  MatrixProduct& operator=(MatrixProduct&&) noexcept;
  ~MatrixProduct();

  /// Whether the library has a kernel for it; if not, it cannot run.
  [[nodiscard]] bool offered() const { return offered_; }
  [[nodiscard]] std::size_t workspace_bytes() const { return workspace_bytes_; }

  /// @param add        whether D is added to
  /// @param bias       one value of D's type for each row of D, if `finish` has one
  /// @param workspace  workspace_bytes(), aligned to 256
  void run(cudaStream_t stream, const void* a, const void* b, void* d, bool add, void* workspace,
           const void* bias = nullptr) const;

 private:
  struct Descriptions;
  ProductShape shape_;
  std::unique_ptr<Descriptions> descriptions_;
  cublaslt::Algorithm algorithm_{};
  std::size_t workspace_bytes_ = 0;
  bool offered_ = false;
};

}  // namespace faltung::cuda
