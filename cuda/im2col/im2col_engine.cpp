#include "cuda/im2col/im2col_engine.hpp"

#include <limits>

#include "cpp/core/machine.hpp"
#include "cpp/core/message.hpp"
#include "cpp/core/way.hpp"
#include "cuda/im2col/im2col_lowering.hpp"
#include "cuda/im2col/im2col_task.hpp"
#include "cuda/runtime/vendor_library.hpp"

namespace faltung::cuda {
namespace {

using im2col::Call;

// A problem in both forms; the second only for data gradients of real sums.
struct Calls {
  Call columns, gathered;
};

double us_of(const Call& call) {
  return im2col::predict_us(call.gpu, call.problem, call.geometry, call.cut, call.factors);
}
double columns_us(const Calls& calls) { return us_of(calls.columns); }
std::unique_ptr<Task> make_columns(const Calls& calls) { return im2col::make_task(calls.columns); }

constexpr Way<Calls> all_ways[] = {
    {.name = "gather",
     .takes = "data gradients of real floating sums",
     .serves = [](const Calls& calls) { return calls.gathered.gathers; },
     .us = [](const Calls& calls) { return us_of(calls.gathered); },
     .make = [](const Calls& calls) { return im2col::make_task(calls.gathered); },
     .taken = Taken::if_faster},
    {.name = "columns",
     .takes = "forward problems and data gradients",
     .serves =
         [](const Calls& calls) { return calls.columns.problem.pass != Pass::backward_filter; },
     .us = columns_us,
     .make = make_columns},
    {.name = "filter_gradient",
     .takes = "filter gradients",
     .serves =
         [](const Calls& calls) { return calls.columns.problem.pass == Pass::backward_filter; },
     .us = columns_us,
     .make = make_columns},
};

// Why matrices of these sizes are not taken; empty if they are.
std::string size_refusal(const im2col::Geometry& g, DType factors) {
  constexpr std::int64_t max = std::numeric_limits<std::int32_t>::max() - 7;
  const std::int64_t parts = im2col::parts_of(factors);
  if (parts * g.depth() > max || parts * g.group_outputs > max || g.groups > max) {
    return message("a matrix of ", g.depth(), " x ", g.group_outputs, " in ", g.groups,
                   " groups has an extent beyond 2^31");
  }
  return {};
}

void gather(Call& call) {
  call.gathers = true;
  call.forward = im2col::lower_forward(call.problem);
  call.geometry = im2col::scattering(call.forward);
  call.cut = im2col::cut_of(call, call.columns_bytes, false);
}

// Why the library here cannot serve a device; empty if it can.
std::string library_refusal(const GpuMachine& gpu) {
  const OpenLibrary& library = cublaslt_library();
  if (!library) return library.reason();
  // Products beside other kernels may be wrong. Source: jax_plugins/cuda/__init__.py of JAX.
  if (gpu.limits.major >= 10 && library.version() < LibraryVersion{13, 2, 0} &&
      LibraryVersion{12, 8, 0} <= library.version()) {
    return message("cuBLASLt ", to_string(library.version()), " in ", library.file(),
                   " is known to be wrong on GPUs of compute capability 10 and above; use 13.2 or "
                   "newer");
  }
  return {};
}

class Im2colEngine final : public Engine {
 public:
  std::string_view name() const override { return "cuda.im2col"; }
  DeviceKind device_kind() const override { return DeviceKind::cuda; }
  std::vector<WayText> ways() const override { return texts<Way<Calls>>(all_ways); }

 private:
  Offer answer(const Problem& p, const Device& device, std::string_view wanted) const override {
    std::string refusal = im2col::refusal(p);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    Call call;
    call.problem = p;
    call.geometry = im2col::lower(p);
    call.factors = im2col::factor_type(p);
    call.device = device;
    call.gpu = gpu_machine(device.index);
    refusal = size_refusal(call.geometry, call.factors);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    // Another machine may have what this one lacks.
    if (gpu_machine_elsewhere() == nullptr) refusal = library_refusal(call.gpu);
    if (!refusal.empty()) return Offer::no(std::move(refusal));
    // Chunks of the filter gradient are added, and so cut alike on every device.
    const bool sums = p.pass == Pass::backward_filter;
    call.columns_bytes = (sums ? reference_gpu_machine() : call.gpu).l2_bytes / 2;
    call.cut = im2col::cut_of(call, call.columns_bytes, true);
    Calls calls{call, call};
    const bool real = !is_integer(p.accumulator) && !is_complex(p.accumulator);
    if (p.pass == Pass::backward_data && real) gather(calls.gathered);
    Offer offer = offer_of<Calls>(all_ways, calls, wanted);
    const bool gathers = offer.way == "gather";
    offer.prepare_within = [call = gathers ? calls.gathered : calls.columns](std::size_t limit) {
      return im2col::make_task_within(call, limit);
    };
    return offer;
  }
};

}  // namespace

const Engine& im2col_engine() {
  static const Im2colEngine engine;
  return engine;
}

}  // namespace faltung::cuda
