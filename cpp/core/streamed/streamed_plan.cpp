#include <faltung/streamed_plan.hpp>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <faltung/error.hpp>
#include <faltung/machine.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/planner.hpp"
#include "cpp/core/streamed/choose_cut.hpp"
#include "cpp/core/streamed/device_run.hpp"
#include "cpp/core/streamed/lanes.hpp"
#include "cpp/core/view_rules.hpp"

namespace faltung {
namespace {

using namespace streamed;

void check_devices(const std::vector<Device>& devices) {
  if (devices.empty()) {
    throw InvalidProblem("StreamedOptions::devices is empty; name at least one device");
  }
  for (std::size_t i = 0; i < devices.size(); ++i) {
    if (std::find(devices.begin(), devices.begin() + static_cast<std::ptrdiff_t>(i), devices[i]) !=
        devices.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw InvalidProblem(
          message("StreamedOptions::devices names ", devices[i], " twice; name each device once"));
    }
    if (devices[i].kind != devices.front().kind) {
      throw InvalidProblem(message("StreamedOptions::devices names ", devices.front(), " and ",
                                   devices[i], "; name CUDA devices, or the CPU alone"));
    }
    if (devices[i].kind == DeviceKind::cpu) continue;
    const DeviceBackend& backend = cuda_backend();
    if (const std::string reason = backend.unavailable_reason(); !reason.empty()) {
      throw DeviceError(message(devices[i], " cannot be used: ", reason));
    }
    if (devices[i].index < 0 || devices[i].index >= backend.count()) {
      throw InvalidProblem(message("StreamedOptions::devices names ", devices[i],
                                   ", but there are ", backend.count(),
                                   " CUDA devices; name one of them"));
    }
  }
}

std::size_t limit_of(const StreamedOptions& options) {
  if (options.memory_limit != 0) return options.memory_limit;
  std::size_t limit = 0;
  for (const Device& device : options.devices) {
    if (device.kind == DeviceKind::cpu) {
      throw InvalidProblem(
          "StreamedOptions::memory_limit is 0, which is known of CUDA devices alone; give the "
          "bytes that the CPU may take");
    }
    const std::size_t free = cuda_backend().free_bytes(device) / 10 * 9;
    limit = limit == 0 ? free : std::min(limit, free);
  }
  return limit;
}

// PCI Express moves 31.5 and 63 GB/s in each direction over 16 lanes of generations 4 and 5.
// Source: PCI Express Base Specification 4.0 and 5.0: 16 and 32 GT/s a lane, 128b/130b. A copy
// takes a launch to start.
Link link_of(const StreamedOptions& options) {
  const Device& device = options.devices.front();
  if (device.kind == DeviceKind::cpu) {
    const double rate = machine_here().copy_bytes_per_ns * 1e3 / 2;  // read and written are counted
    return {options.link_bytes_per_us > 0 ? options.link_bytes_per_us : rate, 0};
  }
  const GpuMachine machine = cuda_backend().machine(device);
  const double rate = machine.limits.major >= 9 ? 63e3 : 31.5e3;
  return {options.link_bytes_per_us > 0 ? options.link_bytes_per_us : 0.8 * rate,
          machine.launch_us};
}

std::unique_ptr<Lanes> lanes_of(const Device& device) {
  return device.kind == DeviceKind::cpu ? host_lanes() : cuda_backend().lanes(device);
}

/// Of a buffer that copies go through: long enough that starting them does not count.
constexpr std::size_t staging_bytes = std::size_t{16} << 20;

}  // namespace

struct StreamedPlan::State {
  struct Station {
    std::unique_ptr<Lanes> lanes;
    DeviceMemory memory;
    std::vector<std::size_t> pieces;  ///< that were dealt to it
  };

  Problem problem;  ///< as it was given
  Problem asked;    ///< with what the options make of it
  std::vector<Device> devices;
  CutPlan cut;
  Link link;
  StreamedFacts facts;
  ViewRule first, second, result;
  std::vector<Station> stations;
  std::optional<Plan> empty;  ///< of problems without elements, which need no device
  std::mutex running;

