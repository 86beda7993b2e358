# Sources of the CUDA engines, relative to the root: compiled by nvcc into the library, and by the
# host compiler for the emulator's tests.
set(FALTUNG_CUDA_ENGINE_SOURCES
    cuda/engine_list.cpp
    cuda/depthwise/depthwise_band_bf16.cu
    cuda/depthwise/depthwise_band_f16.cu
    cuda/depthwise/depthwise_channels.cu
    cuda/depthwise/depthwise_engine.cu
    cuda/depthwise/depthwise_gather.cu
    cuda/depthwise/depthwise_gradient.cu
    cuda/depthwise/depthwise_gradient_mma.cu
    cuda/depthwise/depthwise_gradient_window.cu
    cuda/depthwise/depthwise_lowering.cpp
    cuda/depthwise/depthwise_window.cu
    cuda/direct/direct_band.cu
    cuda/direct/direct_choice.cpp
    cuda/direct/direct_engine.cu
    cuda/direct/direct_fir.cu
    cuda/direct/direct_kernels.cu
    cuda/direct/direct_lowering.cpp
    cuda/direct/direct_patch.cu
    cuda/direct/direct_slab.cu
    cuda/direct/direct_walk.cu
    cuda/direct/direct_walk_general.cu
    cuda/direct/direct_walk_integer.cu
    cuda/separable/separable_engine.cu
    cuda/separable/separable_f32.cu
    cuda/separable/separable_f64.cu
    cuda/separable/separable_i32.cu
    cuda/separable/separable_i64.cu
    cuda/separable/separable_lowering.cpp)
list(TRANSFORM FALTUNG_CUDA_ENGINE_SOURCES PREPEND ${faltung_SOURCE_DIR}/)
