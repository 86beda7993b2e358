#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cuda/runtime/vendor_library.hpp"

// As the toolkit has it: what looks for the library compiles without one.
using cudaStream_t = struct CUstream_st*;

/// The part of cuFFT that the engines use. Declared here and not taken from cufft.h, so that the
/// emulator and toolkits without cuFFT compile it; cufft_abi_test compares the two. The functions
/// and their parameters are the same in cuFFT 11 and 12.
namespace faltung::cuda::cufft {

using Handle = int;

/// cufftResult.
enum class Status : int {
  success = 0,
  invalid_plan = 1,
  alloc_failed = 2,
  invalid_type = 3,
  invalid_value = 4,
  internal_error = 5,
  exec_failed = 6,
  setup_failed = 7,
  invalid_size = 8,
  unaligned_data = 9,
  invalid_device = 11,
  no_workspace = 13,
  not_implemented = 14,
  not_supported = 16,
  missing_dependency = 17,
  nvrtc_failure = 18,
  nvjitlink_failure = 19,
  nvshmem_failure = 20
};
/// "CUFFT_ALLOC_FAILED"
[[nodiscard]] std::string_view name(Status status);

/// cudaDataType, of elements.
enum class Type : int { f32 = 0, f64 = 1, c64 = 4, c128 = 5 };

/// Of transforms from complex numbers to complex numbers; the others know theirs.
enum class Direction : int { forward = -1, inverse = 1 };

/// cufftXtCallbackType, of loads.
enum class CallbackType : int { load_c64 = 0, load_c128 = 1, load_f32 = 2, load_f64 = 3 };

/// A device function that gives a plan the elements of its input: linked into its transforms, which
/// read the input by nothing else. It is called for every element, in any order.
struct Callback {
  /// Of a C++ function (void* input, unsigned long long offset, void*, void*) in no namespace.
  const char* name = nullptr;
  /// For nvJitLink. cuFFT keeps both pointers: they must be good for as long as the plan lives.
  std::span<const std::byte> code = {};
  CallbackType type = CallbackType::load_c64;
};

struct Functions {
  Status (*create)(Handle*) = nullptr;
  Status (*destroy)(Handle) = nullptr;
  Status (*set_auto_allocation)(Handle, int) = nullptr;
  Status (*set_stream)(Handle, cudaStream_t) = nullptr;
  Status (*set_work_area)(Handle, void*) = nullptr;
  Status (*make_plan_many)(Handle, int rank, long long* n, long long* inembed, long long istride,
                           long long idist, Type input, long long* onembed, long long ostride,
                           long long odist, Type output, long long batch, std::size_t* work_bytes,
                           Type execution) = nullptr;
  Status (*exec)(Handle, void* input, void* output, Direction) = nullptr;
};

/// Calls f(name in cuFFT, member of Functions) for each.
template <typename F>
void for_each_function(Functions& to, F&& f) {
  f("cufftCreate", to.create);
  f("cufftDestroy", to.destroy);
  f("cufftSetAutoAllocation", to.set_auto_allocation);
  f("cufftSetStream", to.set_stream);
  f("cufftSetWorkArea", to.set_work_area);
  f("cufftXtMakePlanMany", to.make_plan_many);
  f("cufftXtExec", to.exec);
}

/// cufftXtSetJITCallback, which not every version has.
using SetCallback = Status(Handle, const char* name, const void* code, std::size_t bytes,
                           CallbackType, void** info);
/// Its name in cuFFT of this major version, where its first parameters are these.
[[nodiscard]] constexpr const char* callback_function(int major) {
  return major >= 12 ? "cufftXtSetJITCallback" : "__cufftXtSetJITCallback_12_7";
}

/// Why plans can have no callbacks whose code a compiler of this version has made; empty if they
/// can.
[[nodiscard]] std::string callbacks_refusal(const LibraryVersion& compiler);

/// What a plan transforms: `batch` arrays of `rank` axes, one behind the other. Real arrays have
/// n[0] ... n[rank-1] values, their spectra n[rank-1] / 2 + 1 along the last axis. Not normalised.
struct Shape {
  int rank = 1;
  long long n[3] = {1, 1, 1};
  long long batch = 1;
};

enum class Kind : std::uint8_t { real_to_complex, complex_to_real, complex_to_complex };

/// One plan of the current device, without a work area of its own. Not to be used by two threads,
/// nor in two streams, at once. Made and destroyed outside of `run`: either may allocate.
class Plan {
 public:
  Plan() = default;
  /// @param load  what gives it its input, if that is not memory
  /// @throws bad_alloc if cuFFT has no memory for it, else DeviceError naming the call and the
  /// answer
  Plan(const Shape& shape, Kind kind, bool wide, const Callback* load = nullptr);
  Plan(Plan&& other) noexcept { *this = std::move(other); }
  Plan& operator=(Plan&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(work_bytes_, other.work_bytes_);
    return *this;
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan();

  [[nodiscard]] std::size_t work_bytes() const { return work_bytes_; }
  /// @param area  work_bytes(), aligned to 256
  void set(cudaStream_t stream, void* area) const;
  /// Complex to real destroys its input.
  void run(const void* input, void* output, Direction direction) const;

 private:
  Handle handle_ = none;
  std::size_t work_bytes_ = 0;
  static constexpr Handle none = -1;
};

}  // namespace faltung::cuda::cufft
