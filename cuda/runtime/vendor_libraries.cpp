#include "cuda/runtime/vendor_library.hpp"

namespace faltung::cuda {
namespace {

constexpr std::string_view toolkit[] = {"CUDA_PATH", "CUDA_HOME"};

constexpr int cufft_majors[] = {12, 11};  // of CUDA 13 and 12
constexpr std::string_view cufft_functions[] = {
    "cufftCreate",    "cufftDestroy",     "cufftSetAutoAllocation",
    "cufftSetStream", "cufftSetWorkArea", "cufftXtMakePlanMany",
    "cufftXtExec"};

constexpr int cublaslt_majors[] = {13, 12};
constexpr std::string_view cublaslt_functions[] = {"cublasLtCreate",
                                                   "cublasLtDestroy",
                                                   "cublasLtGetVersion",
                                                   "cublasLtGetStatusString",
                                                   "cublasLtMatmulDescCreate",
                                                   "cublasLtMatmulDescDestroy",
                                                   "cublasLtMatmulDescSetAttribute",
                                                   "cublasLtMatrixLayoutCreate",
                                                   "cublasLtMatrixLayoutDestroy",
                                                   "cublasLtMatrixLayoutSetAttribute",
                                                   "cublasLtMatmulPreferenceCreate",
                                                   "cublasLtMatmulPreferenceDestroy",
                                                   "cublasLtMatmulPreferenceSetAttribute",
                                                   "cublasLtMatmulAlgoGetHeuristic",
                                                   "cublasLtMatmulAlgoCheck",
                                                   "cublasLtMatmulAlgoConfigGetAttribute",
                                                   "cublasLtMatmul"};

constexpr std::string_view cudnn_folders[] = {"CUDNN_PATH", "CUDA_PATH", "CUDA_HOME"};
constexpr int cudnn_majors[] = {9};
constexpr std::string_view cudnn_functions[] = {
    "cudnnGetVersion",
    "cudnnGetErrorString",
    "cudnnCreate",
    "cudnnDestroy",
    "cudnnSetStream",
    "cudnnBackendCreateDescriptor",
    "cudnnBackendDestroyDescriptor",
    "cudnnBackendSetAttribute",
    "cudnnBackendGetAttribute",
    "cudnnBackendFinalize",
    "cudnnBackendExecute",
};
// Source: jax_plugins/cuda/__init__.py of JAX, which refuses it.
constexpr LibraryFault cudnn_faults[] = {
    {{9, 10, 0}, {9, 10, 0}, "its enumerations have another order than those of other versions"}};

}  // namespace

const OpenLibrary& cufft_library() {
  static const OpenLibrary library({.name = "cuFFT",
                                    .variable = "FALTUNG_CUFFT_LIBRARY",
                                    .stem = "libcufft.so.",
                                    .package = "nvidia-cufft",
                                    .property = "cufftGetProperty",
                                    .majors = cufft_majors,
                                    .folders = toolkit,
                                    .functions = cufft_functions});
  return library;
}

const OpenLibrary& cublaslt_library() {
  static const OpenLibrary library({.name = "cuBLASLt",
                                    .variable = "FALTUNG_CUBLASLT_LIBRARY",
                                    .stem = "libcublasLt.so.",
                                    .package = "nvidia-cublas",
                                    .property = "cublasLtGetProperty",
                                    .majors = cublaslt_majors,
                                    .folders = toolkit,
                                    .functions = cublaslt_functions});
  return library;
}

const OpenLibrary& cudnn_library() {
  static const OpenLibrary library({.name = "cuDNN",
                                    .variable = "FALTUNG_CUDNN_LIBRARY",
                                    .stem = "libcudnn.so.",
                                    .package = "nvidia-cudnn-cu13",
                                    .property = "cudnnGetProperty",
                                    .majors = cudnn_majors,
                                    .folders = cudnn_folders,
                                    .functions = cudnn_functions,
                                    .faults = cudnn_faults});
  return library;
}

}  // namespace faltung::cuda
