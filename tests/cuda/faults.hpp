#pragma once

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/tensor.hpp>

#include "cpp/core/engine.hpp"
#include "tests/cuda/failing_new.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/emulator/memory_checker.hpp"

// Engines by libraries whose calls fail, on machines whose memory is missing. Each fault is one run
// of a sequence of calls, and ends in an error that says what was missing, or in the bits of a
// sequence without faults; nothing is left behind. Included by one source of a program.
namespace faltung::test {

using Bytes = std::vector<std::byte>;

/// Calls that a user makes one after the other: prepare, run, bind the filter, run again. Operands
/// have bytes of 0x3c, which are no zeros in any type.
class Sequence {
 public:
  using Prepare = std::function<std::unique_ptr<Task>(const Problem&)>;

  Sequence(const std::string& line, Prepare prepare)
      : p_(Problem::parse(line)), prepare_(std::move(prepare)) {
    for (const auto& [type, shape] :
         {std::pair(p_.input, p_.x_shape()), std::pair(p_.filter, p_.w_shape()),
          std::pair(p_.output, p_.y_shape()), std::pair(p_.bias_dtype(), Shape{channels()})}) {
      operands_.push_back(filled(type, shape));
    }
    result_ = filled(p_.result_dtype(), p_.result_shape());
    without_ = (*this)();
  }

  /// The bits of all results.
  Bytes operator()() {
    const std::unique_ptr<Task> task = prepare_(p_);
    fit(task->workspace_bytes());
    Bytes bytes;
    RunArguments arguments = this->arguments();
    run(*task, arguments, bytes);
    if (p_.pass == Pass::backward_filter) return bytes;
    const auto bound = task->prepare_filter(stream_, arguments.second);
    if (bound == nullptr) return bytes;
    arguments.second = nullptr;
    arguments.prepared = bound.get();
    run(*task, arguments, bytes);
    return bytes;
  }
  /// Without a fault.
  [[nodiscard]] const Bytes& expected() const { return without_; }

 private:
  [[nodiscard]] std::int64_t channels() const { return p_.result_channels(); }
  static Tensor filled(DType type, const Shape& shape) {
    Tensor tensor(type, shape, Device::cuda(0));
    (void)cudaMemset(tensor.data(), 0x3c, tensor.bytes());
    return tensor;
  }
  RunArguments arguments() {
    return {.stream = stream_,
            .first = operands_[p_.pass == Pass::backward_data ? 2 : 0].data(),
            .second = operands_[p_.pass == Pass::backward_filter ? 2 : 1].data(),
            .result = result_.data(),
            .bias = p_.epilogue.bias ? operands_[3].data() : nullptr,
            .workspace = static_cast<std::byte*>(workspace_.data())};
  }
  // Another plan may take more than the one without a fault.
  void fit(std::size_t bytes) {
    const emulator::Spared spared;
    if (workspace_.bytes() < bytes) {
      workspace_ = Tensor(DType::u8, {static_cast<std::int64_t>(bytes)}, Device::cuda(0));
    }
  }
  void run(const Task& task, const RunArguments& arguments, Bytes& to) {
    (void)cudaMemset(result_.data(), 0x3c, result_.bytes());
    task.run(arguments);
    const emulator::Spared spared;
    const Tensor here = result_.to(Device::cpu());
    const auto* data = static_cast<const std::byte*>(here.data());
    to.insert(to.end(), data, data + here.bytes());
  }

  Problem p_;
  Prepare prepare_;
  const Stream stream_{Device::cuda(0)};
  std::vector<Tensor> operands_;
  Tensor result_, workspace_ = Tensor(DType::u8, {1}, Device::cuda(0));
  Bytes without_;
};

/// What is to fail.
struct Fault {
  std::function<void(int nth)> arm;  ///< the nth from now on fails
  /// None fails any more; whether one did, of a sequence that was right or was not.
  std::function<bool(int nth, bool right)> disarm;
  const char* words;    ///< that an error has among its own
  bool memory = false;  ///< whether it may end in bad_alloc
};

/// The call of a library that stands in for another: every one, for each reason.
///
/// @param memory  reasons that say that there is none
template <typename Standin>
Fault failing_call(const Standin& standin, int status, const std::vector<int>& memory,
                   const char* words) {
  bool lacks = false;
  for (const int one : memory) lacks = lacks || one == status;
  return {.arm = [&standin, status](int nth) { standin.fail("any", nth, status); },
          .disarm =
              [&standin](int nth, bool) {
                const bool reached = standin.calls("any") >= nth;
                standin.fail("", 0, 0);
                return reached;
              },
          .words = words,
          .memory = lacks};
}

/// An allocation on the host, of ours.
inline Fault failing_host_allocation() {
  return {.arm = [](int nth) { allocations_left = nth - 1; },
          .disarm = [](int, bool) { return std::exchange(allocations_left, -1) < 0; },
          .words = "memory",
          .memory = true};
}

/// One on the device.
inline Fault failing_device_allocation() {
  return {.arm = emulator::fail_allocation,
          .disarm =
              [](int, bool right) {
                emulator::fail_allocation(0);
                return !right;
              },
          .words = "memory"};
}

/// Lets the first fail, then the second, ..., until none was reached.
///
/// @param left  what libraries have given away and not got back
/// @param step  to the next after the nth
/// @return how many faults there were
inline int fail_in_turn(
    Sequence& calls, const Fault& fault, const std::function<int()>& left,
    const std::function<int(int)>& step = [](int) { return 1; }) {
  int faults = 0;
  const int library = left();
  const std::size_t memory = emulator::allocation_count();
  for (int nth = 1;; nth += step(nth)) {
    bool right = false, lacks = false;
    std::string words;
    fault.arm(nth);
    try {
      right = calls() == calls.expected();
    } catch (const DeviceError& error) {
      const emulator::Spared spared;
      words = error.what();
    } catch (const std::bad_alloc&) {
      lacks = true;
    }
    const bool reached = fault.disarm(nth, right);
    (void)cudaDeviceSynchronize();
    EXPECT_TRUE(right || !words.empty() || (lacks && fault.memory)) << nth;
    EXPECT_TRUE(words.empty() || words.find(fault.words) != std::string::npos) << words;
    EXPECT_EQ(left(), library) << nth;
    EXPECT_EQ(emulator::allocation_count(), memory) << nth;
    if (!reached || ::testing::Test::HasFailure()) break;
    ++faults;
  }
  EXPECT_EQ(calls(), calls.expected());
  return faults;
}

/// For the record.
inline void report(const char* what, int faults, int least) {
  EXPECT_GE(faults, least);
  ::testing::Test::RecordProperty(what, faults);
  std::printf("%d faults: %s\n", faults, what);
}

}  // namespace faltung::test
