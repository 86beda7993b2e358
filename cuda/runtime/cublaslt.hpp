#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// As the toolkit has it: what looks for the library compiles without one.
using cudaStream_t = struct CUstream_st*;

/// The part of cuBLASLt that the engines use. Declared here and not taken from cublasLt.h, so that
/// the emulator and toolkits without cuBLAS compile it; cublaslt_abi_test compares the two. The
/// functions and their parameters are the same in cuBLASLt 12 and 13.
namespace faltung::cuda::cublaslt {

/// cublasStatus_t.
enum class Status : int {
  success = 0,
  not_initialized = 1,
  alloc_failed = 3,
  invalid_value = 7,
  arch_mismatch = 8,
  mapping_error = 11,
  execution_failed = 13,
  internal_error = 14,
  not_supported = 15,
  license_error = 16
};
/// "CUBLAS_STATUS_ALLOC_FAILED"
[[nodiscard]] std::string_view name(Status status);

/// cudaDataType, of elements, bias and factors.
enum class Type : int { f32 = 0, f64 = 1, f16 = 2, i8 = 3, i32 = 10, bf16 = 14 };
/// cublasComputeType_t, of sums; `tf32` sums products of f32 factors cut to tf32 in f32.
enum class Compute : int { f32 = 68, f64 = 70, i32 = 72, tf32 = 77 };
/// cublasOperation_t.
enum class Operation : int { plain = 0, transposed = 1 };
/// cublasLtEpilogue_t.
enum class Finish : int { none = 1, relu = 2, bias = 4, relu_bias = 6 };

/// cublasLtMatmulDescAttributes_t; in comments the type of the value.
enum class ProductAttribute : int {
  scale_type = 1,    ///< int32
  transpose_a = 3,   ///< int32, an Operation
  transpose_b = 4,   ///< likewise
  finish = 7,        ///< uint32, a Finish
  bias_pointer = 8,  ///< void*, on the device: of the type of D, one for each row of D
};
/// cublasLtMatrixLayoutAttribute_t.
enum class MatrixAttribute : int {
  batch_count = 5,  ///< int32
  batch_step = 6    ///< int64, elements
};
/// cublasLtMatmulPreferenceAttributes_t.
enum class PreferenceAttribute : int {
  max_workspace_bytes = 1,  ///< uint64, 0 without
  reduction_schemes = 3,    ///< uint32, Reduction or-ed
  min_alignment_a = 5,      ///< uint32, 256 without, as those that follow
  min_alignment_b = 6,
  min_alignment_c = 7,
  min_alignment_d = 8,
  implementations = 12  ///< uint64, Implementation or-ed, all without
};
/// cublasLtMatmulAlgoConfigAttributes_t.
enum class AlgorithmAttribute : int {
  id = 0,        ///< int32
  splits = 2,    ///< int32
  reduction = 3  ///< uint32, a Reduction
};
/// cublasLtReductionScheme_t: how the sums of parts of a long product are added.
namespace reduction {
inline constexpr std::uint32_t none = 0, in_place = 1, compute_type = 2, output_type = 4;
}
/// cublasLtNumericalImplFlags_t: by which instructions, with which sums, of which operands.
namespace implementation {
inline constexpr std::uint64_t fma = 1, tensor = 0xfe;
inline constexpr std::uint64_t sums_f16 = 0x100, sums_f32 = 0x200, sums_f64 = 0x400,
                               sums_i32 = 0x800;
inline constexpr std::uint64_t of_f16 = 0x10000, of_bf16 = 0x20000, of_tf32 = 0x40000,
                               of_f32 = 0x80000, of_f64 = 0x100000, of_i8 = 0x200000;
}  // namespace implementation

// What the library keeps behind its pointers is its own.
struct Context;
struct Description;
struct Layout;
struct Wishes;
using Handle = Context*;
using ProductDescription = Description*;
using MatrixDescription = Layout*;
using Preference = Wishes*;

/// cublasLtMatmulAlgo_t: for one problem and this version of the library; may be copied.
struct Algorithm {
  std::uint64_t data[8];
};
/// cublasLtMatmulHeuristicResult_t.
struct Proposal {
  Algorithm algorithm;
  std::size_t workspace_bytes;
  Status state;
  float waves;
  int reserved[4];
};

struct Functions {
  Status (*create)(Handle*) = nullptr;
  Status (*destroy)(Handle) = nullptr;
  std::size_t (*version)() = nullptr;
  const char* (*status_string)(Status) = nullptr;
  Status (*product_create)(ProductDescription*, Compute, Type scale) = nullptr;
  Status (*product_destroy)(ProductDescription) = nullptr;
  Status (*product_set)(ProductDescription, ProductAttribute, const void*, std::size_t) = nullptr;
  Status (*matrix_create)(MatrixDescription*, Type, std::uint64_t rows, std::uint64_t columns,
                          std::int64_t leading) = nullptr;
  Status (*matrix_destroy)(MatrixDescription) = nullptr;
  Status (*matrix_set)(MatrixDescription, MatrixAttribute, const void*, std::size_t) = nullptr;
  Status (*preference_create)(Preference*) = nullptr;
  Status (*preference_destroy)(Preference) = nullptr;
  Status (*preference_set)(Preference, PreferenceAttribute, const void*, std::size_t) = nullptr;
  Status (*propose)(Handle, ProductDescription, MatrixDescription a, MatrixDescription b,
                    MatrixDescription c, MatrixDescription d, Preference, int wanted, Proposal*,
                    int* found) = nullptr;
  Status (*check)(Handle, ProductDescription, MatrixDescription a, MatrixDescription b,
                  MatrixDescription c, MatrixDescription d, const Algorithm*, Proposal*) = nullptr;
  Status (*algorithm_get)(const Algorithm*, AlgorithmAttribute, void*, std::size_t,
                          std::size_t* written) = nullptr;
  Status (*multiply)(Handle, ProductDescription, const void* alpha, const void* a,
                     MatrixDescription, const void* b, MatrixDescription, const void* beta,
                     const void* c, MatrixDescription, void* d, MatrixDescription, const Algorithm*,
                     void* workspace, std::size_t workspace_bytes, cudaStream_t) = nullptr;
};

/// Those of the library that is open.
///
/// @throws DeviceError if there is none, with its reason.
[[nodiscard]] const Functions& functions();

/// Calls f(name in cuBLASLt, member of Functions) for each.
template <typename F>
void for_each_function(Functions& to, F&& f) {
  f("cublasLtCreate", to.create);
  f("cublasLtDestroy", to.destroy);
  f("cublasLtGetVersion", to.version);
  f("cublasLtGetStatusString", to.status_string);
  f("cublasLtMatmulDescCreate", to.product_create);
  f("cublasLtMatmulDescDestroy", to.product_destroy);
  f("cublasLtMatmulDescSetAttribute", to.product_set);
  f("cublasLtMatrixLayoutCreate", to.matrix_create);
  f("cublasLtMatrixLayoutDestroy", to.matrix_destroy);
  f("cublasLtMatrixLayoutSetAttribute", to.matrix_set);
  f("cublasLtMatmulPreferenceCreate", to.preference_create);
  f("cublasLtMatmulPreferenceDestroy", to.preference_destroy);
  f("cublasLtMatmulPreferenceSetAttribute", to.preference_set);
  f("cublasLtMatmulAlgoGetHeuristic", to.propose);
  f("cublasLtMatmulAlgoCheck", to.check);
  f("cublasLtMatmulAlgoConfigGetAttribute", to.algorithm_get);
  f("cublasLtMatmul", to.multiply);
}

}  // namespace faltung::cuda::cublaslt
