// Stands in for libcufft.so.12 on the emulated device: its symbols, numbers by plain transforms on
// the CPU, and an objection to every misuse that the real library punishes by wrong numbers. What
// the documentation gives a status for answers that status. Source: cuFFT's documentation and
// headers.
#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "tests/cuda/standins/cufft_plan.hpp"
#include "tests/cuda/standins/standin.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/host_twins.hpp"

namespace faltung::test {
namespace {

using cuda::cufft::CallbackType;
using cuda::cufft::Status;
using cuda::cufft::Type;

// Never destroyed: plans may be, as late as that.
struct Library {
  Calls calls;
  std::mutex mutex;
  std::map<int, std::unique_ptr<CufftPlan>> plans;
  int next = 4711;  // a handle is no index
};
Library& library() {
  static auto* const instance = new Library;
  return *instance;
}

CufftPlan* find(int handle) {
  const std::lock_guard lock(library().mutex);
  const auto found = library().plans.find(handle);
  return found == library().plans.end() ? nullptr : found->second.get();
}

// A plan has state: a stream, a work area.
class Use {
 public:
  explicit Use(CufftPlan& plan) : plan_(plan) {
    if (plan_.users.fetch_add(1) == 0) return;
    plan_.users.fetch_sub(1);
    object("two threads use one plan of cuFFT at once");
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() { plan_.users.fetch_sub(1); }

 private:
  CufftPlan& plan_;
};

// The call `act` on a plan, unless it is to fail.
template <typename Act>
Status on_plan(const char* function, int handle, Act&& act) {
  const emulator::Spared spared;
  if (const int wish = library().calls.note(function); wish != 0) return Status{wish};
  CufftPlan* plan = find(handle);
  if (plan == nullptr) return Status::invalid_plan;
  const Use use(*plan);
  if (plan->device != emulator::machine.current) {
    object("a plan of cuFFT is used on another device than the one it was made on");
  }
  return act(*plan);
}

bool set_type(Side& side, Type type) {
  side.complex = type == Type::c64 || type == Type::c128;
  side.part_bytes = type == Type::f32 || type == Type::c64 ? 4 : 8;
  return side.complex || type == Type::f32 || type == Type::f64;
}

// Without embed the arrays are compact, and stride and dist are ignored.
bool set_layout(Side& side, const Lengths& n, bool halved, const long long* embed, long long stride,
                long long dist) {
  side.n = n;
  if (halved) side.n.back() = n.back() / 2 + 1;
  if (embed == nullptr) {
    side.embed = side.n;
    side.stride = 1;
    side.dist = side.count();
    return true;
  }
  side.embed.assign(embed, embed + n.size());
  side.stride = stride;
  side.dist = dist;
  bool holds = stride >= 1 && dist >= 1;
  for (std::size_t a = 1; a < n.size(); ++a) holds = holds && side.embed[a] >= side.n[a];
  return holds;
}

Status set(CufftPlan& plan, const char* name, const void* code, std::size_t bytes,
           CallbackType type, void** info) {
  if (plan.made) object("a callback of cuFFT is set after the plan is made");
  if (name == nullptr || code == nullptr || bytes == 0) return Status::invalid_value;
  // Those of stores are of no use here yet.
  if (static_cast<int>(type) < 0 || static_cast<int>(type) > 3) return Status::not_supported;
  if (plan.callback.name != nullptr) object("a callback of cuFFT is set twice");
  plan.callback = {.name = name,
                   .code = code,
                   .bytes = bytes,
                   .type = type,
                   .info = info == nullptr ? nullptr : *info,
                   .name_then = name,
                   .code_then = std::string(static_cast<const char*>(code), bytes)};
  return Status::success;
}

// What the linker does.
Status link(CufftCallback& callback, const Side& in) {
  if (callback.name == nullptr) return Status::success;
  if (callback.name != callback.name_then ||
      std::memcmp(callback.code, callback.code_then.data(), callback.bytes) != 0) {
    object("name or code of a callback of cuFFT changed before the plan was made");
  }
  const CallbackType fits =
      in.complex ? (in.part_bytes == 4 ? CallbackType::load_c64 : CallbackType::load_c128)
                 : (in.part_bytes == 4 ? CallbackType::load_f32 : CallbackType::load_f64);
  if (callback.type != fits) return Status::invalid_type;
  callback.function = emulator::HostTwins::find(callback.code, callback.bytes, callback.name_then);
  return callback.function == nullptr ? Status::nvrtc_failure : Status::success;
}

Status make(CufftPlan& plan, const Lengths& n, long long* inembed, long long istride,
            long long idist, Type input, long long* onembed, long long ostride, long long odist,
            Type output, long long batch, std::size_t* work, Type execution) {
  if (plan.made) return Status::invalid_plan;
  if (work == nullptr || (inembed == nullptr) != (onembed == nullptr)) return Status::invalid_value;
  for (const long long extent : n) {
    if (extent < 1) return Status::invalid_size;
  }
  if (batch < 1) return Status::invalid_size;
  if (!set_type(plan.in, input) || !set_type(plan.out, output)) return Status::invalid_type;
  const bool complex = plan.in.complex && plan.out.complex;
  if ((!plan.in.complex && !plan.out.complex) || plan.in.part_bytes != plan.out.part_bytes ||
      execution != (plan.in.part_bytes == 4 ? Type::c64 : Type::c128)) {
    return Status::invalid_type;
  }
  if (!set_layout(plan.in, n, !complex && plan.in.complex, inembed, istride, idist) ||
      !set_layout(plan.out, n, !complex && plan.out.complex, onembed, ostride, odist)) {
    return Status::invalid_value;
  }
  if (const Status linked = link(plan.callback, plan.in); linked != Status::success) return linked;
  plan.n = n;
  plan.batch = batch;
  // Some plans need none, as there.
  long long points = batch;
  for (const long long extent : n) points *= extent;
  const bool small = n.size() == 1 && points <= 4096;
  const auto numbers = static_cast<std::size_t>(small ? 0 : 2 * points);
  plan.work = (numbers * plan.in.part_bytes + 255) / 256 * 256;
  *work = plan.work;
  plan.made = true;
  CufftPlan::load();
  return Status::success;
}

Status execute(const CufftPlan& plan, void* input, void* output, int direction) {
  if (!plan.made) return Status::invalid_plan;
  const bool complex = plan.in.complex && plan.out.complex;
  if (input == nullptr || output == nullptr || (complex && direction != -1 && direction != 1)) {
    return Status::invalid_value;
  }
  if (plan.work != 0 && plan.area == nullptr && !plan.automatic) {
    object("a plan of cuFFT runs without its work area");
  }
  const auto unaligned = [&](const void* data) {
    return reinterpret_cast<std::uintptr_t>(data) % (2 * plan.in.part_bytes) != 0;
  };
  if (unaligned(input) || unaligned(output)) return Status::unaligned_data;
  const auto* in = static_cast<const char*>(input);
  const auto* out = static_cast<const char*>(output);
  // A callback knows what its input is; of how many bytes nobody does.
  const std::size_t in_bytes =
      plan.callback.function == nullptr ? plan.in.span(plan.batch) : plan.in.element_bytes();
  const std::size_t out_bytes = plan.out.span(plan.batch);
  const bool overlap = in < out + out_bytes && out < in + in_bytes;
  if (overlap && in != out) object("cuFFT's input and output overlap, and are not the same");
  if (overlap && !complex) {
    const Side& real = plan.in.complex ? plan.out : plan.in;
    if (real.embed.back() != 2 * (plan.n.back() / 2 + 1)) {
      object("cuFFT works in place, and the real rows are not padded to 2 (n / 2 + 1)");
    }
  }
  const auto* area = static_cast<const char*>(plan.area);
  const auto meets = [&](const char* data, std::size_t bytes) {
    return area != nullptr && area < data + bytes && data < area + plan.work;
  };
  if (meets(in, in_bytes) || meets(out, out_bytes)) object("cuFFT's work area overlaps its data");
  plan.run(input, output, direction);
  return Status::success;
}

// After all other code of the process has ended.
[[gnu::destructor]] void report_leaks() {
  const std::size_t open = library().plans.size();
  if (open == 0) return;
  std::fprintf(stderr, "%zu plans of cuFFT were never destroyed\n", open);
  std::_Exit(1);
}

}  // namespace
}  // namespace faltung::test

using namespace faltung::test;

extern "C" {

Status cufftGetProperty(int part, int* value) {
  *value = part == 0 ? 12 : 0;
  return Status::success;
}

Status cufftCreate(int* handle) {
  const faltung::emulator::Spared spared;
  if (const int wish = library().calls.note("cufftCreate"); wish != 0) return Status{wish};
  faltung::emulator::forbid_in_capture("cufftCreate");
  const std::lock_guard lock(library().mutex);
  *handle = library().next;
  library().next += 7;
  auto& plan = library().plans[*handle] = std::make_unique<CufftPlan>();
  plan->device = faltung::emulator::machine.current;
  return Status::success;
}

// Whatever it answers on request, the plan is gone: nobody could do it again.
Status cufftDestroy(int handle) {
  const faltung::emulator::Spared spared;
  const int wish = library().calls.note("cufftDestroy");
  faltung::emulator::forbid_in_capture("cufftDestroy");
  const std::lock_guard lock(library().mutex);
  const bool known = library().plans.erase(handle) == 1;
  return wish != 0 ? Status{wish} : known ? Status::success : Status::invalid_plan;
}

Status cufftSetAutoAllocation(int handle, int on) {
  return on_plan("cufftSetAutoAllocation", handle, [&](CufftPlan& plan) {
    if (plan.made) object("auto allocation of cuFFT is set after the plan is made");
    plan.automatic = on != 0;
    return Status::success;
  });
}

Status cufftSetStream(int handle, cudaStream_t stream) {
  return on_plan("cufftSetStream", handle, [&](CufftPlan& plan) {
    plan.stream = stream;
    return Status::success;
  });
}

Status cufftSetWorkArea(int handle, void* area) {
  return on_plan("cufftSetWorkArea", handle, [&](CufftPlan& plan) {
    if (!plan.made) object("a work area of cuFFT is set before the plan is made");
    if (reinterpret_cast<std::uintptr_t>(area) % 256 != 0) {
      object("a work area of cuFFT is not aligned to 256 bytes");
    }
    plan.area = area;
    return Status::success;
  });
}

Status cufftGetSize(int handle, std::size_t* work) {
  return on_plan("cufftGetSize", handle, [&](CufftPlan& plan) {
    if (!plan.made) return Status::invalid_plan;
    *work = plan.work;
    return Status::success;
  });
}

Status cufftXtMakePlanMany(int handle, int rank, long long* n, long long* inembed,
                           long long istride, long long idist, Type input, long long* onembed,
                           long long ostride, long long odist, Type output, long long batch,
                           std::size_t* work, Type execution) {
  if (rank < 1 || rank > 3 || n == nullptr) return Status::invalid_value;
  faltung::emulator::forbid_in_capture("cufftXtMakePlanMany");
  return on_plan("cufftXtMakePlanMany", handle, [&](CufftPlan& plan) {
    return make(plan, Lengths(n, n + rank), inembed, istride, idist, input, onembed, ostride, odist,
                output, batch, work, execution);
  });
}

Status cufftXtSetJITCallback(int handle, const char* name, const void* code, std::size_t bytes,
                             CallbackType type, void** info) {
  return on_plan("cufftXtSetJITCallback", handle,
                 [&](CufftPlan& plan) { return set(plan, name, code, bytes, type, info); });
}

Status cufftXtExec(int handle, void* input, void* output, int direction) {
  return on_plan("cufftXtExec", handle,
                 [&](CufftPlan& plan) { return execute(plan, input, output, direction); });
}

// FALTUNG_NVJITLINK_LIBRARY names this library too.
int nvJitLinkVersion(unsigned* major, unsigned* minor) {
  *major = 13;
  *minor = 99;
  return 0;
}

// For tests alone.
void standin_cufft_fail(const char* function, int nth, int status) {
  library().calls.fail(function, nth, status);
}
int standin_cufft_calls(const char* function) { return library().calls.count(function); }
int standin_cufft_open_plans() {
  const std::lock_guard lock(library().mutex);
  return static_cast<int>(library().plans.size());
}

}  // extern "C"
