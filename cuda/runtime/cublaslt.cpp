#include "cuda/runtime/cublaslt.hpp"

#include <faltung/error.hpp>

#include "cuda/runtime/vendor_library.hpp"

namespace faltung::cuda::cublaslt {

const Functions& functions() {
  static const Functions found = [] {
    const OpenLibrary& library = cublaslt_library();
    if (!library) throw DeviceError(library.reason());
    Functions f;
    for_each_function(
        f, [&](const char* function, auto*& pointer) { library.load(function, pointer); });
    return f;
  }();
  return found;
}

std::string_view name(Status status) {
  switch (status) {
    case Status::success:
      return "CUBLAS_STATUS_SUCCESS";
    case Status::not_initialized:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case Status::alloc_failed:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case Status::invalid_value:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case Status::arch_mismatch:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case Status::mapping_error:
      return "CUBLAS_STATUS_MAPPING_ERROR";
    case Status::execution_failed:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case Status::internal_error:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case Status::not_supported:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    case Status::license_error:
      return "CUBLAS_STATUS_LICENSE_ERROR";
  }
  return "unknown status";
}

}  // namespace faltung::cuda::cublaslt
