#pragma once

#include <faltung/export.hpp>

namespace faltung {

/// How many threads a CPU plan may use, for plans made from now on: what `set_threads` was given,
/// or the environment variable FALTUNG_THREADS, or one per processor this process may run on.
///
/// Results do not depend on it, bit for bit: it only decides who computes what. Small work stays on
/// the thread that calls `run`.
///
/// @throws InvalidProblem if FALTUNG_THREADS is set and no integer from 1 to 1024.
[[nodiscard]] FALTUNG_API int threads();

/// @param count  1 to 1024, or 0 for the default
/// @throws InvalidProblem if it is neither.
FALTUNG_API void set_threads(int count);

}  // namespace faltung
