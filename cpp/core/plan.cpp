#include <faltung/plan.hpp>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include <faltung/error.hpp>
#include <faltung/measure.hpp>
#include "cpp/core/allocator.hpp"
#include "cpp/core/backend.hpp"
#include "cpp/core/float_environment.hpp"
#include "cpp/core/geometry.hpp"
#include "cpp/core/memory_guard.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/normal_form.hpp"
#include "cpp/core/planner.hpp"
#include "cpp/core/stream.hpp"
#include "cpp/core/verbose.hpp"
#include "cpp/core/view_rules.hpp"

namespace faltung {
namespace {

// What bind_filter keeps: the engine's own form, or a copy with the problem's strides.
struct BoundFilter {
  std::unique_ptr<PreparedFilter> prepared;
  Tensor copy;
  const void* data = nullptr;
};

// Only the elements are copied: what lies between them may not be ours to read. The fastest axes
// that leave no gaps are copied at once.
void copy_elements(const Stream& stream, const ConstTensorView& view, std::byte* target) {
  Shape pieces = view.shape;
  std::int64_t piece = 1;
  for (std::size_t i = pieces.size(); i-- > 0 && (pieces[i] == 1 || view.strides[i] == piece);) {
    piece *= pieces[i];
    pieces[i] = 1;
  }
  const auto size = static_cast<std::int64_t>(size_of(view.dtype));
  const auto bytes = static_cast<std::size_t>(piece * size);
  for_each_index(pieces, [&](std::int64_t, const Extents& index) {
    const std::int64_t offset = offset_of(index, view.strides) * size;
    const std::byte* source = static_cast<const std::byte*>(view.data) + offset;
    if (stream.device.kind == DeviceKind::cpu) {
      std::memcpy(target + offset, source, bytes);
    } else {
      cuda_backend().copy(target + offset, source, bytes, stream);
    }
  });
}

// Scratch memory for one run: the caller's if it lent some, else from the allocator.
class Scratch {
 public:
  Scratch(std::size_t bytes, const Workspace& lent, const Allocator& allocator,
          const Stream& stream)
      : allocator_(allocator), stream_(stream), bytes_(bytes) {
    if (bytes == 0) return;
    if (lent.data != nullptr) {
      check(bytes, lent);
      data_ = lent.data;
      return;
    }
    data_ = allocator.allocate(allocator.context, bytes, memory_alignment, stream);
    owned_ = true;
    if (data_ == nullptr) {
      throw DeviceError(message("no memory for a workspace of ", bytes, " bytes on ", stream.device,
                                "; lower PlanOptions::workspace_limit or lend a workspace"));
    }
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    if (owned_) allocator_.deallocate(allocator_.context, data_, bytes_, memory_alignment, stream_);
  }

