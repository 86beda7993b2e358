#pragma once

#include <cstddef>

#include <faltung/execution.hpp>
#include <faltung/plan.hpp>
#include <faltung/tensor.hpp>
#include "cpp/core/float_environment.hpp"

namespace faltung {

/// What every function of a front end asks of `run` before anything else.
///
/// @param device  of the operands
/// @throws InvalidProblem as execution.hpp says.
void check_execution(const Execution& run, const Device& device);

/// The same where no engine computes the function.
///
/// @param what  "rank filters choose elements"
/// @throws InvalidProblem also for an engine that does not exist, NoEngine for one that does.
void check_no_engine(const Execution& run, const char* what);

/// The same for what is planned now and run later.
///
/// @throws InvalidProblem if stream or workspace is set, which a plan would drop.
void check_for_plan(const Execution& run);

[[nodiscard]] inline Subnormals subnormals_of(const Execution& run) noexcept {
  return run.flush_subnormals ? Subnormals::flush : Subnormals::keep;
}

/// The bytes that a plan of the call may take, with those lent.
[[nodiscard]] std::size_t workspace_limit(const Execution& run) noexcept;

/// Memory for data of a call, from its allocator: uninitialised.
[[nodiscard]] Tensor new_tensor(DType dtype, const Shape& shape, const Device& device,
                                const Execution& run);
/// All elements 0.
[[nodiscard]] Tensor new_zeros(DType dtype, const Shape& shape, const Device& device,
                               const Execution& run);
/// compact_copy there; on a GPU it waits for the stream.
[[nodiscard]] Tensor new_copy(const ConstTensorView& view, DType dtype, const Execution& run);

/// Sets all elements of a view to 0, in stream order.
void fill_zeros(const TensorView& y, const Execution& run);

}  // namespace faltung
