// Stands in for libcublasLt.so.13 on the emulated device: its symbols, numbers by plain sums on the
// CPU, and an objection to every misuse that the real library punishes by wrong numbers. What the
// documentation gives a status for answers that status. Source: cuBLAS's documentation and headers.
#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>

#include "tests/cuda/standins/cublaslt_kernels.hpp"
#include "tests/cuda/standins/standin.hpp"
#include "tests/emulator/host_runtime.hpp"

namespace faltung::test {
namespace {

using namespace cuda::cublaslt;  // NOLINT: all of it

// What the library gave away and did not get back.
template <typename T>
class Open {
 public:
  template <typename... Arguments>
  T* add(Arguments&&... arguments) {
    const std::lock_guard lock(mutex_);
    T* one = new T{std::forward<Arguments>(arguments)...};
    all_.insert(one);
    return one;
  }
  bool remove(T* one) {
    const std::lock_guard lock(mutex_);
    if (all_.erase(one) == 0) return false;
    delete one;
    return true;
  }
  bool has(const T* one) {
    const std::lock_guard lock(mutex_);
    return all_.contains(const_cast<T*>(one));
  }
  int count() {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(all_.size());
  }

 private:
  std::mutex mutex_;
  std::set<T*> all_;
};

// Never destroyed: products may be, as late as that.
struct Library {
  Calls calls;
  Open<Context> handles;
  Open<Description> products;
  Open<Layout> matrices;
  Open<Wishes> preferences;
  [[nodiscard]] int descriptions() {
    return products.count() + matrices.count() + preferences.count();
  }
};
Library& library() {
  static auto* const instance = new Library;
  return *instance;
}

// The call `act`, unless it is to fail.
template <typename Act>
Status call(const char* function, Act&& act) {
  const emulator::Spared spared;
  if (const int wish = library().calls.note(function); wish != 0) return Status{wish};
  return act();
}

// An attribute of this type.
template <typename T>
Status take(T& to, const void* from, std::size_t bytes) {
  if (from == nullptr || bytes != sizeof(T)) return Status::invalid_value;
  std::memcpy(&to, from, sizeof(T));
  return Status::success;
}

// What the three descriptions say together; false if one is none of ours.
bool gather(CublasltProduct& to, const Description* how, const Layout* a, const Layout* b,
            const Layout* c, const Layout* d) {
  Library& all = library();
  if (!all.products.has(how)) return false;
  for (const Layout* m : {a, b, c, d}) {
    if (!all.matrices.has(m)) return false;
  }
  to = {*how, *a, *b, *c, *d};
  for (const Layout* m : {a, b, c, d}) {
    // The real library accepts it and reads past the columns.
    if (m->leading < static_cast<std::int64_t>(m->rows)) {
      object("a matrix of cuBLASLt has a leading dimension below its rows");
    }
  }
  if (overlap_themselves(*d)) object("matrices of a batch of D overlap");
  return true;
}

// After all other code of the process has ended. A handle is kept for each device.
[[gnu::destructor]] void report_leaks() {
  const int open = library().descriptions();
  const int handles = library().handles.count();
  if (open == 0 && handles <= emulator::machine.devices) return;
  std::fprintf(stderr, "%d descriptions and %d handles of cuBLASLt were never destroyed\n", open,
               handles);
  std::_Exit(1);
}

}  // namespace
}  // namespace faltung::test

using namespace faltung::test;            // NOLINT
using namespace faltung::cuda::cublaslt;  // NOLINT

