#include "cpp/frontend/execution.hpp"

#include <algorithm>
#include <cstring>

#include <faltung/error.hpp>
#include "cpp/core/allocator.hpp"
#include "cpp/core/backend.hpp"
#include "cpp/core/copy_elements.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/planner.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/strided.hpp"

namespace faltung {
namespace {

void check_stream(const Stream& given, const Device& device) {
  const Stream stream = stream_on(device, given);
  if (stream.device != device) {
    throw InvalidProblem(message("run.stream is on ", stream.device, ", the operands are on ",
                                 device, "; pass a stream of that device, or leave it out"));
  }
  if (device.kind == DeviceKind::cpu && stream.handle != nullptr) {
    throw InvalidProblem(
        "run.stream has a handle, but the operands are on the CPU, which has none; pass Stream{}, "
        "or leave it out");
  }
}

void check_workspace(const Workspace& lent) {
  if (lent.data == nullptr && lent.bytes != 0) {
    throw InvalidProblem(message("run.workspace has ", lent.bytes,
                                 " bytes at a null pointer; pass its memory, or {} to take it "
                                 "from the allocator"));
  }
}

}  // namespace

void check_execution(const Execution& run, const Device& device) {
  check_stream(run.stream, device);
  check_workspace(run.workspace);
  static_cast<void>(allocator_for(device, run.allocator));
  if (!run.engine.empty()) check_engine(run.engine);
}

void check_no_engine(const Execution& run, const char* what) {
  if (run.engine.empty()) return;
  check_engine(run.engine);
  throw NoEngine(message("engine is '", run.engine, "', but ", what,
                         ", which no engine does; leave engine out"));
}

void check_for_plan(const Execution& run) {
  if (run.stream.handle == nullptr && run.workspace.data == nullptr) return;
  throw InvalidProblem(
      "stream or workspace is set in the options of a plan, which takes them when it runs; pass "
      "them to its run");
}

std::size_t workspace_limit(const Execution& run) noexcept {
  if (run.workspace.data == nullptr) return run.workspace_limit;
  return std::min(run.workspace_limit, run.workspace.bytes);
}

Tensor new_tensor(DType dtype, const Shape& shape, const Device& device, const Execution& run) {
  return {dtype, shape, device, run.allocator, run.stream};
}

Tensor new_zeros(DType dtype, const Shape& shape, const Device& device, const Execution& run) {
  Tensor tensor = new_tensor(dtype, shape, device, run);
  fill_zeros(tensor, run);
  return tensor;
}

Tensor new_copy(const ConstTensorView& view, DType dtype, const Execution& run) {
  Tensor copy = new_tensor(dtype, view.shape, view.device, run);
  if (view.device.kind == DeviceKind::cpu) {
    copy_elements(view, copy);
  } else if (copy.size() != 0) {
    // The wait is for the memory of `copy` as well.
    const Tensor here = cpu_copy(view, dtype, run.stream);
    cuda_backend().copy(copy.data(), view.device, here.data(), Device::cpu(), here.bytes());
  }
  return copy;
}

void fill_zeros(const TensorView& y, const Execution& run) {
  const std::size_t size = size_of(y.dtype);
  const bool on_cpu = y.device.kind == DeviceKind::cpu, at_once = is_compact(y);
  const std::size_t piece =
      at_once ? static_cast<std::size_t>(element_count(y.shape)) * size : size;
  if (element_count(y.shape) == 0) return;
  const Tensor zeros =
      on_cpu ? Tensor() : Tensor::zeros(u8, {static_cast<std::int64_t>(piece)}, y.device);
  for_each_index(at_once ? Shape{} : y.shape, [&](std::int64_t, const Extents& index) {
    std::byte* to = static_cast<std::byte*>(y.data);
    if (!at_once) to += offset_of(index, y.strides) * static_cast<std::int64_t>(size);
    if (on_cpu) {
      std::memset(to, 0, piece);
    } else {
      cuda_backend().copy(to, zeros.data(), piece, stream_on(y.device, run.stream));
    }
  });
}

}  // namespace faltung
