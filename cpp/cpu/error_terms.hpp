#pragma once

#include "cpp/core/error_terms.hpp"
#include "cpp/cpu/extended_input.hpp"

namespace faltung {

/// How many products at most meet in one element of the result.
inline double longest_sum(const Problem& p) {
  double terms = static_cast<double>(p.pass == Pass::backward_filter ? p.batch
                                     : p.pass == Pass::backward_data ? p.out_channels / p.groups
                                                                     : p.in_channels / p.groups);
  for (const Axis& axis : p.axes) {
    terms *= static_cast<double>(p.pass == Pass::backward_filter ? axis.output() : axis.filter);
    if (p.pass == Pass::backward_data) terms *= static_cast<double>(fold_multiplicity(axis));
  }
  return terms;
}

}  // namespace faltung
