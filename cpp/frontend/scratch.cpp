#include "cpp/frontend/scratch.hpp"

#include <cstdint>

#include <faltung/error.hpp>
#include "cpp/core/allocator.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/view_rules.hpp"

namespace faltung {

Scratch::Scratch(std::size_t bytes, const Device& device, const Execution& run)
    : allocator_(allocator_for(device, run.allocator)),
      stream_(stream_on(device, run.stream)),
      bytes_(bytes) {
  if (bytes == 0) return;
  data_ = allocator_.allocate(allocator_.context, bytes, memory_alignment, stream_);
  if (data_ == nullptr) {
    throw DeviceError(message("no memory for intermediate images and scratch, ", bytes,
                              " bytes on ", device, "; filter the image in parts"));
  }
}

Scratch::~Scratch() {
  if (data_ == nullptr) return;
  allocator_.deallocate(allocator_.context, data_, bytes_, memory_alignment, stream_);
}

void check_lent(const Workspace& lent, std::size_t needed, const char* who) {
  if (lent.bytes < needed) {
    throw InvalidProblem(message("workspace has ", lent.bytes, " bytes, the plan needs ", needed,
                                 "; ask ", who, "::workspace_bytes"));
  }
  if (reinterpret_cast<std::uintptr_t>(lent.data) % memory_alignment != 0) {
    throw InvalidProblem(message("workspace starts at address ", lent.data,
                                 ", which is misaligned: it needs a multiple of ", memory_alignment,
                                 " bytes"));
  }
}

void check_lent_apart(const Workspace& lent, const ConstTensorView& operand, const char* name) {
  const auto bytes = static_cast<std::int64_t>(lent.bytes);
  const ConstTensorView memory{lent.data, u8, {bytes}, {1}, operand.device};
  check_apart(memory, "the workspace", operand, name, "lend other memory");
}

std::size_t image_bytes(const Shape& shape, DType type) {
  const auto bytes = static_cast<std::size_t>(element_count(shape)) * size_of(type);
  return (bytes + memory_alignment - 1) / memory_alignment * memory_alignment;
}

}  // namespace faltung
