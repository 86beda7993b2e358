#include "cpp/core/allocator.hpp"

#include <new>

#include <faltung/error.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/message.hpp"

namespace faltung {
namespace {

void* host_allocate(void*, std::size_t bytes, std::size_t alignment, const Stream&) {
  return ::operator new (bytes, std::align_val_t{alignment}, std::nothrow);
}

void host_deallocate(void*, void* data, std::size_t, std::size_t alignment, const Stream&) {
  ::operator delete (data, std::align_val_t{alignment});
}

}  // namespace

Allocator Allocator::standard(const Device& device) {
  if (device.kind == DeviceKind::cpu) return {nullptr, host_allocate, host_deallocate};
  return cuda_backend().allocator();
}

Allocator allocator_for(const Device& device, const Allocator& given) {
  if (given.allocate != nullptr && given.deallocate != nullptr) return given;
  if (given.allocate != nullptr || given.deallocate != nullptr || given.context != nullptr) {
    throw InvalidProblem(message("allocator has ", given.allocate == nullptr ? "no" : "an",
                                 " allocate and ", given.deallocate == nullptr ? "no" : "a",
                                 " deallocate function; give both, or {} for the standard one of ",
                                 device));
  }
  return Allocator::standard(device);
}

}  // namespace faltung
