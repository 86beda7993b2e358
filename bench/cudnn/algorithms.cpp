#include "bench/cudnn/algorithms.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <faltung/error.hpp>

namespace faltung::bench {
namespace {

using Values = std::vector<std::int64_t>;

std::optional<cudnnDataType_t> type_of(DType type) {
  if (type == DType::f16) return CUDNN_DATA_HALF;
  if (type == DType::bf16) return CUDNN_DATA_BFLOAT16;
  if (type == DType::f32) return CUDNN_DATA_FLOAT;
  if (type == DType::f64) return CUDNN_DATA_DOUBLE;
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
Descriptor tensor(std::int64_t uid, DType type, Layout layout, std::int64_t outer,
                  std::int64_t channels, const Values& spatial) {
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
  Descriptor descriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, uid)
      .set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, *type_of(type))
      .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, std::int64_t{256})
      .set(CUDNN_ATTR_TENSOR_DIMENSIONS, extents)
      .set(CUDNN_ATTR_TENSOR_STRIDES, strides);
  return descriptor.finalize();
}

Descriptor convolution(const Problem& problem) {
  const auto mode = problem.flip ? CUDNN_CONVOLUTION : CUDNN_CROSS_CORRELATION;
  Descriptor descriptor(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  const Values dilation = per_axis(problem, &Axis::dilation, 1);
  descriptor
      .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, *type_of(problem.accumulator))
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, mode)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64,
           static_cast<std::int64_t>(dilation.size()))
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, dilation)
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, per_axis(problem, &Axis::stride, 1))
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, per_axis(problem, &Axis::pad_lo, 0))
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, per_axis(problem, &Axis::pad_hi, 0));
  return descriptor.finalize();
}

// How the backend API spells the operation of a pass.
struct Words {
  cudnnBackendDescriptorType_t type;
  cudnnBackendAttributeName_t x, w, y, convolution, alpha, beta;
};

Words words_of(Pass pass) {
  switch (pass) {
    case Pass::backward_data:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
    case Pass::backward_filter:
      return {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
              CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};
    case Pass::forward:
      break;
  }
  return {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
}

Descriptor graph(cudnnHandle_t handle, const Problem& problem) {
  Descriptor descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, handle)
      .set(CUDNN_ATTR_OPERATIONGRAPH_OPS, operation(problem));
  return descriptor.finalize();
}

Descriptor engine(const Descriptor& graph, std::int64_t index) {
  Descriptor descriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, index);
  return descriptor.finalize();
}

Descriptor default_config(const Descriptor& engine) {
  Descriptor descriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  return descriptor.finalize();
}

std::vector<Descriptor> ranked_configs(const Descriptor& graph, std::size_t max) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_B)
      .finalize();
  std::vector<Descriptor> configs;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (std::size_t i = 0; i < max; ++i) {
    raw.push_back(configs.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).get());
  }
  // The results are written into descriptors that the caller made.
  std::int64_t count = 0;
  check_cudnn(cudnn().get_attribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                    CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(max),
                                    &count, raw.data()),
              "rank its engines");
  configs.erase(configs.begin() + std::min<std::ptrdiff_t>(count, std::ssize(configs)),
                configs.end());
  return configs;
}

constexpr std::array note_names = {
    std::pair{CUDNN_NUMERICAL_NOTE_TENSOR_CORE, "tensor_core"},
    std::pair{CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, "down_convert_inputs"},
    std::pair{CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, "reduced_precision"},
    std::pair{CUDNN_NUMERICAL_NOTE_FFT, "fft"},
    std::pair{CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, "nondeterministic"},
    std::pair{CUDNN_NUMERICAL_NOTE_WINOGRAD, "winograd"}};

std::vector<cudnnBackendNumericalNote_t> notes_of(const Descriptor& config) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.get();
  std::int64_t count = 0;
  check_cudnn(cudnn().get_attribute(config.get(), CUDNN_ATTR_ENGINECFG_ENGINE,
                                    CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &raw),
              "name the engine of a configuration");
  return engine.values<cudnnBackendNumericalNote_t>(
      CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT);
}

