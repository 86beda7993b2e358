#include "cuda/runtime/cudnn_convolution.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <faltung/error.hpp>

#include "cpp/core/geometry.hpp"
#include "cpp/core/message.hpp"

namespace faltung::cuda::cudnn {
namespace {

constexpr std::pair<Note, std::string_view> note_names[] = {
    {Note::tensor_core, "tensor_core"},
    {Note::down_convert_inputs, "down_convert_inputs"},
    {Note::reduced_precision, "reduced_precision"},
    {Note::fft, "fft"},
    {Note::nondeterministic, "nondeterministic"},
    {Note::winograd, "winograd"},
    {Note::keeps_nan, "keeps_nan"}};

std::string axis_refusal(const Axis& axis) {
  if (axis.below != Boundary{} || axis.above != Boundary{}) return "a boundary other than zero";
  if (axis.pad_lo < 0 || axis.pad_hi < 0) return "a negative pad";
  if (axis.input_dilation != 1) return "input dilation";
  return {};
}

// Of i8 it has forward passes of channels last; of channels first, and of u8, only a kernel that is
// meant to serve everything. Where the result is i32, its kernels want x and w at multiples of 4
// bytes, which views do not promise. What it stores as i8 is saturated (seen in the results of
// cuDNN 9.5.1 in forums.developer.nvidia.com/t/346525).
std::string integer_refusal(const Problem& p) {
  if (p.input != DType::i8 || p.filter != DType::i8 || p.output != DType::i8) {
    return "integers other than i8 in all three tensors";
  }
  if (p.accumulator != DType::i32) return "sums of i8 in a type that is not i32";
  if (p.overflow != Overflow::saturate) return "results of i8 that wrap";
  if (p.pass != Pass::forward) return "a gradient of i8";
  if (p.layout != Layout::channels_last) return "i8 with channels first";
  if (p.epilogue != Epilogue{}) return "an epilogue of i8";
  return {};
}

std::string type_refusal(const Problem& p) {
  if (is_integer(p.input)) return integer_refusal(p);
  if (p.input != p.filter || p.input != p.output) return "tensors of several types";
  if (is_complex(p.input)) return "complex numbers";
  if (p.accumulator != (p.input == DType::f64 ? DType::f64 : DType::f32)) {
    return "sums in a type that is not f32, or f64 for f64";
  }
  return {};
}

// Whether f32 holds it, and what f32 multiplies by it is not rounded.
bool is_power_of_two(double value) {
  int exponent = 0;
  return std::abs(std::frexp(value, &exponent)) == 0.5 && std::abs(exponent) < 100;
}

// Beside the sum our definition rounds once; so may what cuDNN does.
std::string epilogue_refusal(const Problem& p) {
  const Epilogue& e = p.epilogue;
  const double alpha = std::abs(e.alpha);
  if (!(0x1p-100 < alpha && alpha < 0x1p100)) return message("a scale of ", e.alpha);
  if (e.beta != 0 && !is_power_of_two(e.beta)) {
    return message("a beta of ", e.beta,
                   ", which is no power of two, so that its product is rounded");
  }
  const bool act = e.activation.kind != ActivationKind::none;
  if (!e.bias && !act) return {};
  if (p.pass != Pass::forward) return "a bias or an activation of a gradient";
  if (e.alpha != 1) return "a scale beside a bias or an activation";
  if (!e.bias) return "an activation without a bias";
  if (e.beta != 0) return "a result that is added to, beside a bias: they are rounded one by one";
  if (act && e.activation.kind != ActivationKind::relu) return "an activation other than relu";
  return {};
}

}  // namespace

std::optional<Type> type_of(DType type) {
  switch (type) {
    case DType::f16:
      return Type::f16;
    case DType::bf16:
      return Type::bf16;
    case DType::f32:
      return Type::f32;
    case DType::f64:
      return Type::f64;
    case DType::i8:
      return Type::i8;
    case DType::i32:
      return Type::i32;
    default:
      return {};
  }
}

double products_of_a_sum(const Problem& p) {
  const auto number = [](std::int64_t value) { return static_cast<double>(value); };
  const double taps = number(element_count(filter_extents(p)));
  switch (p.pass) {
    case Pass::forward:
      return taps * number(p.in_channels / p.groups);
    case Pass::backward_data:
      return taps * number(p.out_channels / p.groups);
    case Pass::backward_filter:
      break;
  }
  return number(p.batch) * number(element_count(output_extents(p)));
}

std::string unsupported_reason(const Problem& p) {
  if (std::string reason = type_refusal(p); !reason.empty()) return reason;
  if (p.rank() > 3) return "more than three spatial axes";
  if (std::string reason = epilogue_refusal(p); !reason.empty()) return reason;
  for (const Axis& axis : p.axes) {
    if (std::string reason = axis_refusal(axis); !reason.empty()) return reason;
  }
  const auto gaps = [](const Strides& strides, const Shape& shape) {
    return !strides.empty() && strides != compact_strides(shape);
  };
  if (gaps(p.x_strides, p.x_shape()) || gaps(p.w_strides, p.w_shape()) ||
      gaps(p.y_strides, p.y_shape())) {
    return "a tensor that is not compact";
  }
  return {};
}

std::string version_refusal(const Problem& p, const LibraryVersion& version) {
  // The device is described, as it can be from 9.8 on.
  if (version < LibraryVersion{9, 8, 0}) {
    return message("cuDNN ", to_string(version), " cannot be told of a device; use 9.8 or newer");
  }
  const bool half = p.input == DType::f16 || p.input == DType::bf16;
  const bool taps = std::ranges::any_of(p.axes, [](const Axis& axis) { return axis.filter > 1; });
  // Source: PyTorch's issues 163539, 163581 and 166480.
  if (half && p.rank() == 3 && taps && version < LibraryVersion{9, 15, 0}) {
    return message("cuDNN ", to_string(version),
                   " is known to be wrong for f16 and bf16 along three axes; use 9.15 or newer");
  }
  // Source: PyTorch's issue 152816, not answered.
  constexpr std::int64_t many = std::int64_t{1} << 31;
  if (p.groups > 1 && p.groups == p.in_channels &&
      std::max(element_count(p.x_shape()), element_count(p.y_shape())) >= many) {
    return "depthwise tensors of 2^31 elements or more may go wrong in cuDNN";
  }
  return {};
}

Descriptor device_of(int index) {
  Descriptor descriptor(Kind::device_properties);
  return descriptor.set(Attribute::device_id, ValueType::int32, std::int32_t{index}).finalize();
}

Descriptor device_of(const std::string& text) {
  Descriptor descriptor(Kind::device_properties);
  return descriptor.set(Attribute::device_text, std::string_view(text)).finalize();
}

std::string device_text(const GpuMachine& machine) {
  const GpuLimits& limits = machine.limits;
  const auto khz = static_cast<std::int64_t>(machine.sheet_clock_mhz * 1000);
  // Keys: xla/backends/gpu/target_config/cudnn_device_props.cc of OpenXLA. The record has no memory
  // size and no memory clock: those of an H200. What names the device does not count.
  return message(
      R"({"deviceVer":)", 100 * limits.major + 10 * limits.minor, R"(,"multiProcessorCount":)",
      limits.multiprocessors, R"(,"warpSize":32,"maxSharedMemoryPerBlock":)", limits.shared_default,
      R"(,"maxSharedMemoryPerBlockOptin":)", limits.max_shared,
      R"(,"reservedSharedMemoryPerBlock":)", limits.shared_reserved, R"(,"maxRegistersPerSM":)",
      limits.registers_of_multiprocessor, R"(,"maxCtasPerSM":)", limits.blocks_of_multiprocessor,
      R"(,"maxThreadsPerBlock":)", limits.threads_of_block, R"(,"maxThreadsPerSM":)",
      limits.threads_of_multiprocessor, R"(,"regsPerBlock":)", limits.registers_of_block,
      R"(,"totalGlobalMem":150110011392,"smClockRateKHz":)", khz, R"(,"l2CacheSize":)",
      machine.l2_bytes,
      R"(,"maxBlockSize":[1024,1024,64],"memClockRateKHz":3201000,"maxGridSize":[2147483647,65535,)",
      R"(65535],"supportCoopLaunch":1,"pciDeviceId":0,"isTccDriver":0,"cudaDeviceId":0,)",
      R"("driverVer":13000,"deviceName":")", machine.product, R"("})");
}

std::vector<Descriptor> ranked_configs(const Descriptor& graph, const Descriptor& device,
                                       Heuristic mode) {
  constexpr std::size_t max = 128;  // modes A and B give up to 64
  Descriptor heuristics(Kind::heuristics);
  heuristics.set(Attribute::heuristics_graph, graph)
      .set(Attribute::heuristics_mode, ValueType::heuristic_mode, mode)
      .set(Attribute::heuristics_device, device)
      .finalize();
  return heuristics.descriptors(Attribute::heuristics_results, Kind::engine_config, max);
}

Descriptor default_config(const Descriptor& graph, const Descriptor& device, std::int64_t index) {
  Descriptor engine(Kind::engine), config(Kind::engine_config);
  engine.set(Attribute::engine_graph, graph)
      .set(Attribute::engine_index, ValueType::int64, index)
      .set(Attribute::engine_device, device)
      .finalize();
  return config.set(Attribute::config_engine, engine).finalize();
}

bool Traits::has(Note note) const { return std::ranges::count(notes, note) != 0; }

Traits traits_of(const Descriptor& config) {
  const Descriptor engine = config.descriptors(Attribute::config_engine, Kind::engine, 1).at(0);
  const auto behaviors = engine.values<Behavior>(Attribute::engine_behavior_notes,
                                                 ValueType::behavior_note, max_notes);
  return {.index = engine.value(Attribute::engine_index),
          .notes = engine.values<Note>(Attribute::engine_numerical_notes, ValueType::numerical_note,
                                       max_notes),
          .compiles = std::ranges::count(behaviors, Behavior::runtime_compilation) != 0};
}

std::string text_of(const std::vector<Note>& notes) {
  std::string text;
  for (const auto& [note, word] : note_names) {
    if (std::ranges::count(notes, note) == 0) continue;
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

bool is_strict(const Traits& traits, const Problem& problem) {
  return !traits.has(Note::down_convert_inputs) && !traits.has(Note::reduced_precision) &&
         !(problem.input == DType::f32 && traits.has(Note::tensor_core));
}

Descriptor plan_of(const Descriptor& config, const Descriptor& device) {
  Descriptor descriptor(Kind::plan);
  return descriptor.set(Attribute::plan_config, config)
      .set(Attribute::plan_device, device)
      .finalize();
}

Descriptor plan_of(const std::string& text, const Descriptor& device) {
  Descriptor descriptor(Kind::plan);
  return descriptor.set(Attribute::plan_text, std::string_view(text))
      .set(Attribute::plan_device, device)
      .finalize();
}

}  // namespace faltung::cuda::cudnn
