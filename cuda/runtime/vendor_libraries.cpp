#include "cuda/runtime/vendor_library.hpp"

#include <vector>

#include "cuda/runtime/cublaslt.hpp"
#include "cuda/runtime/cudnn.hpp"
#include "cuda/runtime/cufft.hpp"

namespace faltung::cuda {
namespace {

constexpr std::string_view toolkit[] = {"CUDA_PATH", "CUDA_HOME"};

constexpr int cufft_majors[] = {12, 11};  // of CUDA 13 and 12
constexpr int cublaslt_majors[] = {13, 12};

constexpr std::string_view cudnn_folders[] = {"CUDNN_PATH", "CUDA_PATH", "CUDA_HOME"};
constexpr int cudnn_majors[] = {9};
// Source: jax_plugins/cuda/__init__.py of JAX, which refuses it.
constexpr LibraryFault cudnn_faults[] = {
    {{9, 10, 0}, {9, 10, 0}, "its enumerations have another order than those of other versions"}};

// Of all functions that are used.
template <typename Functions>
std::vector<std::string_view> names_of() {
  std::vector<std::string_view> names;
  Functions functions;
  for_each_function(functions, [&](const char* name, auto*&) { names.emplace_back(name); });
  return names;
}

}  // namespace

const OpenLibrary& cufft_library() {
  static const std::vector<std::string_view> functions = names_of<cufft::Functions>();
  static const OpenLibrary library({.name = "cuFFT",
                                    .variable = "FALTUNG_CUFFT_LIBRARY",
                                    .stem = "libcufft.so.",
                                    .package = "nvidia-cufft",
                                    .property = "cufftGetProperty",
                                    .majors = cufft_majors,
                                    .folders = toolkit,
                                    .functions = functions});
  return library;
}

const OpenLibrary& cublaslt_library() {
  static const std::vector<std::string_view> functions = names_of<cublaslt::Functions>();
  static const OpenLibrary library({.name = "cuBLASLt",
                                    .variable = "FALTUNG_CUBLASLT_LIBRARY",
                                    .stem = "libcublasLt.so.",
                                    .package = "nvidia-cublas",
                                    .property = "cublasLtGetProperty",
                                    .majors = cublaslt_majors,
                                    .folders = toolkit,
                                    .functions = functions});
  return library;
}

const OpenLibrary& cudnn_library() {
  static const std::vector<std::string_view> functions = names_of<cudnn::Functions>();
  static const OpenLibrary library({.name = "cuDNN",
                                    .variable = "FALTUNG_CUDNN_LIBRARY",
                                    .stem = "libcudnn.so.",
                                    .package = "nvidia-cudnn-cu13",
                                    .property = "cudnnGetProperty",
                                    .majors = cudnn_majors,
                                    .folders = cudnn_folders,
                                    .functions = functions,
                                    .faults = cudnn_faults});
  return library;
}

const OpenLibrary& nvjitlink_library() {
  static const int majors[] = {cufft_library() && cufft_library().version().major == 11 ? 12 : 13};
  static const OpenLibrary library({.name = "nvJitLink",
                                    .variable = "FALTUNG_NVJITLINK_LIBRARY",
                                    .stem = "libnvJitLink.so.",
                                    .package = "nvidia-nvjitlink",
                                    .numbers = "nvJitLinkVersion",
                                    .majors = majors,
                                    .folders = toolkit});
  return library;
}

}  // namespace faltung::cuda
