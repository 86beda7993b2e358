#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace faltung::emulator {

/// Whoever accesses memory: a thread of the cluster by its number, then asynchronous units.
using Agent = std::uint32_t;

/// A moment in the life of an agent.
struct Epoch {
  Agent agent = 0;
  std::uint32_t time = 0;  ///< 0: never
  friend bool operator==(const Epoch&, const Epoch&) = default;
};

/// For every agent, the last moment that is known to have passed. Shared and never changed.
using Knowledge = std::shared_ptr<const std::vector<std::uint32_t>>;

/// The vector clock of one thread. Its own time is kept apart from what it knows of others, so that
/// all threads that leave a barrier can share one vector.
class Clock {
 public:
  Clock() = default;
  Clock(Agent self, Knowledge known) : self_(self), known_(std::move(known)) {}

  [[nodiscard]] Epoch now() const { return {self_, time_}; }
  [[nodiscard]] const Knowledge& known() const { return known_; }
  [[nodiscard]] std::uint32_t last_known(Agent agent) const {
    if (agent == self_) return time_;
    return agent < known_->size() ? (*known_)[agent] : 0;
  }
  /// Whether `epoch` happened before now.
  [[nodiscard]] bool knows(Epoch epoch) const { return epoch.time <= last_known(epoch.agent); }

  void tick() { ++time_; }
  /// Learns `more`, which already holds everything this thread knew.
  void adopt(Knowledge more) { known_ = std::move(more); }
  void acquire(const Knowledge& more) {
    if (!more || more == known_) return;
    auto merged = std::make_shared<std::vector<std::uint32_t>>(*known_);
    merged->resize(std::max(merged->size(), more->size()));
    for (std::size_t i = 0; i < more->size(); ++i) {
      (*merged)[i] = std::max((*merged)[i], (*more)[i]);
    }
    known_ = std::move(merged);
  }

 private:
  Agent self_ = 0;
  std::uint32_t time_ = 1;
  Knowledge known_;
};

/// What a barrier has been told by those who arrived at it.
class Release {
 public:
  void add(Epoch epoch) {
    if (epoch.agent >= times_.size()) times_.resize(epoch.agent + 1);
    times_[epoch.agent] = std::max(times_[epoch.agent], epoch.time);
  }
  void add(const Clock& clock) {
    const Knowledge& known = clock.known();
    if (known.get() != last_.get()) {
      times_.resize(std::max(times_.size(), known->size()));
      for (std::size_t i = 0; i < known->size(); ++i) times_[i] = std::max(times_[i], (*known)[i]);
      last_ = known;
    }
    add(clock.now());
  }
  [[nodiscard]] Knowledge take() {
    last_.reset();
    return std::make_shared<const std::vector<std::uint32_t>>(std::exchange(times_, {}));
  }

 private:
  std::vector<std::uint32_t> times_;
  Knowledge last_;  ///< the vector merged last: most arrivals bring the same one
};

}  // namespace faltung::emulator
