#include <faltung/allocator.hpp>

#include <new>

#include "cpp/core/backend.hpp"

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

}  // namespace faltung
