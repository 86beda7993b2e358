#include <vector>

#include "cpp/core/engine.hpp"
#include "cpp/cpu/direct/direct_engine.hpp"
#include "cpp/cpu/fft/fft_engine.hpp"
#include "cpp/cpu/gemm/gemm_engine.hpp"
#include "cpp/cpu/reference_engine.hpp"
#ifdef FALTUNG_HAVE_CUDA
#include "cuda/engine_list.hpp"
#endif

namespace faltung {

// The only place to register an engine of the CPU; those of CUDA are in cuda/engine_list.cpp. Order
// breaks ties between estimates.
std::span<const Engine* const> engine_list() {
  static const std::vector<const Engine*> engines = [] {
    std::vector<const Engine*> list = {
        &direct_engine(),
#ifdef FALTUNG_HAVE_HIGHWAY
        &gemm_engine(),
#endif
        &fft_engine(),
        &reference_engine(),
    };
#ifdef FALTUNG_HAVE_CUDA
    list.insert(list.end(), cuda::engine_list().begin(), cuda::engine_list().end());
#endif
    return list;
  }();
  return engines;
}

}  // namespace faltung
