#pragma once

#include <faltung/dtype.hpp>
#include <optional>
#include <string_view>

namespace faltung::tools {

/// A type as the header of a .npy file names it.
struct NpyType {
  DType dtype = DType::f32;
  bool swapped = false;  ///< the elements are not in this machine's byte order
};

/// Reads what numpy.dtype reads, as far as we have the type: a code with a byte order or without
/// one ("<f8", "=f8", "|i4", "f8", "d", "?"), or a name ("float64", "double", "bool"). Truth values
/// are u8. Without '<' or '>' the order is this machine's.
///
/// Source: NumPy's "Data type objects", and `numpy.dtype` of NumPy 2.4 on each of them.
[[nodiscard]] std::optional<NpyType> parse_npy_type(std::string_view descr);

/// What to do about a type that is not read, for messages.
[[nodiscard]] std::string_view npy_way_out(std::string_view descr);

}  // namespace faltung::tools
