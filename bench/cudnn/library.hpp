#pragma once

#include <cudnn.h>

namespace faltung::bench {

/// What is used of cuDNN's C API (backend API of version 9), opened at run time: the program also
/// starts, and says what is missing, where there is no cuDNN.
struct CudnnLibrary {
  decltype(&cudnnGetVersion) version;
  decltype(&cudnnGetErrorString) error_string;
  decltype(&cudnnCreate) create;
  decltype(&cudnnDestroy) destroy;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendExecute) execute;
};

/// @throws DeviceError if there is no cuDNN 9 that can be used; it says where it was looked for.
[[nodiscard]] const CudnnLibrary& cudnn();

/// @throws DeviceError naming `what` and cuDNN's reason.
void check_cudnn(cudnnStatus_t status, const char* what);

}  // namespace faltung::bench
