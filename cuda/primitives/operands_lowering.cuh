#pragma once

#include "cpp/core/engine.hpp"
#include "cuda/primitives/epilogue_lowering.cuh"
#include "cuda/primitives/operands.cuh"

namespace faltung::cuda {

/// All about the tensors of a problem but where they are.
inline void describe(const Problem& p, Operands& a) {
  a.x_type = p.pass == Pass::backward_data ? p.output : p.input;
  a.w_type = p.filter;
  a.y_type = p.result_dtype();
  a.accumulator = p.accumulator;
  a.epilogue = epilogue_arguments(p);
}

/// Where they are in one run.
inline void locate(const RunArguments& run, Operands& a) {
  a.x = bytes_at(run.first);
  a.w = bytes_at(run.second);
  a.y = bytes_at(run.result);
  a.epilogue.bias = bytes_at(run.bias);
}

}  // namespace faltung::cuda
