#include "cuda/engine_list.hpp"

#include "cuda/cudnn/cudnn_engine.hpp"
#include "cuda/depthwise/depthwise_engine.hpp"
#include "cuda/direct/direct_engine.hpp"
#include "cuda/fft/fft_engine.hpp"
#include "cuda/im2col/im2col_engine.hpp"
#include "cuda/separable/separable_engine.hpp"

namespace faltung::cuda {

// The only place to register a CUDA engine. Order breaks ties between estimates.
std::span<const Engine* const> engine_list() {
  static const Engine* const engines[] = {
      &direct_engine(), &depthwise_engine(), &separable_engine(),
      &fft_engine(),    &im2col_engine(),    &cudnn_engine(),
  };
  return engines;
}

}  // namespace faltung::cuda
