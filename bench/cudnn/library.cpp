#include "bench/cudnn/library.hpp"

#include <dlfcn.h>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"

namespace faltung::bench {
namespace {

constexpr const char* file_name = "libcudnn.so.9";

template <typename Function>
void load(void* file, const char* symbol, Function& function) {
  function = reinterpret_cast<Function>(dlsym(file, symbol));
  if (function == nullptr) {
    throw DeviceError(message(file_name, " has no function '", symbol, "'; cuDNN 9 has"));
  }
}

CudnnLibrary open() {
  void* file = dlopen(file_name, RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) {
    throw DeviceError(
        message("cuDNN cannot be opened: ", dlerror(), "; put its folder into LD_LIBRARY_PATH"));
  }
  CudnnLibrary library{};
  load(file, "cudnnGetVersion", library.version);
  load(file, "cudnnGetErrorString", library.error_string);
  load(file, "cudnnCreate", library.create);
  load(file, "cudnnDestroy", library.destroy);
  load(file, "cudnnSetStream", library.set_stream);
  load(file, "cudnnBackendCreateDescriptor", library.create_descriptor);
  load(file, "cudnnBackendDestroyDescriptor", library.destroy_descriptor);
  load(file, "cudnnBackendSetAttribute", library.set_attribute);
  load(file, "cudnnBackendGetAttribute", library.get_attribute);
  load(file, "cudnnBackendFinalize", library.finalize);
  load(file, "cudnnBackendExecute", library.execute);
  return library;
}

}  // namespace

const CudnnLibrary& cudnn() {
  static const CudnnLibrary library = open();
  return library;
}

void check_cudnn(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  throw DeviceError(message("cuDNN cannot ", what, ": ", cudnn().error_string(status)));
}

}  // namespace faltung::bench
