#include "bench/cudnn/library.hpp"

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"
#include "cuda/runtime/vendor_library.hpp"

namespace faltung::bench {
namespace {

CudnnLibrary open() {
  const cuda::OpenLibrary& file = cuda::cudnn_library();
  if (!file) throw DeviceError(file.reason());
  CudnnLibrary library{};
  file.load("cudnnGetVersion", library.version);
  file.load("cudnnGetErrorString", library.error_string);
  file.load("cudnnCreate", library.create);
  file.load("cudnnDestroy", library.destroy);
  file.load("cudnnSetStream", library.set_stream);
  file.load("cudnnBackendCreateDescriptor", library.create_descriptor);
  file.load("cudnnBackendDestroyDescriptor", library.destroy_descriptor);
  file.load("cudnnBackendSetAttribute", library.set_attribute);
  file.load("cudnnBackendGetAttribute", library.get_attribute);
  file.load("cudnnBackendFinalize", library.finalize);
  file.load("cudnnBackendExecute", library.execute);
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
