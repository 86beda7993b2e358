#pragma once

#include <faltung/problem.hpp>

namespace faltung {

/// Whether backward_data adds what lies beyond such a boundary to elements of dx: frames of zeros
/// and of constants send nothing back.
[[nodiscard]] bool sends_back(const Boundary& boundary);

/// Whether a problem is a data gradient that a forward problem gives, too: without frames, and not
/// in groups of several channels, whose filters have no strides of their own.
[[nodiscard]] bool is_forward_transposed(const Problem& p);

/// That problem: its filter reversed, its channels exchanged, stride and dilation too. It has the
/// same operands and the same result.
[[nodiscard]] Problem transposed(const Problem& p);

}  // namespace faltung
