#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <new>
#include <string>

#include <faltung/error.hpp>
#include <faltung/plan.hpp>

#include "cuda/fft/fft_engine.hpp"
#include "tests/cuda/prepared.hpp"
#include "tests/cuda/standins/cufft_standin.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/memory_checker.hpp"

// Calls of cuFFT and allocations of cuda.fft that fail, on the emulated device.
namespace faltung::cuda {
namespace {

using test::cufft_standin;

/// Calls that a user makes one after the other: prepare, bind the filter, run twice.
class Sequence {
 public:
  Sequence(const std::string& line, bool limited) : p_(Problem::parse(line)), limited_(limited) {
    const auto bytes = static_cast<std::int64_t>(task()->workspace_bytes());
    for (const auto& [type, shape] :
         {std::pair(p_.input, p_.x_shape()), std::pair(p_.filter, p_.w_shape()),
          std::pair(p_.output, p_.y_shape())}) {
      operands_.push_back(Tensor::zeros(type, shape, Device::cuda(0)));
    }
    result_ = Tensor::zeros(p_.result_dtype(), p_.result_shape(), Device::cuda(0));
    workspace_ = Tensor(DType::u8, {bytes}, Device::cuda(0));
  }

  void operator()() {
    const std::unique_ptr<Task> task = this->task();
    const Stream stream{Device::cuda(0)};
    const bool gradient = p_.pass == Pass::backward_filter;
    RunArguments arguments{.stream = stream,
                           .first = operands_[p_.pass == Pass::backward_data ? 2 : 0].data(),
                           .second = operands_[gradient ? 2 : 1].data(),
                           .result = result_.data(),
                           .workspace = static_cast<std::byte*>(workspace_.data())};
    task->run(arguments);
    if (gradient) return;
    const auto bound = task->prepare_filter(stream, operands_[1].data());
    arguments.second = nullptr;
    arguments.prepared = bound.get();
    task->run(arguments);
  }

 private:
  [[nodiscard]] std::unique_ptr<Task> task() const {
    const Offer offer = fft_engine().offer(p_, Device::cuda(0));
    return limited_ ? offer.prepare_within(0) : offer.prepare();
  }

  Problem p_;
  bool limited_;
  std::vector<Tensor> operands_;
  Tensor result_, workspace_;
};

/// What became of a sequence.
enum class Outcome : std::uint8_t { done, device_error, no_memory };

/// @param named  in the text of an error
Outcome outcome_of(Sequence& sequence, const char* named) {
  Outcome outcome = Outcome::done;
  try {
    sequence();
  } catch (const DeviceError& error) {
    outcome = Outcome::device_error;
    EXPECT_NE(std::string(error.what()).find(named), std::string::npos) << error.what();
  } catch (const std::bad_alloc&) {
    outcome = Outcome::no_memory;
  }
  cufft_standin().fail("", 0, 0);
  emulator::fail_allocation(0);
  (void)cudaDeviceSynchronize();
  return outcome;
}

// Each fails in turn, calls for each reason that the documentation has: an error that names the
// call or the memory, or memory that runs out; nothing is left behind, and the next call is right.
TEST(CudaFftFaults, EveryCallAndAllocationMayFail) {
  int faults = 0;
  for (const char* line :
       {"op=fwd dtype=f32 n=2 c=2 k=2 in=40 f=9 pad=4",
        "op=fwd dtype=i8:i8:i32 c=2 k=2 g=2 in=9x9 f=5x5 pad=2",
        "op=fwd dtype=f16 n=2 c=3 in=4x5x6 f=2x3x2 pad=1 layout=nhwc",
        "op=fwd dtype=i32 c=2 in=20 f=9 pad=4", "op=dgrad dtype=c64 n=2 in=9x9 f=3x3 pad=1",
        "op=dgrad dtype=f64 in=20 f=30 pad=15 boundary=mirror stride=2",
        "op=dgrad dtype=i64 in=20 f=5", "op=wgrad dtype=f64 in=30 f=7 pad=3",
        "op=wgrad dtype=bf16 n=3 c=2 k=4 in=9x8 f=3x4 pad=1"}) {
    for (const bool limited : {false, true}) {
      SCOPED_TRACE(message(line, limited ? ", the least workspace" : ""));
      Sequence sequence(line, limited);
      const int plans = cufft_standin().open_plans();
      const std::size_t allocations = emulator::allocation_count();
      const auto expect_nothing_left = [&] {
        ASSERT_EQ(cufft_standin().open_plans(), plans);
        ASSERT_EQ(emulator::allocation_count(), allocations);
      };
      for (const int status : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 16, 17, 18, 19, 20}) {
        for (int nth = 1;; ++nth) {
          cufft_standin().fail("any", nth, status);
          const Outcome outcome = outcome_of(sequence, "cufft");
          expect_nothing_left();
          if (outcome == Outcome::done) break;
          // Without memory for a plan, another engine is asked.
          EXPECT_TRUE(outcome == Outcome::device_error || status == 2);
          ++faults;
        }
      }
      for (int nth = 1;; ++nth) {
        emulator::fail_allocation(nth);
        const Outcome outcome = outcome_of(sequence, "no memory for a tensor");
        expect_nothing_left();
        if (outcome == Outcome::done) break;
        EXPECT_EQ(outcome, Outcome::device_error);
        ++faults;
      }
    }
    test::expect_agreement(fft_engine(), line, {.exact_integers = false, .bound_filter = true});
  }
  EXPECT_GE(faults, 3000);
  RecordProperty("faults", faults);
}

}  // namespace
}  // namespace faltung::cuda
