#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"
#include "cuda/runtime/check.hpp"
#include "cuda/runtime/cufft.hpp"

namespace faltung::cuda::fft {

/// The transforms of a task: of blocks of x and of y, and of filters.
struct PlanSet {
  cufft::Plan x, y, w;

  /// The work area that serves each of them.
  [[nodiscard]] std::size_t work_bytes() const {
    return std::max({x.work_bytes(), y.work_bytes(), w.work_bytes()});
  }
};

/// Plans of cuFFT have state, so a stream has a set of its own, and one thread at a time puts work
/// there. Sets are made when the pool is, for `prepared` streams; one more for each further stream
/// when it comes, up to `most`: then the one that has waited longest changes its stream, so that
/// streams that are no more keep nothing for ever. How many streams a plan will meet only its user
/// knows, so a stream that comes first while it is captured, when no plan may be made, is refused
/// with the way out.
class PlanPool {
 public:
  static constexpr std::size_t prepared = 2, most = 32;

  /// @param first  one of the sets
  /// @throws as cufft::Plan
  template <typename F>
  PlanPool(PlanSet first, const F& make) {
    sets_.push_back(std::make_unique<Entry>(std::move(first)));
    while (sets_.size() < prepared) sets_.push_back(std::make_unique<Entry>(make()));
  }

  /// A set that nobody else uses while this lives.
  class Lease {
   public:
    [[nodiscard]] const PlanSet& operator*() const { return *set_; }
    [[nodiscard]] const PlanSet* operator->() const { return set_; }

   private:
    friend class PlanPool;
    Lease(const PlanSet& set, std::unique_lock<std::mutex> lock)
        : set_(&set), lock_(std::move(lock)) {}
    const PlanSet* set_;
    std::unique_lock<std::mutex> lock_;
  };

  /// @throws as cufft::Plan, if a further set is made; DeviceError, if the stream is captured and
  /// none is left for it
  template <typename F>
  [[nodiscard]] Lease take(cudaStream_t stream, const F& make) const {
    Entry* entry = nullptr;
    {
      const std::lock_guard lock(mutex_);
      entry = find(stream);
      if (entry == nullptr) {
        expect_no_capture(stream);
        if (sets_.size() < most) {
          sets_.push_back(std::make_unique<Entry>(make()));
          entry = sets_.back().get();
        } else {
          entry = longest_idle();
        }
        entry->bound = true;
        entry->stream = stream;
      }
      entry->used = ++uses_;
    }
    return Lease(entry->set, std::unique_lock(entry->busy));
  }

 private:
  struct Entry {
    explicit Entry(PlanSet plans) : set(std::move(plans)) {}
    PlanSet set;
    bool bound = false;
    cudaStream_t stream = nullptr;
    std::uint64_t used = 0;  ///< number of the use
    std::mutex busy;
  };

  void expect_no_capture(cudaStream_t stream) const {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    check(cudaStreamIsCapturing(stream, &status), "ask whether a stream is captured");
    if (status == cudaStreamCaptureStatusNone) return;
    throw DeviceError(
        message("cuda.fft has plans of cuFFT for ", sets_.size(),
                " streams, others have them, and none may be made while a stream is captured: run "
                "this plan "
                "once on this stream before the capture, or capture one of those it has run on"));
  }

  // For another stream, once what its own was given is done: that may be gone, so all are waited
  // for, which happens only where more streams than sets take turns.
  [[nodiscard]] Entry* longest_idle() const {
    Entry* const entry =
        std::ranges::min_element(sets_, {}, [](const auto& e) { return e->used; })->get();
    check(cudaDeviceSynchronize(), "wait for the runs of ", sets_.size(), " streams");
    return entry;
  }

  // The stream's own, else one that has no stream yet.
  [[nodiscard]] Entry* find(cudaStream_t stream) const {
    for (const auto& entry : sets_) {
      if (entry->bound && entry->stream == stream) return entry.get();
    }
    for (const auto& entry : sets_) {
      if (entry->bound) continue;
      entry->bound = true;
      entry->stream = stream;
      return entry.get();
    }
    return nullptr;
  }

  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Entry>> sets_;
  mutable std::uint64_t uses_ = 0;
};

}  // namespace faltung::cuda::fft