  /// @return  whether all memory is there
  [[nodiscard]] bool take_memory() {
    stations.clear();
    facts.host_bytes = 0;
    for (std::size_t i = 0; i < devices.size(); ++i) {
      Station& station = stations.emplace_back();
      station.pieces = dealt(cut.made, i, devices.size());
      station.lanes = lanes_of(devices[i]);
      station.memory.data = station.lanes->allocate(std::max<std::size_t>(cut.bytes(), 1));
      if (station.memory.data == nullptr) return false;
      if (devices[i].kind == DeviceKind::cpu) continue;
      const std::size_t bytes = std::min(staging_bytes, cut.places.largest_copy);
      for (auto* buffers : {&station.memory.in, &station.memory.out}) {
        for (std::byte*& buffer : *buffers) {
          buffer = station.lanes->allocate_staging(bytes);
          if (buffer == nullptr) {
            throw DeviceError(message("no pinned memory for copies to and from ", devices[i], ", ",
                                      bytes, " bytes; free some of the host"));
          }
          facts.host_bytes += bytes;
        }
      }
      station.memory.staging_bytes = bytes;
    }
    return true;
  }

  void count() {
    facts.pieces = cut.made.pieces.size();
    facts.device_bytes = cut.bytes();
    for (std::size_t i = 0; i < devices.size(); ++i) {
      const Timeline times =
          timeline(problem, cut.made, dealt(cut.made, i, devices.size()), cut.estimates_us, link);
      facts.in_us = std::max(facts.in_us, times.in_us);
      facts.compute_us = std::max(facts.compute_us, times.compute_us);
      facts.out_us = std::max(facts.out_us, times.out_us);
      facts.estimate_us = std::max(facts.estimate_us, times.total_us);
      facts.copied_in_bytes += times.in_bytes;
      facts.copied_out_bytes += times.out_bytes;
    }
  }

  void run_pieces(const HostData& host) {
    std::vector<DeviceRun> runs;
    runs.reserve(stations.size());
    for (std::size_t i = 0; i < stations.size(); ++i) {
      runs.emplace_back(*stations[i].lanes, devices[i], stations[i].memory, cut.places, host);
    }
    // A piece of each device in turn, so that all have work; one whose device has none is skipped.
    for (std::size_t turn = 0, busy = 1; busy > 0; ++turn) {
      busy = 0;
      for (std::size_t i = 0; i < stations.size(); ++i) {
        if (turn >= stations[i].pieces.size()) continue;
        ++busy;
        const Piece& piece = cut.made.pieces[stations[i].pieces[turn]];
        const Plan& plan = cut.plans[i][piece.problem];
        const Workspace lent{stations[i].memory.data + cut.places.workspace_offset,
                             plan.workspace_bytes()};
        const Stream stream = stations[i].lanes->compute();
        runs[i].add(piece, plan.problem(),
                    [&](const ConstTensorView& a, const ConstTensorView& b, const TensorView& y,
                        const ConstTensorView& bias) {
                      plan.run(stream, a, b, y, lent.bytes == 0 ? Workspace{} : lent, bias);
                    });
      }
    }
    for (DeviceRun& run : runs) run.finish();
  }