// On f32 data tensor cores mean TF32.
bool precise(const std::vector<cudnnBackendNumericalNote_t>& notes, const Problem& problem) {
  const auto has = [&](cudnnBackendNumericalNote_t note) {
    return std::find(notes.begin(), notes.end(), note) != notes.end();
  };
  return !has(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS) &&
         !has(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) &&
         !(problem.input == DType::f32 && has(CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
}

std::string text_of(const std::vector<cudnnBackendNumericalNote_t>& notes) {
  std::string text;
  for (const auto& [note, word] : note_names) {
    if (std::find(notes.begin(), notes.end(), note) == notes.end()) continue;
    if (!text.empty()) text += ' ';
    text += word;
  }
  return text;
}

// Nothing if the class of accuracy rules it out or cuDNN cannot make a plan of it.
std::optional<Algorithm> plan(cudnnHandle_t handle, const Problem& problem, std::string name,
                              const Descriptor& config) {
  try {
    const auto notes = notes_of(config);
    if (problem.math == Math::strict && !precise(notes, problem)) return {};
    Descriptor descriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    descriptor.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, handle)
        .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config)
        .finalize();
    const auto bytes = descriptor.values<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                                       CUDNN_TYPE_INT64, 1);
    return Algorithm{std::move(name), text_of(notes), static_cast<std::size_t>(bytes.at(0)),
                     descriptor};
  } catch (const DeviceError&) {
    return {};
  }
}

}  // namespace

Descriptor operation(const Problem& problem) {
  Values outputs;
  for (const Axis& axis : problem.axes) outputs.push_back(axis.output());
  const Values inputs = per_axis(problem, &Axis::input, 1);
  const Values taps = per_axis(problem, &Axis::filter, 1);
  const Words words = words_of(problem.pass);
  Descriptor descriptor(words.type);
  descriptor
      .set(words.x,
           tensor(x_uid, problem.input, problem.layout, problem.batch, problem.in_channels, inputs))
      .set(words.w, tensor(w_uid, problem.filter, problem.layout, problem.out_channels,
                           problem.in_channels / problem.groups, taps))
      .set(words.y, tensor(y_uid, problem.output, problem.layout, problem.batch,
                           problem.out_channels, with_row(outputs, 1)))
      .set(words.convolution, convolution(problem))
      .set(words.alpha, CUDNN_TYPE_DOUBLE, 1.0)
      .set(words.beta, CUDNN_TYPE_DOUBLE, 0.0);
  return descriptor.finalize();
}

std::string unsupported_reason(const Problem& problem) {
  for (const DType type : {problem.input, problem.filter, problem.output, problem.accumulator}) {
    if (!type_of(type)) return "not a real floating type";
  }
  if (problem.rank() > 3) return "more than three spatial axes";
  if (problem.epilogue != Epilogue{}) return "an epilogue";
  for (const Axis& axis : problem.axes) {
    const bool zero = axis.below == Boundary{} && axis.above == Boundary{};
    if (!zero) return "a boundary other than zero";
    if (axis.pad_lo < 0 || axis.pad_hi < 0) return "a negative pad";
    if (axis.input_dilation != 1) return "input dilation";
  }
  return {};
}

std::vector<Algorithm> algorithms(cudnnHandle_t handle, const Problem& problem,
                                  std::size_t ranked) {
  const Descriptor whole = graph(handle, problem);
  std::vector<Algorithm> found;
  const auto add = [&](std::string name, const Descriptor& config) {
    if (auto one = plan(handle, problem, std::move(name), config)) found.push_back(*one);
  };
  const auto configs = ranked_configs(whole, ranked);
  for (std::size_t i = 0; i < configs.size(); ++i) add("heur" + std::to_string(i), configs[i]);
  const auto count = whole.values<std::int64_t>(CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT,
                                                CUDNN_TYPE_INT64, 1);
  for (std::int64_t index = 0; index < count.at(0); ++index) {
    try {
      add("eng" + std::to_string(index), default_config(engine(whole, index)));
    } catch (const DeviceError&) {
      continue;  // cuDNN numbers engines that do not serve this graph too
    }
  }
  return found;
}

}  // namespace faltung::bench
