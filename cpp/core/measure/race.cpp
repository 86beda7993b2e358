#include "cpp/core/measure/race.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <ctime>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "cpp/core/backend.hpp"
#include "cpp/core/measure/guarded.hpp"
#include "cpp/core/measure/operands.hpp"
#include "cpp/core/measure/samples.hpp"
#include "cpp/core/measure/worker.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/strided.hpp"

namespace faltung::measuring {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::uint64_t seed = 20261201;
constexpr int rounds = 3, batches = 5;  // a round and contender
// A batch is long beside what starting a clock and a device cost.
constexpr double cpu_batch_us = 20, cuda_batch_us = 500;
// How many times slower than the fastest an estimate must be that nobody tries it.
constexpr double hopeless = 10;
// A contender in doubt is not cut by one disturbed run alone.
constexpr int first_runs = 3;

// Of the calling thread.
Clock::time_point processor_clock() {
  std::timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return Clock::time_point(std::chrono::seconds(now.tv_sec) +
                           std::chrono::nanoseconds(now.tv_nsec));
}

class Race {
 public:
  Race(const Problem& problem, const Device& device, const MeasureOptions& how)
      : device_(device),
        how_(how),
        start_(Clock::now()),
        operands_(make_operands(problem, seed)),
        samples_(problem, operands_, seed),
        before_needed_(problem.epilogue.beta != 0) {
    how_.stream = stream_on(device, how.stream);
    first_ = std::make_shared<const Tensor>(operands_.first.storage.to(device));
    second_ = std::make_shared<const Tensor>(operands_.second.storage.to(device));
    bias_ = std::make_shared<const Tensor>(operands_.bias.bytes() == 0 ? Tensor()
                                                                       : operands_.bias.to(device));
  }

  [[nodiscard]] bool can_check() const { return !samples_.empty(); }
  [[nodiscard]] double seconds() const { return Seconds(Clock::now() - start_).count(); }
  [[nodiscard]] bool is_over() const { return seconds() >= how_.max_seconds; }
  [[nodiscard]] bool still_runs() const { return !worker_.is_free(); }

  /// The first runs, and the check.
  void try_out(const Contender& contender, WayMeasurement& found) {
    const auto refuse = [&](MeasureOutcome outcome, std::string reason) {
      found.outcome = outcome;
      found.us = 0;
      found.reason = std::move(reason);
    };
    if (still_runs()) {
      return refuse(MeasureOutcome::not_run, "a way that was given up still runs");
    }
    if (is_over()) return refuse(MeasureOutcome::not_run, "the time for all ways was used up");
    if (best_us_ > 0 && contender.estimate_us > hopeless * how_.cut * best_us_) {
      return refuse(MeasureOutcome::cut, message("is estimated ", contender.estimate_us,
                                                 " us, the fastest took ", best_us_));
    }
    try {
      const auto place = make_place(contender);
      const auto us = timed(contender, place, 1, 1);
      if (!us) return overdue(found);
      if (std::string wrong = objection(contender, *place); !wrong.empty()) {
        return refuse(MeasureOutcome::wrong, std::move(wrong));
      }
      found.us = *us;
      found.outcome = MeasureOutcome::measured;
      for (int i = 1; i < first_runs && is_slow(found.us); ++i) {
        const auto again = timed(contender, place, 1, 1);
        if (!again) return overdue(found);
        found.us = std::min(found.us, *again);
      }
    } catch (const std::exception& error) {
      return refuse(MeasureOutcome::failed, error.what());
    }
    if (is_slow(found.us)) return cut(found);
    best_us_ = best_us_ > 0 ? std::min(best_us_, found.us) : found.us;
  }

  /// A turn of one that is still in the race.
  void time(const Contender& contender, WayMeasurement& found) {
    if (found.outcome != MeasureOutcome::measured || still_runs() || is_over()) return;
    const double batch_us = device_.kind == DeviceKind::cpu ? cpu_batch_us : cuda_batch_us;
    const int runs = std::max(1, static_cast<int>(std::min(1000.0, batch_us / found.us)));
    try {
      const auto us = timed(contender, make_place(contender), runs, batches);
      if (!us) return overdue(found);
      found.us = std::min(found.us, *us);
      best_us_ = std::min(best_us_, found.us);
      if (is_slow(found.us)) return cut(found);
    } catch (const std::exception& error) {
      found = {found.way, found.estimate_us, MeasureOutcome::failed, 0, error.what()};
    }
  }

 private:
  /// Where a contender runs. What it reads and the result are those of all, unless a way that was
  /// given up may still write there.
  struct Place {
    RunMemory memory;
    std::shared_ptr<const Tensor> first, second, bias;
    std::shared_ptr<Guarded> result, workspace;
  };

  std::shared_ptr<Place> make_place(const Contender& contender) {
    const std::size_t size = operands_.result.storage.bytes();
    if (result_ == nullptr) result_ = std::make_shared<Guarded>(size, device_);
    auto place = std::make_shared<Place>();
    place->first = first_;
    place->second = second_;
    place->bias = bias_;
    place->result = result_;
    place->workspace = std::make_shared<Guarded>(contender.workspace_bytes, device_);
    place->result->poison();
    if (before_needed_) place->result->write(operands_.result.storage.data());
    place->workspace->poison();
    const auto view_of = [&](const Tensor& storage, const Operand& operand) {
      const auto* data = static_cast<const std::byte*>(storage.data());
      const auto element = static_cast<std::int64_t>(size_of(operand.storage.dtype()));
      return ConstTensorView{data + operand.origin * element, operand.storage.dtype(),
                             operand.shape, operand.strides, device_};
    };
    const Operand& result = operands_.result;
    const auto element = static_cast<std::int64_t>(size_of(result.storage.dtype()));
    place->memory = {how_.stream,
                     view_of(*first_, operands_.first),
                     view_of(*second_, operands_.second),
                     bias_->bytes() == 0 ? ConstTensorView{} : bias_->view(),
                     TensorView{place->result->data() + result.origin * element,
                                result.storage.dtype(), result.shape, result.strides, device_},
                     {contender.workspace_bytes == 0 ? nullptr : place->workspace->data(),
                      contender.workspace_bytes}};
    return place;
  }

