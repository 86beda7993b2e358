#pragma once

#include <string_view>

#include <faltung/problem.hpp>

namespace faltung {

/// Microseconds that one thread takes for a run of a way, operands in cache where they fit.
///
/// A policy counts the work of a way: its products, and the values that it moves. What a run takes
/// beside that (to start, at the ends of rows, to convert numbers of 16 bits), and how fast the
/// work is done, was fitted to measurements by python3 -m bench.fit: fitted_costs.inc, in cycles.
///
/// @param way  "cpu.direct/stencil"; one that was not fitted takes what its policy counts and the
/// shortest start
/// @param us   what the policy counts, on the machine planned for
[[nodiscard]] double fitted_us(std::string_view way, const Problem& problem, double us);

/// The same with as many threads as the work is worth; see shared_us.
[[nodiscard]] double fitted_run_us(std::string_view way, const Problem& problem, double us);

}  // namespace faltung