extern "C" {

Status cublasLtGetProperty(int part, int* value) {
  constexpr int version[] = {13, 2, 0};
  *value = version[part];
  return Status::success;
}

std::size_t cublasLtGetVersion() { return 130200; }

const char* cublasLtGetStatusString(Status status) {
  return status == Status::success ? "success" : "failure";
}

Status cublasLtCreate(Context** handle) {
  return call("cublasLtCreate", [&] {
    faltung::emulator::forbid_in_capture("cublasLtCreate");
    *handle = library().handles.add(faltung::emulator::machine.current);
    return Status::success;
  });
}

// Whatever one that destroys answers on request, it is gone: nobody could do it again.
Status cublasLtDestroy(Context* handle) {
  faltung::emulator::forbid_in_capture("cublasLtDestroy");
  const bool known = library().handles.remove(handle);
  return call("cublasLtDestroy", [&] { return known ? Status::success : Status::invalid_value; });
}

Status cublasLtMatmulDescCreate(Description** to, Compute compute, Type scale) {
  return call("cublasLtMatmulDescCreate", [&] {
    *to = library().products.add(compute, scale);
    return Status::success;
  });
}

Status cublasLtMatmulDescDestroy(Description* one) {
  const bool known = library().products.remove(one);
  return call("cublasLtMatmulDescDestroy",
              [&] { return known ? Status::success : Status::invalid_value; });
}

Status cublasLtMatmulDescSetAttribute(Description* one, ProductAttribute attribute,
                                      const void* from, std::size_t bytes) {
  return call("cublasLtMatmulDescSetAttribute", [&] {
    if (!library().products.has(one)) return Status::invalid_value;
    switch (attribute) {
      case ProductAttribute::scale_type:
        return take(one->scale, from, bytes);
      case ProductAttribute::transpose_a:
        return take(one->a, from, bytes);
      case ProductAttribute::transpose_b:
        return take(one->b, from, bytes);
      case ProductAttribute::finish:
        return take(one->finish, from, bytes);
      case ProductAttribute::bias_pointer:
        return take(one->bias, from, bytes);
    }
    return Status::invalid_value;
  });
}

Status cublasLtMatrixLayoutCreate(Layout** to, Type type, std::uint64_t rows, std::uint64_t columns,
                                  std::int64_t leading) {
  return call("cublasLtMatrixLayoutCreate", [&] {
    *to = library().matrices.add(type, rows, columns, leading);
    return Status::success;
  });
}

Status cublasLtMatrixLayoutDestroy(Layout* one) {
  const bool known = library().matrices.remove(one);
  return call("cublasLtMatrixLayoutDestroy",
              [&] { return known ? Status::success : Status::invalid_value; });
}

Status cublasLtMatrixLayoutSetAttribute(Layout* one, MatrixAttribute attribute, const void* from,
                                        std::size_t bytes) {
  return call("cublasLtMatrixLayoutSetAttribute", [&] {
    if (!library().matrices.has(one)) return Status::invalid_value;
    switch (attribute) {
      case MatrixAttribute::batch_count:
        return take(one->batch, from, bytes);
      case MatrixAttribute::batch_step:
        return take(one->step, from, bytes);
    }
    return Status::invalid_value;
  });
}

Status cublasLtMatmulPreferenceCreate(Wishes** to) {
  return call("cublasLtMatmulPreferenceCreate", [&] {
    *to = library().preferences.add();
    return Status::success;
  });
}

Status cublasLtMatmulPreferenceDestroy(Wishes* one) {
  const bool known = library().preferences.remove(one);
  return call("cublasLtMatmulPreferenceDestroy",
              [&] { return known ? Status::success : Status::invalid_value; });
}

Status cublasLtMatmulPreferenceSetAttribute(Wishes* one, PreferenceAttribute attribute,
                                            const void* from, std::size_t bytes) {
  return call("cublasLtMatmulPreferenceSetAttribute", [&] {
    if (!library().preferences.has(one)) return Status::invalid_value;
    switch (attribute) {
      case PreferenceAttribute::max_workspace_bytes:
        return take(one->max_workspace, from, bytes);
      case PreferenceAttribute::reduction_schemes:
        return take(one->reductions, from, bytes);
      case PreferenceAttribute::min_alignment_a:
        return take(one->alignment[0], from, bytes);
      case PreferenceAttribute::min_alignment_b:
        return take(one->alignment[1], from, bytes);
      case PreferenceAttribute::min_alignment_c:
        return take(one->alignment[2], from, bytes);
      case PreferenceAttribute::min_alignment_d:
        return take(one->alignment[3], from, bytes);
      case PreferenceAttribute::implementations:
        return take(one->implementations, from, bytes);
    }
    return Status::invalid_value;
  });
}

Status cublasLtMatmulAlgoGetHeuristic(Context* handle, Description* how, Layout* a, Layout* b,
                                      Layout* c, Layout* d, Wishes* wishes, int wanted,
                                      Proposal* to, int* found) {
  return call("cublasLtMatmulAlgoGetHeuristic", [&] {
    CublasltProduct product;
    if (!library().handles.has(handle)) return Status::not_initialized;
    if (!library().preferences.has(wishes) || wanted <= 0 || to == nullptr || found == nullptr ||
        !gather(product, how, a, b, c, d)) {
      return Status::invalid_value;
    }
    return propose(product, *wishes, wanted, to, found);
  });
}

Status cublasLtMatmulAlgoCheck(Context* handle, Description* how, Layout* a, Layout* b, Layout* c,
                               Layout* d, const Algorithm* algorithm, Proposal* to) {
  return call("cublasLtMatmulAlgoCheck", [&] {
    CublasltProduct product;
    if (!library().handles.has(handle)) return Status::not_initialized;
    if (algorithm == nullptr || to == nullptr || !gather(product, how, a, b, c, d)) {
      return Status::invalid_value;
    }
    if (const Status status = product.check(); status != Status::success) return status;
    const Kernel kernel(*algorithm);
    if (kernel.key != product.key()) return Status::invalid_value;
    to->workspace_bytes = kernel.workspace;
    to->state = Status::success;
    to->waves = 1;
    return Status::success;
  });
}

Status cublasLtMatmulAlgoConfigGetAttribute(const Algorithm* algorithm,
                                            AlgorithmAttribute attribute, void* to,
                                            std::size_t bytes, std::size_t* written) {
  return call("cublasLtMatmulAlgoConfigGetAttribute", [&] {
    const Kernel kernel(*algorithm);
    const std::uint32_t value = attribute == AlgorithmAttribute::id       ? kernel.id
                                : attribute == AlgorithmAttribute::splits ? kernel.splits
                                                                          : kernel.reduction;
    if (bytes != sizeof(value) || to == nullptr) return Status::invalid_value;
    std::memcpy(to, &value, sizeof(value));
    if (written != nullptr) *written = sizeof(value);
    return Status::success;
  });
}

Status cublasLtMatmul(Context* handle, Description* how, const void* alpha, const void* a,
                      Layout* a_layout, const void* b, Layout* b_layout, const void* beta,
                      const void* c, Layout* c_layout, void* d, Layout* d_layout,
                      const Algorithm* algorithm, void* workspace, std::size_t workspace_bytes,
                      cudaStream_t stream) {
  return call("cublasLtMatmul", [&] {
    CublasltProduct product;
    if (!library().handles.has(handle)) return Status::not_initialized;
    if (!gather(product, how, a_layout, b_layout, c_layout, d_layout)) {
      return Status::invalid_value;
    }
    return multiply(*handle, product, algorithm,
                    {alpha, a, b, beta, c, d, workspace, workspace_bytes, stream});
  });
}

// For tests alone.
void standin_cublaslt_fail(const char* function, int nth, int status) {
  library().calls.fail(function, nth, status);
}
int standin_cublaslt_calls(const char* function) { return library().calls.count(function); }
int standin_cublaslt_open() { return library().descriptions(); }

}  // extern "C"
