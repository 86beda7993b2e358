#include <cstring>
#include <memory>
#include <new>

#include <faltung/allocator.hpp>
#include "cpp/core/streamed/box.hpp"
#include "cpp/core/streamed/lanes.hpp"

namespace faltung::streamed {
namespace {

class HostLanes final : public Lanes {
 public:
  ~HostLanes() override { ::operator delete (memory_, std::align_val_t{memory_alignment}); }

  std::byte* allocate(std::size_t bytes) override {
    memory_ = ::operator new (bytes, std::align_val_t{memory_alignment}, std::nothrow);
    return static_cast<std::byte*>(memory_);
  }
  std::byte* allocate_staging(std::size_t) override { return nullptr; }
  bool copies_directly(const void*) const override { return true; }
  std::size_t worthwhile_copy() const override { return 0; }
  void copy(Lane, void* to, const void* from, std::size_t bytes) override {
    copy_run(static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes);
  }
  Stream compute() const override { return {}; }
  void record(int, Lane) override {}
  void wait(Lane, int) override {}
  void wait_here(int) override {}
  void finish() override {}

 private:
  void* memory_ = nullptr;
};

}  // namespace

std::unique_ptr<Lanes> host_lanes() { return std::make_unique<HostLanes>(); }

}  // namespace faltung::streamed
