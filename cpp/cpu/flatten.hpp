#pragma once

#include <faltung/problem.hpp>

namespace faltung {

/// The same problem with neighbouring axes made one, where a filter of one tap meets every element
/// and x and y step alike over both axes: rows of a matrix are then one piece, and not one for each
/// row of a picture.
[[nodiscard]] Problem flattened(const Problem& p);

}  // namespace faltung
