#include "cuda/cudnn/handle_pool.hpp"

#include <map>

namespace faltung::cuda::cudnn {

HandlePool& HandlePool::of_device(int index) {
  static std::mutex mutex;
  // Never destroyed: plans may be, as late as that, and cuDNN may be gone by then.
  static auto* const pools = new std::map<int, HandlePool>;
  const std::lock_guard lock(mutex);
  HandlePool& pool = (*pools)[index];
  const std::lock_guard own(pool.mutex_);
  while (pool.entries_.size() < prepared) pool.add();
  return pool;
}

HandlePool::Entry& HandlePool::add() {
  auto entry = std::make_unique<Entry>();
  entries_.reserve(entries_.size() + 1);
  check(functions().create(&entry->handle), "cudnnCreate");
  entries_.push_back(std::move(entry));
  return *entries_.back();
}

// The stream's own, else one that has no stream yet, else a new one.
HandlePool::Entry& HandlePool::entry_of(cudaStream_t stream) {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (entry->bound && entry->stream == stream) return *entry;
  }
  Entry* free = nullptr;
  for (const auto& entry : entries_) {
    if (!entry->bound) free = entry.get();
  }
  if (free == nullptr && entries_.size() < max) free = &add();
  if (free == nullptr) free = entries_[next_++ % max].get();
  free->bound = true;
  free->stream = stream;
  return *free;
}

HandlePool::Lease HandlePool::take(cudaStream_t stream) {
  Entry& entry = entry_of(stream);
  std::unique_lock busy(entry.busy);
  check(functions().set_stream(entry.handle, stream), "cudnnSetStream");
  return {entry.handle, std::move(busy)};
}

}  // namespace faltung::cuda::cudnn