  /// The least time of a run among batches of several; nothing if they take too long.
  std::optional<double> timed(const Contender& contender, const std::shared_ptr<Place>& place,
                              int runs, int batch_count) {
    const auto least = std::make_shared<double>(0);
    const auto now = how_.processor_time ? processor_clock : Clock::now;
    const auto run = [run = contender.run, place, least, runs, batch_count, now] {
      const Stream& stream = place->memory.stream;
      const auto wait = [&] {
        if (stream.device.kind == DeviceKind::cuda) cuda_backend().wait(stream);
      };
      if (batch_count > 1) run(place->memory);  // brings everything back into caches
      for (int batch = 0; batch < batch_count; ++batch) {
        wait();
        const auto start = now();
        for (int i = 0; i < runs; ++i) run(place->memory);
        wait();
        const double us = Seconds(now() - start).count() * 1e6 / runs;
        *least = batch == 0 ? us : std::min(*least, us);
      }
    };
    const double limit = how_.run_seconds * (batch_count > 1 ? runs * batch_count + 1 : 1);
    if (worker_.call(run,
                     Seconds(std::min(limit, std::max(0.0, time_left()) + how_.run_seconds)))) {
      return std::max(std::round(*least * 1e3) / 1e3, 1e-3);  // to the nanosecond
    }
    result_ = nullptr;  // left to the run
    return std::nullopt;
  }

  [[nodiscard]] double time_left() const { return how_.max_seconds - seconds(); }
  [[nodiscard]] bool is_slow(double us) const { return best_us_ > 0 && us > how_.cut * best_us_; }

  void cut(WayMeasurement& found) const {
    found.outcome = MeasureOutcome::cut;
    found.reason = message("took ", found.us, " us, the fastest ", best_us_);
  }

  void overdue(WayMeasurement& found) const {
    found.outcome = MeasureOutcome::overdue;
    found.us = 0;
    found.reason = message("a run took longer than ", how_.run_seconds, " s");
  }

  // Reads everything back from the device.
  std::string objection(const Contender& contender, Place& place) const {
    for (const auto& [guarded, what] :
         {std::pair(place.result, "result"), std::pair(place.workspace, "workspace")}) {
      if (const std::string damage = guarded->damage(); !damage.empty()) {
        return message("wrote outside its ", what, ", ", damage);
      }
    }
    Tensor bytes = place.result->read();
    const Operand& result = operands_.result;
    auto* start = static_cast<std::byte*>(bytes.data());
    const auto element = static_cast<std::int64_t>(size_of(result.storage.dtype()));
    const ConstTensorView view{start + result.origin * element, result.storage.dtype(),
                               result.shape, result.strides, Device::cpu()};
    std::string text = samples_.objection(view, contender.bound);
    return text.empty() && writes_gaps(bytes) ? "wrote between the elements of its result" : text;
  }

  // Whether bytes between the elements are no longer what they were. Spoils `bytes`.
  [[nodiscard]] bool writes_gaps(Tensor& bytes) const {
    const Operand& result = operands_.result;
    const auto element = static_cast<std::int64_t>(size_of(result.storage.dtype()));
    if (element_count(result.shape) * element == bytes.size()) return false;
    const Tensor& before = result.storage;
    auto* data = static_cast<std::byte*>(bytes.data());
    const auto* old = static_cast<const std::byte*>(before.data());
    const auto size = static_cast<std::size_t>(element);
    for_each_index(result.shape, [&](std::int64_t, const Extents& index) {
      const std::int64_t at = (result.origin + offset_of(index, result.strides)) * element;
      if (before_needed_) {
        std::memcpy(data + at, old + at, size);
      } else {
        std::memset(data + at, poison_byte, size);
      }
    });
    if (before_needed_) return std::memcmp(data, old, bytes.bytes()) != 0;
    return std::any_of(data, data + bytes.bytes(),
                       [](std::byte byte) { return byte != std::byte{poison_byte}; });
  }

  Device device_;
  MeasureOptions how_;
  Clock::time_point start_;
  Operands operands_;
  Samples samples_;
  bool before_needed_;  ///< what stood in the result is read
  std::shared_ptr<const Tensor> first_, second_, bias_;
  std::shared_ptr<Guarded> result_;
  Worker worker_;
  double best_us_ = 0;
};

}  // namespace

Measurement race(const Problem& problem, const Device& device,
                 const std::vector<Contender>& contenders, const MeasureOptions& how) {
  Race race(problem, device, how);
  Measurement found;
  for (const Contender& contender : contenders) {
    found.ways.push_back({.way = contender.way, .estimate_us = contender.estimate_us});
  }
  if (!race.can_check()) {
    for (WayMeasurement& way : found.ways) {
      way.reason = "no part of the result can be computed alone, so that none could be checked";
    }
    return found;
  }
  for (std::size_t i = 0; i < contenders.size(); ++i) race.try_out(contenders[i], found.ways[i]);
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < contenders.size(); ++i) race.time(contenders[i], found.ways[i]);
  }
  found.seconds = race.seconds();
  found.still_runs = race.still_runs();
  return found;
}

}  // namespace faltung::measuring
