#pragma once

#include <cstdint>

#include "cuda/runtime/cublaslt.hpp"

namespace faltung::cuda::cublaslt {

/// What stands behind a MatrixDescription: columns of `rows` elements, `leading` apart.
struct Layout {
  Type type = Type::f32;
  std::uint64_t rows = 0, columns = 0;
  std::int64_t leading = 0;
  std::int32_t batch = 1;
  std::int64_t step = 0;  ///< elements between the matrices of a batch

  friend bool operator==(const Layout&, const Layout&) = default;
};

/// What stands behind a ProductDescription.
struct Description {
  Compute compute = Compute::f32;
  Type scale = Type::f32;
  Operation a = Operation::plain, b = Operation::plain;
  Finish finish = Finish::none;
  const void* bias = nullptr;
};

/// What stands behind a Preference.
struct Wishes {
  std::uint64_t max_workspace = 0;
  std::uint32_t reductions = 7;
  std::uint32_t alignment[4] = {256, 256, 256, 256};  ///< of a, b, c, d in bytes
  std::uint64_t implementations = ~std::uint64_t{0};
};

}  // namespace faltung::cuda::cublaslt

/// A product of the library that stands in for cuBLASLt.
namespace faltung::test {

[[nodiscard]] std::size_t element_bytes(cuda::cublaslt::Type type);

/// D = finish(alpha op(A) op(B) + beta C + bias), all matrices column-major.
struct CublasltProduct {
  cuda::cublaslt::Description how;
  cuda::cublaslt::Layout a, b, c, d;

  /// invalid_value where shapes disagree, not_supported for types, operations and epilogues that
  /// the library has no kernel for.
  [[nodiscard]] cuda::cublaslt::Status check() const;
  /// The kernel that it needs, as one bit of `implementation` for each part.
  [[nodiscard]] std::uint64_t implementation() const;
  /// A number of its own for each product, whatever it is finished with from where.
  [[nodiscard]] std::uint64_t key() const;
  [[nodiscard]] std::int64_t depth() const;

  /// What the real library does on the device, as one kernel of the emulator: all reads, then all
  /// writes. The workspace holds NaN afterwards. C is read unless beta is 0.
  void run(const void* alpha, const void* a_data, const void* b_data, const void* beta,
           const void* c_data, void* d_data, void* workspace, std::size_t workspace_bytes,
           cudaStream_t stream) const;
  /// What it needs to run while a stream is captured.
  static void load();
};

/// Bytes from the first element of the first matrix to past the last of the last.
[[nodiscard]] std::size_t span(const cuda::cublaslt::Layout& matrices);
/// Whether two matrices of a batch share an element.
[[nodiscard]] bool overlap_themselves(const cuda::cublaslt::Layout& matrices);

}  // namespace faltung::test
