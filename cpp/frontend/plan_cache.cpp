#include <faltung/plan_cache.hpp>

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>

#include <faltung/threads.hpp>
#include "cpp/core/wisdom.hpp"
#include "cpp/frontend/kept_plan.hpp"
#ifdef FALTUNG_HAVE_HIGHWAY
#include "cpp/cpu/simd/cpu_target.hpp"
#endif

namespace faltung {
namespace {

/// All that a plan depends on.
struct Key {
  Problem problem;
  Device device;
  std::string engine;
  std::size_t workspace_limit;
  bool elementwise;
  Accuracy accuracy;
  bool reproducible;
  bool flush_subnormals;
  int threads;
  std::size_t target;    ///< the instruction set
  std::uint64_t wisdom;  ///< what was known when it was made
  friend bool operator==(const Key&, const Key&) = default;
};

struct Entry {
  std::size_t hash;
  Key key;
  std::shared_ptr<const Plan> plan;
  std::size_t bytes;
};
using Entries = std::list<Entry>;

std::size_t instruction_set() {
#ifdef FALTUNG_HAVE_HIGHWAY
  return cpu_target_index();
#else
  return 0;
#endif
}

// The problem is most of it; the rest seldom differs.
std::size_t hash_of(const Key& key) {
  return std::hash<Problem>{}(key.problem) ^ std::hash<std::string>{}(key.engine) * 3 ^
         static_cast<std::size_t>(key.threads) << 32;
}

// NaN equals nothing, so that such a plan would never be found; -0 equals 0, and a zero at the
// boundary or in the epilogue may give a result its sign.
bool makes_a_key(const Problem& p) {
  const auto plain = [](double value) {
    return !std::isnan(value) && !(value == 0 && std::signbit(value));
  };
  for (const Axis& axis : p.axes) {
    for (const Boundary& b : {axis.below, axis.above}) {
      if (!plain(b.value.real()) || !plain(b.value.imag())) return false;
    }
  }
  const Epilogue& e = p.epilogue;
  return plain(e.alpha) && plain(e.beta) && plain(e.activation.a) && plain(e.activation.b);
}

// What a plan keeps, from above: copies of the problem and texts; a few numbers for each row,
// column and tap; and of a transform the roots of unity, no more than there are values in the
// blocks, of which the workspace holds several.
std::size_t bytes_of(const Plan& plan) {
  constexpr std::size_t texts = 16 << 10;
  constexpr double for_each_place = 32, more_than_any = 1e18;
  const Problem& p = plan.problem();
  double places = static_cast<double>(element_count(p.w_shape()));
  if (p.out_channels > 1) places /= static_cast<double>(p.out_channels);
  for (const Axis& axis : p.axes) places += static_cast<double>(axis.input + axis.output());
  const bool transforms = plan.engine().find(".fft") != std::string::npos;
  return texts + static_cast<std::size_t>(std::min(for_each_place * places, more_than_any)) +
         (transforms ? 2 * plan.workspace_bytes() : 0);
}

class PlanCache {
 public:
  std::shared_ptr<const Plan> find(std::size_t hash, const Key& key) {
    const std::scoped_lock lock(mutex_);
    const auto at = place(hash, key);
    if (at == entries_.end()) {
      ++missed_;
      return nullptr;
    }
    ++found_;
    entries_.splice(entries_.begin(), entries_, at);
    return at->plan;
  }

  // `fresh` has one entry.
  void keep(Entries fresh) {
    Entries dropped;  // destroyed when nothing is locked
    const std::scoped_lock lock(mutex_);
    const Entry& entry = fresh.front();
    const bool too_large = entry.bytes > limits_.bytes || limits_.plans == 0;
    // Another thread may have planned the same meanwhile.
    if (too_large || place(entry.hash, entry.key) != entries_.end()) {
      dropped.splice(dropped.end(), fresh);
      return;
    }
    bytes_ += entry.bytes;
    entries_.splice(entries_.begin(), fresh);
    drop(dropped);
  }

  void limit(const PlanCacheLimits& limits) {
    Entries dropped;
    const std::scoped_lock lock(mutex_);
    limits_ = limits;
    drop(dropped);
  }

  void clear() {
    Entries dropped;
    const std::scoped_lock lock(mutex_);
    dropped.swap(entries_);
    bytes_ = 0;
  }

  PlanCacheUse use() {
    const std::scoped_lock lock(mutex_);
    return {entries_.size(), bytes_, found_, missed_};
  }

  std::mutex& mutex() { return mutex_; }

 private:
  Entries::iterator place(std::size_t hash, const Key& key) {
    auto at = entries_.begin();
    while (at != entries_.end() && !(at->hash == hash && at->key == key)) ++at;
    return at;
  }

  void drop(Entries& dropped) {
    while (entries_.size() > limits_.plans || bytes_ > limits_.bytes) {
      bytes_ -= entries_.back().bytes;
      dropped.splice(dropped.end(), entries_, std::prev(entries_.end()));
    }
  }

  std::mutex mutex_;
  Entries entries_;  // used last, first
  PlanCacheLimits limits_;
  std::size_t bytes_ = 0;
  std::uint64_t found_ = 0, missed_ = 0;
};

PlanCache& cache() {
  // Never destroyed: threads may still call when the program ends. A child of fork gets the mutex
  // unlocked.
  static PlanCache* const instance = [] {
    auto* made = new PlanCache;
    pthread_atfork([] { cache().mutex().lock(); }, [] { cache().mutex().unlock(); },
                   [] { cache().mutex().unlock(); });
    return made;
  }();
  return *instance;
}

}  // namespace

std::shared_ptr<const Plan> kept_plan(const Problem& problem, const Device& device,
                                      const PlanOptions& options) {
  // An allocator may point at what the caller ends before the next call.
  const Allocator& a = options.allocator;
  const bool callers = a.context != nullptr || a.allocate != nullptr || a.deallocate != nullptr;
  if (callers || !makes_a_key(problem)) {
    return std::make_shared<const Plan>(Plan::make(problem, device, options));
  }
  Key key{problem,
          device,
          options.engine,
          options.workspace_limit,
          options.elementwise,
          options.accuracy,
          options.reproducible,
          options.flush_subnormals,
          threads(),
          instruction_set(),
          wisdom_generation()};
  const std::size_t hash = hash_of(key);
  if (auto plan = cache().find(hash, key)) return plan;
  const auto plan = std::make_shared<const Plan>(Plan::make(problem, device, options));
  try {
    Entries fresh;
    fresh.push_back({hash, std::move(key), plan, bytes_of(*plan)});
    cache().keep(std::move(fresh));
  } catch (const std::bad_alloc&) {  // the plan may run all the same
  }
  return plan;
}

PlanCacheUse plan_cache_use() { return cache().use(); }
void clear_plan_cache() { cache().clear(); }
void set_plan_cache_limits(const PlanCacheLimits& limits) { cache().limit(limits); }

}  // namespace faltung
