#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// As the toolkit has it: what looks for the library compiles without one.
using cudaStream_t = struct CUstream_st*;

/// The part of cuDNN 9's backend API that is used. Declared here and not taken from cudnn.h, so
/// that the emulator and toolkits without cuDNN compile it; cudnn_abi_test compares the two.
namespace faltung::cuda::cudnn {

/// cudnnStatus_t: 0, or a number of a hundred for each kind of error.
enum class Status : int {
  success = 0,
  bad_param = 2000,
  no_host_memory = 4003,
  no_device_memory = 4004
};

/// cudnnBackendDescriptorType_t.
enum class Kind : int {
  pointwise = 0,
  convolution = 1,
  engine = 2,
  engine_config = 3,
  heuristics = 4,
  plan = 5,
  forward = 10,
  backward_filter = 11,
  backward_data = 12,
  pointwise_operation = 13,
  graph = 15,
  variant_pack = 16,
  tensor = 17,
  device_properties = 38
};

/// cudnnBackendAttributeType_t.
enum class ValueType : int {
  data_type = 1,
  boolean = 2,
  int64 = 3,
  float64 = 5,
  pointer = 6,
  convolution_mode = 7,
  heuristic_mode = 8,
  numerical_note = 11,
  pointwise_mode = 14,
  descriptor = 15,
  behavior_note = 19,
  int32 = 23,
  text = 24
};

/// cudnnBackendAttributeName_t.
enum class Attribute : int {
  pointwise_mode = 0,
  pointwise_type = 1,
  relu_lower = 3,
  convolution_type = 100,
  convolution_mode = 101,
  convolution_dilations = 102,
  convolution_strides = 103,
  convolution_post_pads = 104,
  convolution_pre_pads = 105,
  convolution_rank = 106,
  heuristics_mode = 200,
  heuristics_graph = 201,
  heuristics_results = 202,
  heuristics_device = 204,
  config_engine = 300,
  config_workspace = 303,
  plan_config = 401,
  plan_workspace = 402,
  plan_text = 405,
  plan_device = 407,
  forward_alpha = 700,
  forward_beta = 701,
  forward_convolution = 702,
  forward_w = 703,
  forward_x = 704,
  forward_y = 705,
  data_alpha = 706,
  data_beta = 707,
  data_convolution = 708,
  data_w = 709,
  data_dx = 710,
  data_dy = 711,
  filter_alpha = 712,
  filter_beta = 713,
  filter_convolution = 714,
  filter_dw = 715,
  filter_x = 716,
  filter_dy = 717,
  pointwise_function = 750,
  pointwise_x = 751,
  pointwise_b = 752,
  pointwise_y = 753,
  graph_operations = 801,
  graph_engine_count = 802,
  tensor_alignment = 900,
  tensor_type = 901,
  tensor_extents = 902,
  tensor_strides = 903,
  tensor_id = 906,
  tensor_virtual = 907,
  pack_ids = 1000,
  pack_pointers = 1001,
  pack_workspace = 1003,
  engine_graph = 1300,
  engine_index = 1301,
  engine_numerical_notes = 1303,
  engine_behavior_notes = 1305,
  engine_device = 1307,
  device_id = 2700,
  device_text = 2702
};

/// cudnnDataType_t.
enum class Type : int { f32 = 0, f64 = 1, f16 = 2, i8 = 3, i32 = 4, bf16 = 9 };
/// cudnnConvolutionMode_t.
enum class Mode : int { convolution = 0, correlation = 1 };
/// cudnnPointwiseMode_t.
enum class Pointwise : int { add = 0, relu = 100 };
/// cudnnBackendHeurMode_t.
enum class Heuristic : int { b = 1, fallback = 2, a = 3 };
/// cudnnBackendNumericalNote_t: what an engine says of its arithmetic.
enum class Note : int {
  tensor_core = 0,
  down_convert_inputs = 1,
  reduced_precision = 2,
  fft = 3,
  nondeterministic = 4,
  winograd = 5,
  winograd_4x4 = 6,
  winograd_6x6 = 7,
  winograd_13x13 = 8,
  keeps_nan = 9
};
inline constexpr std::size_t max_notes = 16;
/// cudnnBackendBehaviorNote_t.
enum class Behavior : int { runtime_compilation = 0 };

// What the library keeps behind its pointers is its own.
struct Context;
using Handle = Context*;
using RawDescriptor = void*;  // cudnnBackendDescriptor_t

struct Functions {
  std::size_t (*version)() = nullptr;
  const char* (*error_string)(Status) = nullptr;
  Status (*create)(Handle*) = nullptr;
  Status (*destroy)(Handle) = nullptr;
  Status (*set_stream)(Handle, cudaStream_t) = nullptr;
  Status (*create_descriptor)(Kind, RawDescriptor*) = nullptr;
  Status (*destroy_descriptor)(RawDescriptor) = nullptr;
  Status (*set_attribute)(RawDescriptor, Attribute, ValueType, std::int64_t count,
                          const void*) = nullptr;
  Status (*get_attribute)(RawDescriptor, Attribute, ValueType, std::int64_t wanted,
                          std::int64_t* count, void*) = nullptr;
  Status (*finalize)(RawDescriptor) = nullptr;
  Status (*execute)(Handle, RawDescriptor plan, RawDescriptor pack) = nullptr;
};

/// Calls f(name in cuDNN, member of Functions) for each.
template <typename F>
void for_each_function(Functions& to, F&& f) {
  f("cudnnGetVersion", to.version);
  f("cudnnGetErrorString", to.error_string);
  f("cudnnCreate", to.create);
  f("cudnnDestroy", to.destroy);
  f("cudnnSetStream", to.set_stream);
  f("cudnnBackendCreateDescriptor", to.create_descriptor);
  f("cudnnBackendDestroyDescriptor", to.destroy_descriptor);
  f("cudnnBackendSetAttribute", to.set_attribute);
  f("cudnnBackendGetAttribute", to.get_attribute);
  f("cudnnBackendFinalize", to.finalize);
  f("cudnnBackendExecute", to.execute);
}

/// Those of the library that is open.
///
/// @throws DeviceError if there is none, with its reason.
[[nodiscard]] const Functions& functions();

/// @throws DeviceError naming the function of cuDNN and its answer; bad_alloc if it has no memory.
void check(Status status, std::string_view function);

/// A descriptor: created, given attributes, finalized. Finished ones are only read, by any thread.
class Descriptor {
 public:
  explicit Descriptor(Kind kind);

