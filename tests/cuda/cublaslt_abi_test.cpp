#include "cuda/runtime/cublaslt.hpp"

#include <cublasLt.h>
#include <gtest/gtest.h>

#include <string>
#include <type_traits>

#include "tests/cuda/abi.hpp"

// What cuda/runtime/cublaslt.hpp declares is what cuBLASLt's own headers declare.
namespace faltung::cuda {

FALTUNG_THEIRS(cublaslt::Status, cublasStatus_t);
FALTUNG_THEIRS(cublaslt::Type, cudaDataType);
FALTUNG_THEIRS(cublaslt::Compute, cublasComputeType_t);
FALTUNG_THEIRS(cublaslt::ProductAttribute, cublasLtMatmulDescAttributes_t);
FALTUNG_THEIRS(cublaslt::MatrixAttribute, cublasLtMatrixLayoutAttribute_t);
FALTUNG_THEIRS(cublaslt::PreferenceAttribute, cublasLtMatmulPreferenceAttributes_t);
FALTUNG_THEIRS(cublaslt::AlgorithmAttribute, cublasLtMatmulAlgoConfigAttributes_t);
FALTUNG_THEIRS(cublaslt::Handle, cublasLtHandle_t);
FALTUNG_THEIRS(cublaslt::ProductDescription, cublasLtMatmulDesc_t);
FALTUNG_THEIRS(cublaslt::MatrixDescription, cublasLtMatrixLayout_t);
FALTUNG_THEIRS(cublaslt::Preference, cublasLtMatmulPreference_t);
FALTUNG_THEIRS(cublaslt::Algorithm, cublasLtMatmulAlgo_t);
FALTUNG_THEIRS(cublaslt::Proposal, cublasLtMatmulHeuristicResult_t);

namespace cublaslt {
namespace {

FALTUNG_SAME(create, cublasLtCreate);
FALTUNG_SAME(destroy, cublasLtDestroy);
FALTUNG_SAME(version, cublasLtGetVersion);
FALTUNG_SAME(status_string, cublasLtGetStatusString);
FALTUNG_SAME(product_create, cublasLtMatmulDescCreate);
FALTUNG_SAME(product_destroy, cublasLtMatmulDescDestroy);
FALTUNG_SAME(product_set, cublasLtMatmulDescSetAttribute);
FALTUNG_SAME(matrix_create, cublasLtMatrixLayoutCreate);
FALTUNG_SAME(matrix_destroy, cublasLtMatrixLayoutDestroy);
FALTUNG_SAME(matrix_set, cublasLtMatrixLayoutSetAttribute);
FALTUNG_SAME(preference_create, cublasLtMatmulPreferenceCreate);
FALTUNG_SAME(preference_destroy, cublasLtMatmulPreferenceDestroy);
FALTUNG_SAME(preference_set, cublasLtMatmulPreferenceSetAttribute);
FALTUNG_SAME(propose, cublasLtMatmulAlgoGetHeuristic);
FALTUNG_SAME(check, cublasLtMatmulAlgoCheck);
FALTUNG_SAME(algorithm_get, cublasLtMatmulAlgoConfigGetAttribute);
FALTUNG_SAME(multiply, cublasLtMatmul);

static_assert(offsetof(Proposal, workspace_bytes) ==
              offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
static_assert(offsetof(Proposal, state) == offsetof(cublasLtMatmulHeuristicResult_t, state));

static_assert(same(Type::f32, CUDA_R_32F) && same(Type::f64, CUDA_R_64F) &&
              same(Type::f16, CUDA_R_16F) && same(Type::bf16, CUDA_R_16BF) &&
              same(Type::i8, CUDA_R_8I) && same(Type::i32, CUDA_R_32I));
static_assert(same(Compute::f32, CUBLAS_COMPUTE_32F) && same(Compute::f64, CUBLAS_COMPUTE_64F) &&
              same(Compute::i32, CUBLAS_COMPUTE_32I) &&
              same(Compute::tf32, CUBLAS_COMPUTE_32F_FAST_TF32));
static_assert(same(Operation::plain, CUBLAS_OP_N) && same(Operation::transposed, CUBLAS_OP_T));
static_assert(same(Finish::none, CUBLASLT_EPILOGUE_DEFAULT) &&
              same(Finish::relu, CUBLASLT_EPILOGUE_RELU) &&
              same(Finish::bias, CUBLASLT_EPILOGUE_BIAS) &&
              same(Finish::relu_bias, CUBLASLT_EPILOGUE_RELU_BIAS));
static_assert(same(ProductAttribute::scale_type, CUBLASLT_MATMUL_DESC_SCALE_TYPE) &&
              same(ProductAttribute::transpose_a, CUBLASLT_MATMUL_DESC_TRANSA) &&
              same(ProductAttribute::transpose_b, CUBLASLT_MATMUL_DESC_TRANSB) &&
              same(ProductAttribute::finish, CUBLASLT_MATMUL_DESC_EPILOGUE) &&
              same(ProductAttribute::bias_pointer, CUBLASLT_MATMUL_DESC_BIAS_POINTER));
static_assert(same(MatrixAttribute::batch_count, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) &&
              same(MatrixAttribute::batch_step, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET));
static_assert(
    same(PreferenceAttribute::max_workspace_bytes, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) &&
    same(PreferenceAttribute::reduction_schemes, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK) &&
    same(PreferenceAttribute::min_alignment_a, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES) &&
    same(PreferenceAttribute::min_alignment_b, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES) &&
    same(PreferenceAttribute::min_alignment_c, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES) &&
    same(PreferenceAttribute::min_alignment_d, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES) &&
    same(PreferenceAttribute::implementations, CUBLASLT_MATMUL_PREF_IMPL_MASK));
static_assert(same(AlgorithmAttribute::id, CUBLASLT_ALGO_CONFIG_ID) &&
              same(AlgorithmAttribute::splits, CUBLASLT_ALGO_CONFIG_SPLITK_NUM) &&
              same(AlgorithmAttribute::reduction, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME));
static_assert(same(reduction::none, CUBLASLT_REDUCTION_SCHEME_NONE) &&
              same(reduction::in_place, CUBLASLT_REDUCTION_SCHEME_INPLACE) &&
              same(reduction::compute_type, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) &&
              same(reduction::output_type, CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE));
static_assert(same(implementation::fma, CUBLASLT_NUMERICAL_IMPL_FLAGS_FMA) &&
              same(implementation::tensor, CUBLASLT_NUMERICAL_IMPL_FLAGS_TENSOR_OP_MASK) &&
              same(implementation::sums_f16, CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_16F) &&
              same(implementation::sums_f32, CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32F) &&
              same(implementation::sums_f64, CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_64F) &&
              same(implementation::sums_i32, CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32I) &&
              same(implementation::of_f16, CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16F) &&
              same(implementation::of_bf16, CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16BF) &&
              same(implementation::of_tf32, CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_TF32) &&
              same(implementation::of_f32, CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_32F) &&
              same(implementation::of_f64, CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_64F) &&
              same(implementation::of_i8, CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_8I));

TEST(CublasltAbi, NamesOfStatuses) {
  for (const auto& [theirs, words] :
       {std::pair<cublasStatus_t, const char*>{CUBLAS_STATUS_SUCCESS, "CUBLAS_STATUS_SUCCESS"},
        {CUBLAS_STATUS_NOT_INITIALIZED, "CUBLAS_STATUS_NOT_INITIALIZED"},
        {CUBLAS_STATUS_ALLOC_FAILED, "CUBLAS_STATUS_ALLOC_FAILED"},
        {CUBLAS_STATUS_INVALID_VALUE, "CUBLAS_STATUS_INVALID_VALUE"},
        {CUBLAS_STATUS_ARCH_MISMATCH, "CUBLAS_STATUS_ARCH_MISMATCH"},
        {CUBLAS_STATUS_MAPPING_ERROR, "CUBLAS_STATUS_MAPPING_ERROR"},
        {CUBLAS_STATUS_EXECUTION_FAILED, "CUBLAS_STATUS_EXECUTION_FAILED"},
        {CUBLAS_STATUS_INTERNAL_ERROR, "CUBLAS_STATUS_INTERNAL_ERROR"},
        {CUBLAS_STATUS_NOT_SUPPORTED, "CUBLAS_STATUS_NOT_SUPPORTED"},
        {CUBLAS_STATUS_LICENSE_ERROR, "CUBLAS_STATUS_LICENSE_ERROR"}}) {
    EXPECT_EQ(name(Status{static_cast<int>(theirs)}), words);
  }
}

}  // namespace
}  // namespace cublaslt
}  // namespace faltung::cuda