  [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  static void check(std::size_t bytes, const Workspace& lent) {
    if (lent.bytes < bytes) {
      throw InvalidProblem(message("workspace has ", lent.bytes, " bytes, the plan needs ", bytes,
                                   "; ask Plan::workspace_bytes"));
    }
    if (reinterpret_cast<std::uintptr_t>(lent.data) % memory_alignment != 0) {
      throw InvalidProblem(message("workspace starts at address ", lent.data,
                                   ", which is misaligned: it needs a multiple of ",
                                   memory_alignment, " bytes"));
    }
  }

  const Allocator& allocator_;
  const Stream& stream_;
  std::size_t bytes_;
  void* data_ = nullptr;
  bool owned_ = false;
};

// Only engines that were asked for: of the others there is nothing to say.
std::string refusal(const Problem& problem, const Device& device, const Choice& choice,
                    const PlanOptions& options) {
  const EngineWish wish(options.engine);
  std::string text = message("no engine can run [", problem, "] on ", device);
  for (const Candidate& candidate : choice.candidates) {
    if (!wish.means(candidate.engine)) continue;
    text += message("\n  ", candidate.engine, ": ", candidate.reason);
  }
  if (!choice.least_by.empty()) {
    text += message("\nthe least workspace that does is ", choice.least_bytes, " bytes, for ",
                    choice.least_by, "; raise PlanOptions::workspace_limit to that");
  }
  return text;
}

std::string text_of(const PlanFacts& facts) {
  std::string text = message(facts.threads, facts.threads == 1 ? " thread" : " threads");
  if (!facts.instruction_set.empty()) text += ", " + facts.instruction_set;
  text += message(", ", facts.memory_passes,
                  facts.memory_passes == 1 ? " pass over memory" : " passes over memory");
  if (facts.reproducible) text += ", the same bits everywhere";
  if (!facts.bitwise_reproducible) text += ", bits may change from run to run";
  if (facts.watches_range) text += ", sums results anew that are small beside their data";
  if (facts.flushes_subnormals) text += ", subnormal numbers count as zero";
  if (facts.spreads_non_finite) text += ", spreads NaN and infinity";
  return text;
}

// The time that wisdom has of a way; empty if it has none.
std::string measured_text(const Choice& choice, std::string_view engine, std::string_view way) {
  const std::string name = message(engine, '/', way);
  const auto known = std::ranges::find(choice.measured, name, &MeasuredWay::way);
  return known == choice.measured.end() ? "" : message(", measured ", known->us, " us");
}

}  // namespace

struct Plan::State {
  Problem problem;
  Device device;
  PlanOptions options;  // with an allocator
  Choice choice;
  BoundFilter bound;
  ViewRule first, second, result;
  bool tells_runs = false;  // FALTUNG_VERBOSE

  void run(const Stream& given, const ConstTensorView& a, const ConstTensorView* b,
           const TensorView& out, const Workspace& lent, const ConstTensorView& bias) const {
    const Stream stream = checked_stream(given);
    check_view(a, first, device);
    check_view(out, result, device);
    check_apart(out, result.name, a, first.name);
    if (b != nullptr) {
      check_view(*b, second, device);
      check_apart(out, result.name, *b, second.name);
    }
    check_bias(bias, out);
    check_workspace_apart(lent, a, b, out, bias);
    if (element_count(result.shape) == 0) return;
    const Scratch scratch(choice.task->workspace_bytes(), lent, options.allocator, stream);
    const FloatEnvironment environment(subnormals());  // the allocator keeps the caller's
    const RunReport report(tells_runs, problem, device, choice.engine->name(), choice.way);
    choice.task->run({.stream = stream,
                      .first = a.data,
                      .second = b != nullptr ? b->data : bound.data,
                      .result = out.data,
                      .bias = problem.epilogue.bias ? bias.data : nullptr,
                      .prepared = b != nullptr ? nullptr : bound.prepared.get(),
                      .workspace = scratch.data()});
  }

  [[nodiscard]] Subnormals subnormals() const {
    return options.flush_subnormals ? Subnormals::flush : Subnormals::keep;
  }

  [[nodiscard]] Stream checked_stream(const Stream& given) const {
    const Stream stream = stream_on(device, given);
    if (device.kind == DeviceKind::cpu && stream.handle != nullptr) {
      throw InvalidProblem(
          "a stream with a handle is passed, but the plan runs on the CPU, which has none; pass "
          "Stream{}");
    }
    if (stream.device == device) return stream;
    throw InvalidProblem(
        message("the stream is on ", stream.device, ", the plan runs on ", device));
  }

  void check_bias(const ConstTensorView& bias, const TensorView& out) const {
    if (!problem.epilogue.bias) {
      if (!is_given(bias)) return;
      throw InvalidProblem(message("a bias of shape ", bias.shape,
                                   " is passed, but the problem has none (bias=0), so that it "
                                   "would be dropped; plan with a bias, or leave it out"));
    }
    if (!is_given(bias)) {
      if (problem.result_channels() == 0) return;
      throw InvalidProblem(message("the problem has a bias (bias=1), but none is passed; pass ",
                                   problem.result_channels(), " values of ",
                                   name(problem.bias_dtype()), ", or plan without it"));
    }
    check_view(bias, {"bias", problem.bias_dtype(), {problem.result_channels()}, {}}, device);
    check_apart(out, result.name, bias, "bias");
  }