  [[nodiscard]] RawDescriptor get() const { return handle_.get(); }

  template <typename T>
  Descriptor& set(Attribute name, ValueType type, std::span<const T> values) {
    check(functions().set_attribute(get(), name, type, static_cast<std::int64_t>(values.size()),
                                    values.data()),
          "cudnnBackendSetAttribute");
    return *this;
  }
  template <typename T>
  Descriptor& set(Attribute name, ValueType type, const T& value) {
    return set(name, type, std::span<const T>(&value, 1));
  }
  Descriptor& set(Attribute name, const Descriptor& value) {
    return set(name, ValueType::descriptor, value.get());
  }
  Descriptor& set(Attribute name, const std::vector<std::int64_t>& values) {
    return set(name, ValueType::int64, std::span<const std::int64_t>(values));
  }
  Descriptor& set(Attribute name, std::string_view text) {
    return set(name, ValueType::text, std::span<const char>(text));
  }

  /// @throws DeviceError where cuDNN does not support what the attributes ask for.
  Descriptor& finalize();

  /// The values of an attribute, at most `max`.
  template <typename T>
  [[nodiscard]] std::vector<T> values(Attribute name, ValueType type, std::size_t max) const {
    std::vector<T> result(max);
    result.resize(read(name, type, max, result.data()));
    return result;
  }
  [[nodiscard]] std::int64_t value(Attribute name) const {
    return values<std::int64_t>(name, ValueType::int64, 1).at(0);
  }
  [[nodiscard]] std::string text(Attribute name) const;
  /// Those that stand in the attribute of another one; at most `max`.
  [[nodiscard]] std::vector<Descriptor> descriptors(Attribute name, Kind kind,
                                                    std::size_t max) const;

 private:
  std::size_t read(Attribute name, ValueType type, std::size_t max, void* to) const;
  std::shared_ptr<void> handle_;
};

}  // namespace faltung::cuda::cudnn
