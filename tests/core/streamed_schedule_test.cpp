#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <faltung/dtype.hpp>

#include "cpp/core/planner.hpp"
#include "cpp/core/streamed/device_run.hpp"
#include "cpp/core/streamed/model.hpp"
#include "tests/support/operands.hpp"
#include "tests/support/property_problems.hpp"

// The order of copies and kernels, on a device that computes nothing but keeps books: what happens
// before what (vector clocks over the three lanes and the host), who touches which bytes, and when.
namespace faltung::streamed {
namespace {

constexpr std::size_t host = 3;  // the caller's thread, beside the lanes
using Clock = std::array<std::int64_t, 4>;

class LoggedLanes final : public Lanes {
 public:
  explicit LoggedLanes(Link link, bool direct = true) : link_(link), direct_(direct) {}

  std::byte* allocate(std::size_t) override { return nullptr; }
  std::byte* allocate_staging(std::size_t) override { return nullptr; }
  bool copies_directly(const void*) const override { return direct_; }
  std::size_t worthwhile_copy() const override { return 0; }
  Stream compute() const override { return {}; }

  void copy(Lane lane, void* to, const void* from, std::size_t bytes) override {
    const double us = link_.copy_us + static_cast<double>(bytes) / link_.bytes_per_us;
    // The caller fills a buffer before it is copied, and has emptied it before it is copied to.
    if (is_staging(from)) touch({static_cast<const std::byte*>(from), bytes, true});
    if (is_staging(to)) touch({static_cast<const std::byte*>(to), bytes, false});
    work(static_cast<std::size_t>(lane), us,
         {{static_cast<std::byte*>(to), bytes, true},
          {static_cast<const std::byte*>(from), bytes, false}});
  }

  struct Access {
    const std::byte* data;
    std::size_t bytes;
    bool writes;
  };
  /// A piece of work of a lane: begins when all that it waits for has ended.
  void work(std::size_t lane, double us, const std::vector<Access>& accesses) {
    Clock& clock = clocks_[lane];
    join(clock, clocks_[host]);  // begun after all that the caller has done
    ++clock[lane];
    for (const Access& access : accesses) check(access, lane, clock);
    ends_[lane] = std::max(ends_[lane], wait_[lane]) + us;
    busy[lane] += us;
  }

  void record(int event, Lane lane) override {
    const auto index = static_cast<std::size_t>(lane);
    events_[event] = {clocks_[index], std::max(ends_[index], wait_[index])};
  }
  void wait(Lane lane, int event) override {
    const auto found = events_.find(event);
    if (found == events_.end()) return;
    const auto index = static_cast<std::size_t>(lane);
    join(clocks_[index], found->second.clock);
    wait_[index] = std::max(wait_[index], found->second.us);
  }
  void wait_here(int event) override {
    const auto found = events_.find(event);
    if (found != events_.end()) join(clocks_[host], found->second.clock);
  }
  void finish() override {
    for (std::size_t lane = 0; lane < host; ++lane) join(clocks_[host], clocks_[lane]);
  }
  /// The caller touches memory between calls.
  void touch(const Access& access) { work(host, 0, {access}); }

  void set_staging(std::byte* begin, std::size_t bytes) { staging_ = {begin, bytes}; }

  [[nodiscard]] double total() const { return *std::ranges::max_element(ends_); }
  std::array<double, 4> busy = {};
  std::vector<std::string> conflicts;

 private:
  struct Past {
    Access access;
    std::size_t lane;
    std::int64_t tick;
  };
  struct Event {
    Clock clock = {};
    double us = 0;
  };

  [[nodiscard]] bool is_staging(const void* data) const {
    const auto* at = static_cast<const std::byte*>(data);
    return at >= staging_.data() && at < staging_.data() + staging_.size();
  }

  static void join(Clock& clock, const Clock& other) {
    for (std::size_t i = 0; i < clock.size(); ++i) clock[i] = std::max(clock[i], other[i]);
  }

