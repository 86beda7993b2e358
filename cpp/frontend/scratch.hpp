#pragma once

#include <cstddef>

#include <faltung/execution.hpp>
#include <faltung/tensor.hpp>

namespace faltung {

/// Memory of one run, given back in stream order.
class Scratch {
 public:
  /// @throws DeviceError if there is none.
  Scratch(std::size_t bytes, const Device& device, const Execution& run);
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();
  [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  Allocator allocator_;
  Stream stream_;
  std::size_t bytes_;
  void* data_ = nullptr;
};

/// @param who  that says how much it needs, "FilterPlan"
/// @throws InvalidProblem for lent memory that is too small, or misaligned.
void check_lent(const Workspace& lent, std::size_t needed, const char* who);

/// @throws InvalidProblem if lent memory shares a byte with an operand.
void check_lent_apart(const Workspace& lent, const ConstTensorView& operand, const char* name);

/// The bytes of an image, up to where another may begin.
[[nodiscard]] std::size_t image_bytes(const Shape& shape, DType type);

}  // namespace faltung