  // What is under way when something fails still reads and writes the caller's memory.
  void finish_quietly() noexcept {
    for (Station& station : stations) {
      try {
        station.lanes->finish();
      } catch (...) {  // the first failure is the one to tell
      }
    }
  }
};

StreamedPlan::StreamedPlan(std::unique_ptr<State> state) : state_(std::move(state)) {}
StreamedPlan::StreamedPlan(StreamedPlan&&) noexcept = default;
StreamedPlan& StreamedPlan::operator=(StreamedPlan&&) noexcept = default;
StreamedPlan::~StreamedPlan() = default;

StreamedPlan StreamedPlan::make(const Problem& problem, const StreamedOptions& options) {
  problem.validate();
  check_devices(options.devices);
  if (options.plan.allocator.allocate != nullptr || options.plan.allocator.deallocate != nullptr) {
    throw InvalidProblem(
        "StreamedOptions::plan has an allocator, but a streamed plan takes all memory when it is "
        "made; leave it out");
  }
  auto state = std::make_unique<State>();
  state->problem = problem;
  state->asked = asked_problem(problem, options.plan);
  state->devices = options.devices;
  state->link = link_of(options);
  state->first = problem.pass == Pass::backward_data ? y_rule(problem) : x_rule(problem);
  state->second = problem.pass == Pass::backward_filter ? y_rule(problem) : w_rule(problem);
  state->result = problem.pass == Pass::forward         ? y_rule(problem)
                  : problem.pass == Pass::backward_data ? x_rule(problem)
                                                        : w_rule(problem);
  if (has_empty_tensor(problem)) {
    state->empty = Plan::make(problem, Device::cpu(), {.reproducible = options.plan.reproducible});
    return StreamedPlan(std::move(state));
  }
  std::size_t limit = limit_of(options);
  for (;;) {
    state->cut = choose_cut(state->asked, state->devices, options.plan, limit, state->link);
    if (state->take_memory()) break;
    // Others have taken it meanwhile, or it is in pieces: smaller pieces may do.
    const std::size_t wanted = state->cut.bytes();
    state->stations.clear();
    limit = std::min(limit, wanted) / 4 * 3;
    try {
      (void)choose_cut(state->asked, {state->devices.front()}, options.plan, limit, state->link);
    } catch (const NoEngine& error) {
      throw DeviceError(message("no memory for pieces of ", wanted, " bytes on ",
                                state->devices.front(),
                                ", and they cannot be smaller: ", error.what()));
    }
  }
  state->count();
  return StreamedPlan(std::move(state));
}

void StreamedPlan::run(const ConstTensorView& first, const ConstTensorView& second,
                       const TensorView& result, const ConstTensorView& bias) const {
  const State& known = *state_;
  if (known.empty) return known.empty->run(first, second, result, {}, bias);
  const Device host = Device::cpu();
  check_view(first, known.first, host);
  check_view(second, known.second, host);
  check_view(result, known.result, host);
  check_apart(result, known.result.name, first, known.first.name);
  check_apart(result, known.result.name, second, known.second.name);
  const Problem& p = known.problem;
  if (p.epilogue.bias) {
    check_view(bias, {"bias", p.bias_dtype(), {p.result_channels()}, {}}, host);
    check_apart(result, known.result.name, bias, "bias");
  } else if (is_given(bias)) {
    throw InvalidProblem(message("a bias of shape ", bias.shape,
                                 " is passed, but the problem has none (bias=0), so that it would "
                                 "be dropped; plan with a bias, or leave it out"));
  }
  const std::lock_guard lock(state_->running);
  try {
    state_->run_pieces({first, second, result, bias});
  } catch (...) {
    state_->finish_quietly();
    throw;
  }
}

const Problem& StreamedPlan::problem() const noexcept { return state_->problem; }
StreamedFacts StreamedPlan::facts() const { return state_->facts; }

// Every part of a sum is rounded once more when the next is added to it, by at most u (|x|*|w|).
ErrorBound StreamedPlan::error_bound() const noexcept {
  if (state_->empty) return state_->empty->error_bound();
  const CutPlan& cut = state_->cut;
  ErrorBound bound;
  for (const Plan& plan : cut.plans.front()) {
    const ErrorBound each = plan.error_bound();
    if (each.kind > bound.kind) bound.kind = each.kind;
    bound.constant = std::max(bound.constant, each.constant);
  }
  std::size_t parts = 1;
  std::size_t most = 1;
  for (const Piece& piece : cut.made.pieces) {
    parts = piece.begins ? 1 : parts + 1;
    most = std::max(most, parts);
  }
  if (bound.kind != ErrorBound::Kind::exact && most > 1) {
    bound.constant += static_cast<double>(most - 1) * unit_roundoff(state_->problem.accumulator);
  }
  return bound;
}

std::string StreamedPlan::explain() const {
  const State& s = *state_;
  if (s.empty) return s.empty->explain();
  const StreamedFacts& f = s.facts;
  const std::string cut = to_string(s.cut.cut, s.problem);
  std::string devices;
  for (const Device& device : s.devices) devices += message(devices.empty() ? "" : ", ", device);
  std::string text =
      message("problem    ", s.problem, "\nstreamed   through ", devices, "\npieces     ", f.pieces,
              cut.empty() ? "" : ", each ", cut, "\nmemory     ", f.device_bytes,
              " bytes of each device, ", f.host_bytes, " pinned bytes of the host\ncopies     in ",
              f.in_us, " us, out ", f.out_us, " us\nkernels    ", f.compute_us, " us\nestimate   ",
              f.estimate_us, " us, all side by side\n");
  std::size_t largest = 0;
  for (std::size_t i = 1; i < s.cut.made.problems.size(); ++i) {
    if (s.cut.made.problems[i].multiply_adds() > s.cut.made.problems[largest].multiply_adds()) {
      largest = i;
    }
  }
  return text + "the largest piece:\n" + s.cut.plans.front()[largest].explain();
}

}  // namespace faltung
