#include "cuda/runtime/cufft.hpp"

#include <cufftXt.h>
#include <gtest/gtest.h>

#include <string>

#include <faltung/device.hpp>
#include <faltung/error.hpp>

#include "cuda/runtime/vendor_library.hpp"

// What cuda/runtime/cufft.hpp declares is what cuFFT's own headers declare.
namespace faltung::cuda::cufft {
namespace {

static_assert(std::is_same_v<Handle, cufftHandle>);
static_assert(sizeof(Status) == sizeof(cufftResult) && sizeof(Type) == sizeof(cudaDataType));
static_assert(sizeof(Direction) == sizeof(int));
static_assert(static_cast<int>(Type::f32) == CUDA_R_32F &&
              static_cast<int>(Type::f64) == CUDA_R_64F);
static_assert(static_cast<int>(Type::c64) == CUDA_C_32F &&
              static_cast<int>(Type::c128) == CUDA_C_64F);
static_assert(static_cast<int>(Direction::forward) == CUFFT_FORWARD);
static_assert(static_cast<int>(Direction::inverse) == CUFFT_INVERSE);

// The parameters of a function with our enumerations for theirs.
template <typename T>
struct Ours {
  using type = T;
};
template <>
struct Ours<cufftResult> {
  using type = Status;
};
template <>
struct Ours<cudaDataType> {
  using type = Type;
};
template <typename Function>
struct OurFunction;
template <typename Result, typename... Parameters>
struct OurFunction<Result(Parameters...)> {
  using type = typename Ours<Result>::type (*)(typename Ours<Parameters>::type...);
};
template <typename Function>
using Declared = typename OurFunction<Function>::type;

static_assert(std::is_same_v<Declared<decltype(cufftCreate)>, decltype(Functions::create)>);
static_assert(std::is_same_v<Declared<decltype(cufftDestroy)>, decltype(Functions::destroy)>);
static_assert(std::is_same_v<Declared<decltype(cufftSetAutoAllocation)>,
                             decltype(Functions::set_auto_allocation)>);
static_assert(std::is_same_v<Declared<decltype(cufftSetStream)>, decltype(Functions::set_stream)>);
static_assert(
    std::is_same_v<Declared<decltype(cufftSetWorkArea)>, decltype(Functions::set_work_area)>);
static_assert(
    std::is_same_v<Declared<decltype(cufftXtMakePlanMany)>, decltype(Functions::make_plan_many)>);
static_assert(std::is_same_v<Declared<decltype(cufftXtExec)>,
                             Status (*)(Handle, void*, void*, int)>);  // int for Direction

#if CUFFT_VERSION >= 11300
template <>
struct Ours<cufftXtCallbackType> {
  using type = CallbackType;
};
static_assert(std::is_same_v<Declared<decltype(cufftXtSetJITCallback)>, SetCallback*>);
static_assert(static_cast<int>(CallbackType::load_c64) == CUFFT_CB_LD_COMPLEX &&
              static_cast<int>(CallbackType::load_c128) == CUFFT_CB_LD_COMPLEX_DOUBLE &&
              static_cast<int>(CallbackType::load_f32) == CUFFT_CB_LD_REAL &&
              static_cast<int>(CallbackType::load_f64) == CUFFT_CB_LD_REAL_DOUBLE);
// Of callbacks: ours are given without names of types.
#define FALTUNG_TEST_SIGNATURE(Ours, Theirs) \
  static_assert(std::is_same_v<Ours (*)(void*, unsigned long long, void*, void*), Theirs>)
FALTUNG_TEST_SIGNATURE(float, cufftJITCallbackLoadR);
FALTUNG_TEST_SIGNATURE(double, cufftJITCallbackLoadD);
FALTUNG_TEST_SIGNATURE(float2, cufftJITCallbackLoadC);
FALTUNG_TEST_SIGNATURE(double2, cufftJITCallbackLoadZ);

TEST(CufftAbi, HasCallbacks) {
  if (!cufft_library()) GTEST_SKIP() << cufft_library().reason();
  const LibraryVersion first{11, 3, 0};
  void (*function)() = nullptr;
  cufft_library().load(callback_function(cufft_library().version().major), function);
  EXPECT_EQ(function != nullptr, first <= cufft_library().version());
}
#endif

TEST(CufftAbi, NamesOfStatuses) {
  for (const auto& [theirs, words] :
       {std::pair<cufftResult, const char*>{CUFFT_SUCCESS, "CUFFT_SUCCESS"},
        {CUFFT_INVALID_PLAN, "CUFFT_INVALID_PLAN"},
        {CUFFT_ALLOC_FAILED, "CUFFT_ALLOC_FAILED"},
        {CUFFT_INVALID_TYPE, "CUFFT_INVALID_TYPE"},
        {CUFFT_INVALID_VALUE, "CUFFT_INVALID_VALUE"},
        {CUFFT_INTERNAL_ERROR, "CUFFT_INTERNAL_ERROR"},
        {CUFFT_EXEC_FAILED, "CUFFT_EXEC_FAILED"},
        {CUFFT_SETUP_FAILED, "CUFFT_SETUP_FAILED"},
        {CUFFT_INVALID_SIZE, "CUFFT_INVALID_SIZE"},
        {CUFFT_UNALIGNED_DATA, "CUFFT_UNALIGNED_DATA"},
        {CUFFT_INVALID_DEVICE, "CUFFT_INVALID_DEVICE"},
        {CUFFT_NO_WORKSPACE, "CUFFT_NO_WORKSPACE"},
        {CUFFT_NOT_IMPLEMENTED, "CUFFT_NOT_IMPLEMENTED"},
        {CUFFT_NOT_SUPPORTED, "CUFFT_NOT_SUPPORTED"}}) {
    EXPECT_EQ(name(Status{static_cast<int>(theirs)}), words);
  }
}

// The real library, as far as it goes where nothing can run: opened, asked, and its answer told.
TEST(CufftAbi, WithoutADriverItSaysWhatFailed) {
  if (!cufft_library()) GTEST_SKIP() << cufft_library().reason();
  if (cuda_unavailable_reason().empty()) GTEST_SKIP() << "there is a GPU";
  try {
    const Plan plan({.rank = 1, .n = {64, 1, 1}, .batch = 1}, Kind::real_to_complex, false);
    ADD_FAILURE() << "a plan without a driver";
  } catch (const DeviceError& error) {
    EXPECT_EQ(std::string(error.what()), "cufftCreate of cuFFT " +
                                             to_string(cufft_library().version()) +
                                             " failed: CUFFT_INTERNAL_ERROR (5)");
  }
}

}  // namespace
}  // namespace faltung::cuda::cufft
