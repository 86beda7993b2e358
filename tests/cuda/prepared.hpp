#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <faltung/plan.hpp>
#include <faltung/tensor.hpp>

#include "cpp/core/engine.hpp"
#include "cpp/cpu/reference_engine.hpp"
#include "tests/emulator/emulated_device.hpp"
#include "tests/emulator/host_runtime.hpp"
#include "tests/support/error_check.hpp"

// Tasks of one engine on the emulated device.
namespace faltung::test {

/// How expect_agreement compares.
struct Agreement {
  bool exact_integers = true;  ///< small integers give the reference's bits, not its bound alone
  bool bound_filter = false;   ///< once more with the filter bound
};

/// A run of `engine` is within its bound of the reference.
inline void expect_agreement(const Engine& engine, const std::string& line,
                             const Agreement& how = {}) {
  SCOPED_TRACE(line);
  const Problem p = Problem::parse(line);
  const Offer offer = engine.offer(p, Device::cuda(0));
  ASSERT_TRUE(offer) << offer.refusal;
  const ErrorBound bound = offer.prepare()->error_bound();
  for (const Fill fill : {Fill::small_integers, Fill::reals}) {
    const Operands operands = filled_operands(p, fill, test_seed());
    const Array expected = run_guarded(cpu_device(), reference_engine(), p, operands);
    for (const bool bind : {false, true}) {
      if (bind && (!how.bound_filter || p.pass == Pass::backward_filter)) continue;
      const Array result =
          run_guarded(*test_devices()[0], engine, p, operands, {.bind_filter = bind});
      if (fill == Fill::small_integers && how.exact_integers) {
        EXPECT_TRUE(equal_elements(expected, result));
      } else {
        EXPECT_LE(error_ratio(p, operands, expected, result, bound), 1);
      }
    }
  }
}

/// A task as it lies on the device, with operands of zeros, and a result and a workspace for each
/// of so many streams. All tensors begin `shift` of their elements behind what is aligned.
struct Prepared {
  Prepared(const Engine& engine, const std::string& line, std::size_t count = 1,
           std::int64_t shift = 0)
      : p(Problem::parse(line)),
        task(engine.offer(p, Device::cuda(0)).prepare()),
        x(p.input, p.x_shape(), shift),
        w(p.filter, p.w_shape(), shift),
        y(p.output, p.y_shape(), shift),
        bias(p.bias_dtype(), {p.result_channels()}, shift) {
    for (std::size_t i = 0; i < count; ++i) {
      results.emplace_back(p.result_dtype(), p.result_shape(), shift);
      const auto bytes = static_cast<std::int64_t>(task->workspace_bytes());
      workspaces.emplace_back(DType::u8, Shape{bytes}, Device::cuda(0));
    }
  }
  void run(cudaStream_t stream = nullptr, std::size_t i = 0) {
    task->run({.stream = {Device::cuda(0), stream},
               .first = (p.pass == Pass::backward_data ? y : x).data(),
               .second = (p.pass == Pass::backward_filter ? y : w).data(),
               .result = results[i].data(),
               .bias = p.epilogue.bias ? bias.data() : nullptr,
               .workspace = static_cast<std::byte*>(workspaces[i].data())});
  }
  /// One run by each of as many threads as there are results, `rounds` times.
  void run_by_threads(int rounds) {
    std::vector<std::string> errors(results.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < results.size(); ++i) {
      threads.emplace_back([&, i] {
        try {
          for (int round = 0; round < rounds; ++round) run(nullptr, i);
        } catch (const std::exception& error) {
          errors[i] = error.what();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::string& error : errors) EXPECT_EQ(error, "");
  }

  struct Shifted {
    Shifted(DType type, const Shape& shape, std::int64_t shift)
        : begin(shift * static_cast<std::int64_t>(size_of(type))),
          bytes(Tensor::zeros(
              DType::u8, {element_count(shape) * static_cast<std::int64_t>(size_of(type)) + begin},
              Device::cuda(0))) {}
    [[nodiscard]] std::byte* data() { return static_cast<std::byte*>(bytes.data()) + begin; }
    std::int64_t begin;
    Tensor bytes;
  };
  Problem p;
  std::unique_ptr<Task> task;
  Shifted x, w, y, bias;
  std::vector<Shifted> results;
  std::vector<Tensor> workspaces;
};

}  // namespace faltung::test
