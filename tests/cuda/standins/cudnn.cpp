// Stands in for libcudnn.so.9 on the emulated device: the real library, which needs neither a GPU
// nor a driver for graphs, heuristics and plans of a device that is described to it, but for what
// runs there. Handles are ours; `cudnnBackendExecute` computes on the CPU what the plan's own text
// says, and objects to every misuse that the real one punishes by wrong numbers.
#include <dlfcn.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "cuda/runtime/cudnn_convolution.hpp"
#include "cuda/runtime/gpu_machine.hpp"
#include "tests/cuda/standins/cudnn_convolution.hpp"
#include "tests/cuda/standins/standin.hpp"
#include "tests/emulator/host_runtime.hpp"

namespace faltung::cuda::cudnn {

/// A handle.
struct Context {
  int device = 0;
  bool has_stream = false;
  cudaStream_t stream = nullptr;
  std::atomic<int> users = 0;
};

}  // namespace faltung::cuda::cudnn

namespace faltung::test {
namespace {

using namespace cuda::cudnn;  // NOLINT: all of it

// Never destroyed: plans may be, as late as that.
struct Library {
  Calls calls;
  std::mutex mutex;
  Functions real;
  int (*property)(int, int*) = nullptr;
  std::set<const Context*> handles;
  std::map<RawDescriptor, CudnnPack> packs;
  int descriptors = 0;
};

Library* open() {
  void* file = dlopen(FALTUNG_REAL_CUDNN, RTLD_NOW | RTLD_LOCAL);
  if (file == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    std::abort();
  }
  auto* library = new Library;
  const auto load = [&]<typename F>(const char* name, F*& pointer) {
    pointer = reinterpret_cast<F*>(dlsym(file, name));
  };
  for_each_function(library->real, load);
  load("cudnnGetProperty", library->property);
  return library;
}
Library& library() {
  static auto* const instance = open();
  return *instance;
}

// The call `act`, unless it is to fail.
template <typename Act>
Status call(const char* function, Act&& act) {
  const emulator::Spared spared;
  if (const int wish = library().calls.note(function); wish != 0) return Status{wish};
  return act();
}

bool has(const Context* handle) {
  const std::lock_guard lock(library().mutex);
  return library().handles.contains(handle);
}

class Use {
 public:
  explicit Use(Context& handle) : handle_(handle) {
    if (handle_.users.fetch_add(1) == 0) return;
    handle_.users.fetch_sub(1);
    object("two threads use one handle of cuDNN at once");
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() { handle_.users.fetch_sub(1); }

 private:
  Context& handle_;
};

// The real library gives nothing of a pack back, so it is remembered here.
void remember(RawDescriptor pack, Attribute name, std::int64_t count, const void* values) {
  const std::lock_guard lock(library().mutex);
  if (name == Attribute::pack_workspace) {
    library().packs[pack].workspace = *static_cast<void* const*>(values);
  } else if (name == Attribute::pack_ids) {
    const auto* all = static_cast<const std::int64_t*>(values);
    library().packs[pack].ids.assign(all, all + count);
  } else if (name == Attribute::pack_pointers) {
    auto* const* all = static_cast<void* const*>(values);
    library().packs[pack].pointers.assign(all, all + count);
  }
}

std::string text_of(RawDescriptor plan) {
  const auto get = library().real.get_attribute;
  std::int64_t count = 0;
  (void)get(plan, Attribute::plan_text, ValueType::text, 0, &count, nullptr);
  std::string text(static_cast<std::size_t>(count), '\0');
  (void)get(plan, Attribute::plan_text, ValueType::text, count, &count, text.data());
  return text.c_str();  // to its end
}

Status execute(Context& handle, RawDescriptor plan, RawDescriptor pack) {
  const Use use(handle);
  if (handle.device != emulator::machine.current) {
    object("a handle of cuDNN is used on another device than the one it was made on");
  }
  if (!handle.has_stream) object("a handle of cuDNN was given no stream");
  CudnnPack data;
  {
    const std::lock_guard lock(library().mutex);
    const auto found = library().packs.find(pack);
    if (found == library().packs.end()) return Status::bad_param;
    data = found->second;
  }
  std::int64_t bytes = 0, count = 0;
  const Status status = library().real.get_attribute(plan, Attribute::plan_workspace,
                                                     ValueType::int64, 1, &count, &bytes);
  if (status != Status::success) return status;
  if (bytes != 0 && data.workspace == nullptr) object("a plan of cuDNN lacks its workspace");
  const CudnnConvolution convolution(text_of(plan), data, library().real.version());
  convolution.run(data.workspace, static_cast<std::size_t>(bytes), handle.stream);
  return Status::success;
}

// After all other code of the process has ended. Handles are kept.
[[gnu::destructor]] void report_leaks() {
  if (library().descriptors == 0) return;
  std::fprintf(stderr, "%d descriptors of cuDNN were never destroyed\n", library().descriptors);
  std::_Exit(1);
}

}  // namespace
}  // namespace faltung::test

using namespace faltung::test;         // NOLINT
using namespace faltung::cuda::cudnn;  // NOLINT

extern "C" {

int cudnnGetProperty(int part, int* value) { return library().property(part, value); }
std::size_t cudnnGetVersion() { return library().real.version(); }
const char* cudnnGetErrorString(Status status) { return library().real.error_string(status); }

Status cudnnCreate(Context** handle) {
  return call("cudnnCreate", [&] {
    faltung::emulator::forbid_in_capture("cudnnCreate");
    CudnnConvolution::load();
    auto* one = new Context;
    one->device = faltung::emulator::machine.current;
    const std::lock_guard lock(library().mutex);
    library().handles.insert(one);
    *handle = one;
    return Status::success;
  });
}

Status cudnnDestroy(Context* handle) {
  faltung::emulator::forbid_in_capture("cudnnDestroy");
  return call("cudnnDestroy", [&] {
    const std::lock_guard lock(library().mutex);
    if (library().handles.erase(handle) == 0) return Status::bad_param;
    delete handle;
    return Status::success;
  });
}

Status cudnnSetStream(Context* handle, cudaStream_t stream) {
  return call("cudnnSetStream", [&] {
    if (!has(handle)) return Status::bad_param;
    const Use use(*handle);
    handle->stream = stream;
    handle->has_stream = true;
    return Status::success;
  });
}

Status cudnnBackendCreateDescriptor(Kind kind, RawDescriptor* to) {
  return call("cudnnBackendCreateDescriptor", [&] {
    const Status status = library().real.create_descriptor(kind, to);
    const std::lock_guard lock(library().mutex);
    library().descriptors += status == Status::success ? 1 : 0;
    return status;
  });
}

// Whatever one that destroys answers on request, it is gone: nobody could do it again.
Status cudnnBackendDestroyDescriptor(RawDescriptor one) {
  const faltung::emulator::Spared spared;
  const Status status = library().real.destroy_descriptor(one);
  {
    const std::lock_guard lock(library().mutex);
    library().descriptors -= status == Status::success ? 1 : 0;
    library().packs.erase(one);
  }
  return call("cudnnBackendDestroyDescriptor", [&] { return status; });
}

Status cudnnBackendSetAttribute(RawDescriptor to, Attribute name, ValueType type,
                                std::int64_t count, const void* values) {
  return call("cudnnBackendSetAttribute", [&] {
    if (name == Attribute::device_id) {  // the emulated one, as it is described
      const int index = *static_cast<const std::int32_t*>(values);
      const std::string text = device_text(faltung::cuda::gpu_machine(index));
      return library().real.set_attribute(to, Attribute::device_text, ValueType::text,
                                          static_cast<std::int64_t>(text.size()), text.data());
    }
    const Status status = library().real.set_attribute(to, name, type, count, values);
    if (status == Status::success) remember(to, name, count, values);
    return status;
  });
}

Status cudnnBackendGetAttribute(RawDescriptor from, Attribute name, ValueType type,
                                std::int64_t wanted, std::int64_t* count, void* values) {
  return call("cudnnBackendGetAttribute", [&] {
    return library().real.get_attribute(from, name, type, wanted, count, values);
  });
}

Status cudnnBackendFinalize(RawDescriptor one) {
  return call("cudnnBackendFinalize", [&] { return library().real.finalize(one); });
}

Status cudnnBackendExecute(Context* handle, RawDescriptor plan, RawDescriptor pack) {
  return call("cudnnBackendExecute",
              [&] { return has(handle) ? execute(*handle, plan, pack) : Status::bad_param; });
}

// For tests alone.
void standin_cudnn_fail(const char* function, int nth, int status) {
  library().calls.fail(function, nth, status);
}
int standin_cudnn_calls(const char* function) { return library().calls.count(function); }
int standin_cudnn_open() {
  const std::lock_guard lock(library().mutex);
  return library().descriptors;
}

}  // extern "C"
