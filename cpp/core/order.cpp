#include "cpp/core/order.hpp"

#include "cpp/core/message.hpp"
#include "cpp/core/text.hpp"

namespace faltung {
namespace {

// Compilers may or may not fuse what follows a sum: what is allowed here is exact up to its one
// rounding either way. No two libraries agree on erf and exp.
std::string epilogue_refusal(const Epilogue& epilogue) {
  const ActivationKind kind = epilogue.activation.kind;
  if (kind == ActivationKind::gelu || kind == ActivationKind::silu) {
    return "gelu and silu are as the library of the device computes them, which "
           "math=reproducible cannot promise; apply them afterwards";
  }
  if (epilogue.alpha != 1 || (epilogue.beta != 0 && epilogue.beta != 1)) {
    return message("alpha is ", epilogue.alpha, " and beta ", epilogue.beta,
                   ", which devices round differently; math=reproducible takes alpha=1 and beta=0 "
                   "or 1");
  }
  return {};
}

}  // namespace

std::string order_refusal(const Problem& p) {
  if (is_complex(p.accumulator)) {
    return message("sums are in ", name(p.accumulator),
                   "; math=reproducible takes real sums and integers; compute real and imaginary "
                   "parts by themselves");
  }
  if (p.pass == Pass::backward_filter) {
    return "a filter gradient sums over the batch, and math=reproducible promises what does not "
           "depend on it; it takes forward passes and data gradients";
  }
  return epilogue_refusal(p.epilogue);
}

}  // namespace faltung