  void check(const Access& access, std::size_t lane, const Clock& clock) {
    for (const Past& past : past_) {
      const bool meets = past.access.data < access.data + access.bytes &&
                         access.data < past.access.data + past.access.bytes;
      if (!meets || !(past.access.writes || access.writes)) continue;
      if (clock[past.lane] >= past.tick) continue;
      conflicts.push_back("lane " + std::to_string(lane) + " and earlier work of lane " +
                          std::to_string(past.lane));
    }
    past_.push_back({access, lane, clock[lane]});
  }

  Link link_;
  bool direct_;
  std::span<std::byte> staging_;
  std::array<Clock, 4> clocks_ = {};
  std::array<double, 4> ends_ = {}, wait_ = {};
  std::map<int, Event> events_;
  std::vector<Past> past_;
};

struct Logged {
  Timeline times;
  std::vector<std::string> conflicts;
};

/// Runs the pieces of one device on the books.
Logged logged(const Problem& problem, const Pieces& made, const std::vector<std::size_t>& mine,
              const std::vector<double>& estimates_us, Link link, std::size_t staging = 0) {
  const Footprint places = footprint(problem, made);
  std::vector<std::byte> memory(places.workspace_offset + 1);
  std::vector<std::byte> buffers(4 * staging + 1);
  DeviceMemory device{.data = memory.data(), .staging_bytes = staging};
  for (std::size_t i = 0; i < 2; ++i) {
    device.in[i] = buffers.data() + i * staging;
    device.out[i] = buffers.data() + (2 + i) * staging;
  }
  test::Operands operands = test::zero_operands(problem);
  const auto view = [](test::Array& array) {
    return TensorView{
        array.bytes().data() + array.origin(), array.dtype(), array.shape(), array.strides(), {}};
  };
  HostData data{view(operands.first), view(operands.second), view(operands.before), {}};
  if (problem.epilogue.bias) data.bias = view(operands.bias);
  LoggedLanes lanes(link, staging == 0);
  lanes.set_staging(buffers.data(), 4 * staging);
  DeviceRun run(lanes, Device::cpu(), device, places, data);
  for (const std::size_t i : mine) {
    const Piece& piece = made.pieces[i];
    const Problem& part = made.problems[piece.problem];
    run.add(piece, part,
            [&](const ConstTensorView& a, const ConstTensorView& b, const TensorView& y,
                const ConstTensorView& bias) {
              const auto access = [](const ConstTensorView& v, bool writes) {
                return LoggedLanes::Access{
                    static_cast<const std::byte*>(v.data),
                    static_cast<std::size_t>(element_count(v.shape)) * size_of(v.dtype), writes};
              };
              std::vector<LoggedLanes::Access> accesses = {access(a, false), access(b, false),
                                                           access(y, true)};
              if (bias.data != nullptr) accesses.push_back(access(bias, false));
              lanes.work(static_cast<std::size_t>(Lane::compute), estimates_us[piece.problem],
                         accesses);
            });
  }
  run.finish();
  // Whatever the host finds in the result is there.
  lanes.touch({operands.before.bytes().data(), operands.before.bytes().size(), true});
  Logged result;
  result.times.in_us = lanes.busy[0];
  result.times.compute_us = lanes.busy[1];
  result.times.out_us = lanes.busy[2];
  result.times.total_us = lanes.total();
  result.conflicts = lanes.conflicts;
  return result;
}

Cut some_cut(const Problem& problem, std::mt19937_64& random) {
  const Cut all = whole(problem);
  const Cut least = finest(problem);
  Cut cut = all;
  for (const auto field :
       {&Cut::batch, &Cut::groups, &Cut::out_channels, &Cut::in_channels, &Cut::rows}) {
    const auto room = static_cast<std::uint64_t>(all.*field - least.*field + 1);
    cut.*field = least.*field + static_cast<std::int64_t>(random() % room);
  }
  if (cut.groups > 1) {
    cut.out_channels = all.out_channels;
    cut.in_channels = all.in_channels;
  }
  return cut;
}

// Any two that touch the same bytes, one of them writing, are in order; and the model is the time
// that this order takes.
TEST(StreamedSchedule, OrdersWhatTouchesTheSameBytesAndNothingElse) {
  test::RandomProblems draw(test::test_seed());
  std::mt19937_64 random(test::test_seed());
  int cases = 0;
  for (int i = 0; i < 1500 && cases < 400; ++i) {
    const Problem problem = test::tamed(draw());
    const Pieces made = cut_problem(problem, some_cut(problem, random));
    if (made.pieces.size() < 2 || made.pieces.size() > 60) continue;
    std::vector<double> estimates;
    for (std::size_t k = 0; k < made.problems.size(); ++k) {
      estimates.push_back(static_cast<double>(1 + random() % 1000));
    }
    const Link link{.bytes_per_us = 1, .copy_us = 0};
    const std::size_t devices = 1 + random() % 3;
    for (std::size_t device = 0; device < devices; ++device) {
      const auto mine = dealt(made, device, devices);
      if (mine.empty()) continue;
      const Logged log = logged(problem, made, mine, estimates, link);
      ASSERT_TRUE(log.conflicts.empty()) << log.conflicts.front() << "\n" << problem;
      // The bias, which all pieces share, is left out of the model.
      if (problem.epilogue.bias) continue;
      const Timeline model = timeline(problem, made, mine, estimates, link);
      EXPECT_NEAR(log.times.in_us, model.in_us, 1e-9 * model.in_us) << problem;
      EXPECT_NEAR(log.times.out_us, model.out_us, 1e-9 * model.out_us) << problem;
      EXPECT_NEAR(log.times.total_us, model.total_us, 1e-9 * model.total_us) << problem;
    }
    const Logged staged = logged(problem, made, dealt(made, 0, 1), estimates, link, 96);
    ASSERT_TRUE(staged.conflicts.empty()) << staged.conflicts.front() << "\n" << problem;
    ++cases;
  }
  EXPECT_EQ(cases, 400);
}

// n equal pieces take at most n + 2 times the longest step: the first copy in and the last copy out
// have nothing beside them. From 14 pieces on that is 1 + 2/14 < 1.15 of the longest lane.
TEST(StreamedSchedule, TakesAtMostTwoStepsMoreThanItsLongestLane) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 n=28 in=100x100 f=5x5 pad=2");
  for (const std::int64_t batch : {1, 2}) {
    Cut cut = whole(problem);
    cut.batch = batch;
    const Pieces made = cut_problem(problem, cut);
    const auto n = static_cast<double>(made.pieces.size());
    ASSERT_GE(n, 14);
    const double copy = 40'000.0 * static_cast<double>(batch);
    for (const double kernel : {0.01, 0.5, 0.99, 1.0, 1.01, 2.0, 100.0}) {
      const std::vector<double> estimates(made.problems.size(), kernel * copy);
      const auto mine = dealt(made, 0, 1);
      const Timeline times = timeline(problem, made, mine, estimates, {.bytes_per_us = 1});
      const double longest = std::max(copy, kernel * copy);
      EXPECT_LE(times.total_us, (n + 2) * longest + 100);  // the filter, once
      EXPECT_LE(times.excess(), 1.15) << n << " pieces, kernels " << kernel;
    }
  }
}

// Sums that are cut stay in one place, so they follow each other on one device; all others are
// dealt in turn, the same pieces for any number of devices.
TEST(StreamedSchedule, DealsWholeSums) {
  const Problem problem = Problem::parse("op=fwd dtype=f32 n=5 c=4 in=30 f=3");
  Cut cut = whole(problem);
  cut.batch = 1;
  cut.in_channels = 2;
  const Pieces made = cut_problem(problem, cut);
  EXPECT_EQ(dealt(made, 0, 2), (std::vector<std::size_t>{0, 1, 4, 5, 8, 9}));
  EXPECT_EQ(dealt(made, 1, 2), (std::vector<std::size_t>{2, 3, 6, 7}));
  EXPECT_TRUE(dealt(made, 7, 8).empty());
}

}  // namespace
}  // namespace faltung::streamed
