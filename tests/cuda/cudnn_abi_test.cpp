#include "cuda/runtime/cudnn.hpp"

#include <cudnn.h>
#include <gtest/gtest.h>

#include <type_traits>

#include "tests/cuda/abi.hpp"

// What cuda/runtime/cudnn.hpp declares is what cuDNN's own headers declare.
namespace faltung::cuda {

FALTUNG_THEIRS(cudnn::Status, cudnnStatus_t);
FALTUNG_THEIRS(cudnn::Kind, cudnnBackendDescriptorType_t);
FALTUNG_THEIRS(cudnn::ValueType, cudnnBackendAttributeType_t);
FALTUNG_THEIRS(cudnn::Attribute, cudnnBackendAttributeName_t);
FALTUNG_THEIRS(cudnn::Handle, cudnnHandle_t);
FALTUNG_THEIRS(cudnn::RawDescriptor, cudnnBackendDescriptor_t);

namespace cudnn {
namespace {

FALTUNG_SAME(version, cudnnGetVersion);
FALTUNG_SAME(error_string, cudnnGetErrorString);
FALTUNG_SAME(create, cudnnCreate);
FALTUNG_SAME(destroy, cudnnDestroy);
FALTUNG_SAME(set_stream, cudnnSetStream);
FALTUNG_SAME(create_descriptor, cudnnBackendCreateDescriptor);
FALTUNG_SAME(destroy_descriptor, cudnnBackendDestroyDescriptor);
FALTUNG_SAME(set_attribute, cudnnBackendSetAttribute);
FALTUNG_SAME(get_attribute, cudnnBackendGetAttribute);
FALTUNG_SAME(finalize, cudnnBackendFinalize);
FALTUNG_SAME(execute, cudnnBackendExecute);

static_assert(same(Status::bad_param, CUDNN_STATUS_BAD_PARAM) &&
              same(Status::no_host_memory, CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED) &&
              same(Status::no_device_memory, CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED));
static_assert(same(Kind::pointwise, CUDNN_BACKEND_POINTWISE_DESCRIPTOR) &&
              same(Kind::pointwise_operation, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR) &&
              same(Kind::convolution, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR) &&
              same(Kind::engine, CUDNN_BACKEND_ENGINE_DESCRIPTOR) &&
              same(Kind::engine_config, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR) &&
              same(Kind::heuristics, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR) &&
              same(Kind::plan, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) &&
              same(Kind::forward, CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR) &&
              same(Kind::backward_filter,
                   CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR) &&
              same(Kind::backward_data,
                   CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR) &&
              same(Kind::graph, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR) &&
              same(Kind::variant_pack, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR) &&
              same(Kind::tensor, CUDNN_BACKEND_TENSOR_DESCRIPTOR) &&
              same(Kind::device_properties, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR));
static_assert(same(ValueType::data_type, CUDNN_TYPE_DATA_TYPE) &&
              same(ValueType::boolean, CUDNN_TYPE_BOOLEAN) &&
              same(ValueType::pointwise_mode, CUDNN_TYPE_POINTWISE_MODE) &&
              same(ValueType::int64, CUDNN_TYPE_INT64) &&
              same(ValueType::float64, CUDNN_TYPE_DOUBLE) &&
              same(ValueType::pointer, CUDNN_TYPE_VOID_PTR) &&
              same(ValueType::convolution_mode, CUDNN_TYPE_CONVOLUTION_MODE) &&
              same(ValueType::heuristic_mode, CUDNN_TYPE_HEUR_MODE) &&
              same(ValueType::numerical_note, CUDNN_TYPE_NUMERICAL_NOTE) &&
              same(ValueType::descriptor, CUDNN_TYPE_BACKEND_DESCRIPTOR) &&
              same(ValueType::behavior_note, CUDNN_TYPE_BEHAVIOR_NOTE) &&
              same(ValueType::int32, CUDNN_TYPE_INT32) && same(ValueType::text, CUDNN_TYPE_CHAR));
#define FALTUNG_ATTRIBUTE(ours, theirs) static_assert(same(Attribute::ours, CUDNN_ATTR_##theirs))
FALTUNG_ATTRIBUTE(pointwise_mode, POINTWISE_MODE);
FALTUNG_ATTRIBUTE(pointwise_type, POINTWISE_MATH_PREC);
FALTUNG_ATTRIBUTE(relu_lower, POINTWISE_RELU_LOWER_CLIP);
FALTUNG_ATTRIBUTE(pointwise_function, OPERATION_POINTWISE_PW_DESCRIPTOR);
FALTUNG_ATTRIBUTE(pointwise_x, OPERATION_POINTWISE_XDESC);
FALTUNG_ATTRIBUTE(pointwise_b, OPERATION_POINTWISE_BDESC);
FALTUNG_ATTRIBUTE(pointwise_y, OPERATION_POINTWISE_YDESC);
FALTUNG_ATTRIBUTE(tensor_virtual, TENSOR_IS_VIRTUAL);
FALTUNG_ATTRIBUTE(convolution_type, CONVOLUTION_COMP_TYPE);
FALTUNG_ATTRIBUTE(convolution_mode, CONVOLUTION_CONV_MODE);
FALTUNG_ATTRIBUTE(convolution_dilations, CONVOLUTION_DILATIONS);
FALTUNG_ATTRIBUTE(convolution_strides, CONVOLUTION_FILTER_STRIDES);
FALTUNG_ATTRIBUTE(convolution_post_pads, CONVOLUTION_POST_PADDINGS);
FALTUNG_ATTRIBUTE(convolution_pre_pads, CONVOLUTION_PRE_PADDINGS);
FALTUNG_ATTRIBUTE(convolution_rank, CONVOLUTION_SPATIAL_DIMS);
FALTUNG_ATTRIBUTE(heuristics_mode, ENGINEHEUR_MODE);
FALTUNG_ATTRIBUTE(heuristics_graph, ENGINEHEUR_OPERATION_GRAPH);
FALTUNG_ATTRIBUTE(heuristics_results, ENGINEHEUR_RESULTS);
FALTUNG_ATTRIBUTE(heuristics_device, ENGINEHEUR_DEVICEPROP);
FALTUNG_ATTRIBUTE(config_engine, ENGINECFG_ENGINE);
FALTUNG_ATTRIBUTE(config_workspace, ENGINECFG_WORKSPACE_SIZE);
FALTUNG_ATTRIBUTE(plan_config, EXECUTION_PLAN_ENGINE_CONFIG);
FALTUNG_ATTRIBUTE(plan_workspace, EXECUTION_PLAN_WORKSPACE_SIZE);
FALTUNG_ATTRIBUTE(plan_text, EXECUTION_PLAN_JSON_REPRESENTATION);
FALTUNG_ATTRIBUTE(plan_device, EXECUTION_PLAN_DEVICEPROP);
FALTUNG_ATTRIBUTE(forward_alpha, OPERATION_CONVOLUTION_FORWARD_ALPHA);
FALTUNG_ATTRIBUTE(forward_beta, OPERATION_CONVOLUTION_FORWARD_BETA);
FALTUNG_ATTRIBUTE(forward_convolution, OPERATION_CONVOLUTION_FORWARD_CONV_DESC);
FALTUNG_ATTRIBUTE(forward_w, OPERATION_CONVOLUTION_FORWARD_W);
FALTUNG_ATTRIBUTE(forward_x, OPERATION_CONVOLUTION_FORWARD_X);
FALTUNG_ATTRIBUTE(forward_y, OPERATION_CONVOLUTION_FORWARD_Y);
FALTUNG_ATTRIBUTE(data_alpha, OPERATION_CONVOLUTION_BWD_DATA_ALPHA);
FALTUNG_ATTRIBUTE(data_beta, OPERATION_CONVOLUTION_BWD_DATA_BETA);
FALTUNG_ATTRIBUTE(data_convolution, OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC);
FALTUNG_ATTRIBUTE(data_w, OPERATION_CONVOLUTION_BWD_DATA_W);
FALTUNG_ATTRIBUTE(data_dx, OPERATION_CONVOLUTION_BWD_DATA_DX);
FALTUNG_ATTRIBUTE(data_dy, OPERATION_CONVOLUTION_BWD_DATA_DY);
FALTUNG_ATTRIBUTE(filter_alpha, OPERATION_CONVOLUTION_BWD_FILTER_ALPHA);
FALTUNG_ATTRIBUTE(filter_beta, OPERATION_CONVOLUTION_BWD_FILTER_BETA);
FALTUNG_ATTRIBUTE(filter_convolution, OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC);
FALTUNG_ATTRIBUTE(filter_dw, OPERATION_CONVOLUTION_BWD_FILTER_DW);
FALTUNG_ATTRIBUTE(filter_x, OPERATION_CONVOLUTION_BWD_FILTER_X);
FALTUNG_ATTRIBUTE(filter_dy, OPERATION_CONVOLUTION_BWD_FILTER_DY);
FALTUNG_ATTRIBUTE(graph_operations, OPERATIONGRAPH_OPS);
FALTUNG_ATTRIBUTE(graph_engine_count, OPERATIONGRAPH_ENGINE_GLOBAL_COUNT);
FALTUNG_ATTRIBUTE(engine_graph, ENGINE_OPERATION_GRAPH);
FALTUNG_ATTRIBUTE(engine_device, ENGINE_DEVICEPROP);
FALTUNG_ATTRIBUTE(tensor_alignment, TENSOR_BYTE_ALIGNMENT);
FALTUNG_ATTRIBUTE(tensor_type, TENSOR_DATA_TYPE);
FALTUNG_ATTRIBUTE(tensor_extents, TENSOR_DIMENSIONS);
FALTUNG_ATTRIBUTE(tensor_strides, TENSOR_STRIDES);
FALTUNG_ATTRIBUTE(tensor_id, TENSOR_UNIQUE_ID);
FALTUNG_ATTRIBUTE(pack_ids, VARIANT_PACK_UNIQUE_IDS);
FALTUNG_ATTRIBUTE(pack_pointers, VARIANT_PACK_DATA_POINTERS);
FALTUNG_ATTRIBUTE(pack_workspace, VARIANT_PACK_WORKSPACE);
FALTUNG_ATTRIBUTE(engine_index, ENGINE_GLOBAL_INDEX);
FALTUNG_ATTRIBUTE(engine_numerical_notes, ENGINE_NUMERICAL_NOTE);
FALTUNG_ATTRIBUTE(engine_behavior_notes, ENGINE_BEHAVIOR_NOTE);
FALTUNG_ATTRIBUTE(device_id, DEVICEPROP_DEVICE_ID);
FALTUNG_ATTRIBUTE(device_text, DEVICEPROP_JSON_REPRESENTATION);
#undef FALTUNG_ATTRIBUTE
static_assert(same(Type::f32, CUDNN_DATA_FLOAT) && same(Type::f64, CUDNN_DATA_DOUBLE) &&
              same(Type::f16, CUDNN_DATA_HALF) && same(Type::bf16, CUDNN_DATA_BFLOAT16) &&
              same(Type::i8, CUDNN_DATA_INT8) && same(Type::i32, CUDNN_DATA_INT32));
static_assert(same(Pointwise::add, CUDNN_POINTWISE_ADD) &&
              same(Pointwise::relu, CUDNN_POINTWISE_RELU_FWD));
static_assert(same(Mode::convolution, CUDNN_CONVOLUTION) &&
              same(Mode::correlation, CUDNN_CROSS_CORRELATION));
static_assert(same(Heuristic::a, CUDNN_HEUR_MODE_A) && same(Heuristic::b, CUDNN_HEUR_MODE_B) &&
              same(Heuristic::fallback, CUDNN_HEUR_MODE_FALLBACK));
static_assert(same(Note::tensor_core, CUDNN_NUMERICAL_NOTE_TENSOR_CORE) &&
              same(Note::down_convert_inputs, CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS) &&
              same(Note::reduced_precision, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION) &&
              same(Note::fft, CUDNN_NUMERICAL_NOTE_FFT) &&
              same(Note::nondeterministic, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) &&
              same(Note::winograd, CUDNN_NUMERICAL_NOTE_WINOGRAD) &&
              same(Note::winograd_4x4, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4) &&
              same(Note::winograd_6x6, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6) &&
              same(Note::winograd_13x13, CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13) &&
              same(Note::keeps_nan, CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP) &&
              max_notes >= CUDNN_NUMERICAL_NOTE_TYPE_COUNT &&
              max_notes >= CUDNN_BEHAVIOR_NOTE_TYPE_COUNT);
static_assert(same(Behavior::runtime_compilation, CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION));

TEST(CudnnAbi, IsThatOfTheHeaders) {
  EXPECT_EQ(CUDNN_MAJOR, 9) << "the assertions above are checked by the compiler";
}

}  // namespace
}  // namespace cudnn
}  // namespace faltung::cuda
