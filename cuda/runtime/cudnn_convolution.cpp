#include "cuda/runtime/cudnn_convolution.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"

namespace faltung::cuda::cudnn {
namespace {

using Values = std::vector<std::int64_t>;

std::optional<Type> type_of(DType type) {
  if (type == DType::f16) return Type::f16;
  if (type == DType::bf16) return Type::bf16;
  if (type == DType::f32) return Type::f32;
  if (type == DType::f64) return Type::f64;
  return {};
}

// cuDNN wants at least two spatial axes: a signal is an image of one row.
Values with_row(Values values, std::int64_t neutral) {
  if (values.size() == 1) values.insert(values.begin(), neutral);
  return values;
}

template <typename Member>
Values per_axis(const Problem& problem, Member member, std::int64_t neutral) {
  Values values;
  for (const Axis& axis : problem.axes) values.push_back(axis.*member);
  return with_row(std::move(values), neutral);
}

// Extents in cuDNN's order (n, c, spatial), strides of the layout the memory has.
Descriptor tensor(std::int64_t id, DType type, Layout layout, std::int64_t alignment,
                  std::int64_t outer, std::int64_t channels, const Values& spatial) {
  Values extents = {outer, channels};
  extents.insert(extents.end(), spatial.begin(), spatial.end());
  Values strides(extents.size());
  std::int64_t step = layout == Layout::channels_last ? channels : 1;
  for (std::size_t axis = extents.size(); axis-- > 2;) {
    strides[axis] = step;
    step *= extents[axis];
  }
  strides[1] = layout == Layout::channels_last ? 1 : step;
  strides[0] = layout == Layout::channels_last ? step : step * channels;
  Descriptor descriptor(Kind::tensor);
  descriptor.set(Attribute::tensor_id, ValueType::int64, id)
      .set(Attribute::tensor_type, ValueType::data_type, type_of(type).value())
      .set(Attribute::tensor_alignment, ValueType::int64, alignment)
      .set(Attribute::tensor_extents, extents)
      .set(Attribute::tensor_strides, strides);
  return descriptor.finalize();
}

Descriptor convolution(const Problem& problem) {
  const Mode mode = problem.flip ? Mode::convolution : Mode::correlation;
  Descriptor descriptor(Kind::convolution);
  const Values dilation = per_axis(problem, &Axis::dilation, 1);
  descriptor
      .set(Attribute::convolution_type, ValueType::data_type, type_of(problem.accumulator).value())
      .set(Attribute::convolution_mode, ValueType::convolution_mode, mode)
      .set(Attribute::convolution_rank, ValueType::int64,
           static_cast<std::int64_t>(dilation.size()))
      .set(Attribute::convolution_dilations, dilation)
      .set(Attribute::convolution_strides, per_axis(problem, &Axis::stride, 1))
      .set(Attribute::convolution_pre_pads, per_axis(problem, &Axis::pad_lo, 0))
      .set(Attribute::convolution_post_pads, per_axis(problem, &Axis::pad_hi, 0));
  return descriptor.finalize();
}

// How the backend API spells the operation of a pass.
struct Words {
  Kind kind;
  Attribute x, w, y, convolution, alpha, beta;
};

Words words_of(Pass pass) {
  switch (pass) {
    case Pass::backward_data:
      return {Kind::backward_data, Attribute::data_dx,          Attribute::data_w,
              Attribute::data_dy,  Attribute::data_convolution, Attribute::data_alpha,
              Attribute::data_beta};
    case Pass::backward_filter:
      return {Kind::backward_filter, Attribute::filter_x,           Attribute::filter_dw,
              Attribute::filter_dy,  Attribute::filter_convolution, Attribute::filter_alpha,
              Attribute::filter_beta};
    case Pass::forward:
      break;
  }
  return {Kind::forward,          Attribute::forward_x,           Attribute::forward_w,
          Attribute::forward_y,   Attribute::forward_convolution, Attribute::forward_alpha,
          Attribute::forward_beta};
}

Descriptor operation(const Problem& problem, std::int64_t alignment) {
  Values outputs;
  for (const Axis& axis : problem.axes) outputs.push_back(axis.output());
  const auto place = [&](std::int64_t id, DType type, std::int64_t outer, std::int64_t channels,
                         const Values& spatial) {
    return tensor(id, type, problem.layout, alignment, outer, channels, spatial);
  };
  const Words words = words_of(problem.pass);
  Descriptor descriptor(words.kind);
  descriptor
      .set(words.x, place(x_id, problem.input, problem.batch, problem.in_channels,
                          per_axis(problem, &Axis::input, 1)))
      .set(words.w,
           place(w_id, problem.filter, problem.out_channels, problem.in_channels / problem.groups,
                 per_axis(problem, &Axis::filter, 1)))
      .set(words.y,
           place(y_id, problem.output, problem.batch, problem.out_channels, with_row(outputs, 1)))
      .set(words.convolution, convolution(problem))
      .set(words.alpha, ValueType::float64, 1.0)
      .set(words.beta, ValueType::float64, 0.0);
  return descriptor.finalize();
}

constexpr std::pair<Note, std::string_view> note_names[] = {
    {Note::tensor_core, "tensor_core"},
    {Note::down_convert_inputs, "down_convert_inputs"},
    {Note::reduced_precision, "reduced_precision"},
    {Note::fft, "fft"},
    {Note::nondeterministic, "nondeterministic"},
    {Note::winograd, "winograd"}};

std::string axis_refusal(const Axis& axis) {
  if (axis.below != Boundary{} || axis.above != Boundary{}) return "a boundary other than zero";
  if (axis.pad_lo < 0 || axis.pad_hi < 0) return "a negative pad";
  if (axis.input_dilation != 1) return "input dilation";
  return {};
}

}  // namespace

std::string unsupported_reason(const Problem& p) {
  if (p.input != p.filter || p.input != p.output) return "tensors of several types";
  if (!type_of(p.input)) return "a type that is not f16, bf16, f32 or f64";
  if (p.accumulator != (p.input == DType::f64 ? DType::f64 : DType::f32)) {
    return "sums in a type that is not f32, or f64 for f64";
  }
  if (p.rank() > 3) return "more than three spatial axes";
  if (p.epilogue != Epilogue{}) return "an epilogue";
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

Descriptor graph_of(const Problem& problem, std::int64_t alignment) {
  Descriptor descriptor(Kind::graph);
  return descriptor.set(Attribute::graph_operations, operation(problem, alignment)).finalize();
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