  void check_workspace_apart(const Workspace& lent, const ConstTensorView& a,
                             const ConstTensorView* b, const TensorView& out,
                             const ConstTensorView& bias) const {
    if (lent.data == nullptr && lent.bytes != 0) {
      throw InvalidProblem(message("a workspace of ", lent.bytes,
                                   " bytes is lent at a null pointer; pass its memory, or {} to "
                                   "take it from the allocator"));
    }
    if (lent.bytes == 0) return;
    const auto bytes = static_cast<std::int64_t>(lent.bytes);
    const ConstTensorView memory{lent.data, DType::u8, {bytes}, {1}, device};
    const auto check = [&](const ConstTensorView& view, std::string_view name) {
      check_apart(memory, "the workspace", view, name, "lend other memory");
    };
    check(a, first.name);
    if (b != nullptr) check(*b, second.name);
    check(out, result.name);
    if (problem.epilogue.bias) check(bias, "bias");
  }
};

Plan::Plan(std::unique_ptr<State> state) : state_(std::move(state)) {}
Plan::Plan(Plan&&) noexcept = default;
Plan& Plan::operator=(Plan&&) noexcept = default;
Plan::~Plan() = default;

Plan Plan::make(const Problem& problem, const Device& device, const PlanOptions& options) {
  Choice choice = choose_engine(problem, device, options);
  if (choice.engine == nullptr) {
    throw NoEngine(refusal(asked_problem(problem, options), device, choice, options));
  }
  auto state = std::make_unique<State>();
  state->problem = problem;
  state->device = device;
  state->options = options;
  state->options.allocator = allocator_for(device, options.allocator);
  state->choice = std::move(choice);
  state->first = problem.pass == Pass::backward_data ? y_rule(problem) : x_rule(problem);
  state->second = problem.pass == Pass::backward_filter ? y_rule(problem) : w_rule(problem);
  state->result = problem.pass == Pass::forward         ? y_rule(problem)
                  : problem.pass == Pass::backward_data ? x_rule(problem)
                                                        : w_rule(problem);
  state->tells_runs = is_verbose(Verbose::exec);
  Plan plan(std::move(state));
  tell_plan(plan, plan.state_->choice.by_wisdom);
  return plan;
}

void Plan::run(const Stream& stream, const ConstTensorView& first, const ConstTensorView& second,
               const TensorView& result, const Workspace& workspace,
               const ConstTensorView& bias) const {
  state_->run(stream, first, &second, result, workspace, bias);
}

void Plan::bind_filter(const Stream& given, const ConstTensorView& w) {
  if (state_->problem.pass == Pass::backward_filter) {
    throw InvalidProblem("pass backward_filter computes dw and has no filter to bind; use run");
  }
  const Stream stream = state_->checked_stream(given);
  check_view(w, state_->second, state_->device);
  BoundFilter bound;
  const ByteSpan span = byte_span(w);
  if (span.begin != span.end) {
    const FloatEnvironment environment(state_->subnormals());
    bound.prepared = with_memory(
        "the engine's form of a filter", static_cast<std::uint64_t>(span.end - span.begin),
        [&] { return state_->choice.task->prepare_filter(stream, w.data); });
    if (bound.prepared == nullptr) {
      const std::ptrdiff_t start = static_cast<const std::byte*>(w.data) - span.begin;
      bound.copy = Tensor(DType::u8, {span.end - span.begin}, state_->device);
      std::byte* target = static_cast<std::byte*>(bound.copy.data()) + start;
      copy_elements(stream, w, target);
      bound.data = target;
    }
  }
  state_->bound = std::move(bound);
}

void Plan::run_bound(const Stream& stream, const ConstTensorView& operand, const TensorView& result,
                     const Workspace& workspace, const ConstTensorView& bias) const {
  const BoundFilter& bound = state_->bound;
  if (bound.data == nullptr && bound.prepared == nullptr &&
      element_count(state_->problem.w_shape()) != 0) {
    throw InvalidProblem("no filter is bound to this plan; call bind_filter first");
  }
  state_->run(stream, operand, nullptr, result, workspace, bias);
}

Plan Plan::with_batch(std::int64_t batch) const {
  Problem problem = state_->problem;
  problem.batch = batch;
  problem.validate();
  PlanOptions options = state_->options;
  // Empty tensors have an engine of their own, whichever is chosen for the others.
  if (has_empty_tensor(problem)) {
    options.engine = {};
  } else if (!has_empty_tensor(state_->problem)) {
    const EngineWish wish(state_->options.engine);
    options.engine = wish.way.empty() ? engine() : message(engine(), '/', wish.way);
  }
  Plan plan = make(problem, state_->device, options);
  plan.state_->options.engine = state_->options.engine;
  return plan;
}

std::size_t Plan::workspace_bytes() const noexcept {
  return state_->choice.task->workspace_bytes();
}
const Problem& Plan::problem() const noexcept { return state_->problem; }
const Device& Plan::device() const noexcept { return state_->device; }
std::string Plan::engine() const { return std::string(state_->choice.engine->name()); }
std::string Plan::way() const { return std::string(state_->choice.way); }
std::string Plan::policy() const { return state_->choice.task->policy(); }
PlanFacts Plan::facts() const {
  PlanFacts facts = state_->choice.task->facts();
  facts.workspace_bytes = workspace_bytes();
  facts.flushes_subnormals = facts.flushes_subnormals || state_->options.flush_subnormals;
  const Problem asked = asked_problem(state_->problem, state_->options);
  facts.reproducible =
      asked.math == Math::reproducible || error_bound().kind == ErrorBound::Kind::exact;
  return facts;
}
ErrorBound Plan::error_bound() const noexcept { return state_->choice.task->error_bound(); }
double Plan::estimate_us() const noexcept { return state_->choice.estimate_us; }

std::string Plan::explain() const {
  const Problem problem = asked_problem(state_->problem, state_->options);
  const std::string asked = to_string(problem);
  const std::string normal = to_string(normal_form(problem));
  std::string text = message("problem    ", asked, normal == asked ? "" : "\nsame as    " + normal);
  text += message("\ndevice     ", state_->device, "\nengine     ", engine(), '/', way(),
                  state_->choice.by_wisdom ? ", the fastest measured" : "", "\npolicy     ",
                  policy(), "\nruns       ", text_of(facts()), "\nworkspace  ", workspace_bytes(),
                  " bytes\nerror      ", to_string(error_bound()), "\n");
  for (const Candidate& candidate : state_->choice.candidates) {
    text +=
        message(candidate.engine == engine() ? "  -> " : "     ", candidate.engine,
                candidate.supported
                    ? message('/', candidate.way, ": estimate ", candidate.estimate_us,
                              " us, limit ", limit_us(state_->problem, state_->device, candidate),
                              " us", measured_text(state_->choice, candidate.engine, candidate.way))
                    : message(": ", candidate.reason),
                "\n");
  }
  return text;
}

std::string_view name(ErrorBound::Kind kind) noexcept {
  constexpr std::string_view names[] = {"exact", "elementwise", "normwise"};
  return names[static_cast<std::size_t>(kind)];
}

std::string to_string(const ErrorBound& bound) {
  switch (bound.kind) {
    case ErrorBound::Kind::exact:
      return "exact";
    case ErrorBound::Kind::elementwise:
      return message("at most ", bound.constant, " (|x|*|w|) + u|y| at each output");
    case ErrorBound::Kind::normwise:
      break;
  }
  return message("at most ", bound.constant, " ||x|| ||w|| + u||y|| in the 2-norm");
}

}  // namespace faltung
