#include "cuda/runtime/cufft.hpp"

#include <new>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"
#include "cuda/runtime/vendor_library.hpp"

namespace faltung::cuda::cufft {
namespace {

const Functions& functions() {
  static const Functions found = [] {
    const OpenLibrary& library = cufft_library();
    if (!library) throw DeviceError(library.reason());
    Functions f;
    for_each_function(
        f, [&](const char* function, auto*& pointer) { library.load(function, pointer); });
    return f;
  }();
  return found;
}

// Null if this version has none.
SetCallback* set_callback() {
  static SetCallback* const found = [] {
    SetCallback* function = nullptr;
    const OpenLibrary& library = cufft_library();
    library.load(callback_function(library.version().major), function);
    return function;
  }();
  return found;
}

void check(Status status, std::string_view function) {
  if (status == Status::success) return;
  throw DeviceError(message(function, " of cuFFT ", to_string(cufft_library().version()),
                            " failed: ", name(status), " (", static_cast<int>(status), ')'));
}

// While plans are made: without memory for one, the planner asks another engine.
void check_made(Status status, std::string_view function) {
  if (status == Status::alloc_failed) throw std::bad_alloc();
  check(status, function);
}

}  // namespace

std::string callbacks_refusal(const LibraryVersion& compiler) {
  if (!cufft_library()) return cufft_library().reason();
  if (set_callback() == nullptr) {
    return message("cuFFT ", to_string(cufft_library().version()),
                   " has no callbacks for nvJitLink, which came with 11.3, of CUDA 12.6.2");
  }
  const OpenLibrary& linker = nvjitlink_library();
  if (!linker) return linker.reason();
  const LibraryVersion& version = linker.version();
  if (version < compiler) {
    return message("nvJitLink ", to_string(version), " in ", linker.file(),
                   " is older than the compiler of the callbacks, of CUDA ", compiler.major, '.',
                   compiler.minor);
  }
  return {};
}

std::string_view name(Status status) {
  switch (status) {
    case Status::success:
      return "CUFFT_SUCCESS";
    case Status::invalid_plan:
      return "CUFFT_INVALID_PLAN";
    case Status::alloc_failed:
      return "CUFFT_ALLOC_FAILED";
    case Status::invalid_type:
      return "CUFFT_INVALID_TYPE";
    case Status::invalid_value:
      return "CUFFT_INVALID_VALUE";
    case Status::internal_error:
      return "CUFFT_INTERNAL_ERROR";
    case Status::exec_failed:
      return "CUFFT_EXEC_FAILED";
    case Status::setup_failed:
      return "CUFFT_SETUP_FAILED";
    case Status::invalid_size:
      return "CUFFT_INVALID_SIZE";
    case Status::unaligned_data:
      return "CUFFT_UNALIGNED_DATA";
    case Status::invalid_device:
      return "CUFFT_INVALID_DEVICE";
    case Status::no_workspace:
      return "CUFFT_NO_WORKSPACE";
    case Status::not_implemented:
      return "CUFFT_NOT_IMPLEMENTED";
    case Status::not_supported:
      return "CUFFT_NOT_SUPPORTED";
    case Status::missing_dependency:
      return "CUFFT_MISSING_DEPENDENCY";
    case Status::nvrtc_failure:
      return "CUFFT_NVRTC_FAILURE";
    case Status::nvjitlink_failure:
      return "CUFFT_NVJITLINK_FAILURE";
    case Status::nvshmem_failure:
      return "CUFFT_NVSHMEM_FAILURE";
  }
  return "unknown status";
}

Plan::Plan(const Shape& shape, Kind kind, bool wide, const Callback* load) {
  const Functions& f = functions();
  Handle handle = none;
  check_made(f.create(&handle), "cufftCreate");
  handle_ = handle;  // destroyed from here on, whatever fails: see the guard
  struct Guard {
    Plan& plan;
    bool made = false;
    ~Guard() {
      if (!made) (void)functions().destroy(std::exchange(plan.handle_, none));
    }
  } guard{*this};
  check(f.set_auto_allocation(handle, 0), "cufftSetAutoAllocation");
  if (load != nullptr) {
    check_made(set_callback()(handle, load->name, load->code.data(), load->code.size(), load->type,
                              nullptr),
               "cufftXtSetJITCallback");
  }
  const Type real = wide ? Type::f64 : Type::f32;
  const Type complex = wide ? Type::c128 : Type::c64;
  const Type input = kind == Kind::real_to_complex ? real : complex;
  const Type output = kind == Kind::complex_to_real ? real : complex;
  long long n[3] = {shape.n[0], shape.n[1], shape.n[2]};
  check_made(f.make_plan_many(handle, shape.rank, n, nullptr, 1, 1, input, nullptr, 1, 1, output,
                              shape.batch, &work_bytes_, complex),
             "cufftXtMakePlanMany");
  guard.made = true;
}

Plan::~Plan() {
  if (handle_ != none) (void)functions().destroy(handle_);
}

void Plan::set(cudaStream_t stream, void* area) const {
  const Functions& f = functions();
  check(f.set_stream(handle_, stream), "cufftSetStream");
  if (work_bytes_ != 0) check(f.set_work_area(handle_, area), "cufftSetWorkArea");
}

void Plan::run(const void* input, void* output, Direction direction) const {
  // The interface knows no const; only complex to real writes its input.
  check(functions().exec(handle_, const_cast<void*>(input), output, direction), "cufftXtExec");
}

}  // namespace faltung::cuda::cufft
