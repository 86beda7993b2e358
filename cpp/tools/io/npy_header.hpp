#pragma once

#include <cstddef>
#include <cstdint>
#include <faltung/dtype.hpp>
#include <faltung/extents.hpp>
#include <span>
#include <string>
#include <string_view>

namespace faltung::tools {

/// What the start of a .npy file says about the elements that follow it.
///
/// Source: NumPy Enhancement Proposal 1 and numpy.lib.format, versions 1.0 to 3.0.
struct NpyHeader {
  DType dtype = DType::f32;
  bool swapped = false;        ///< the elements are not in this machine's byte order
  bool fortran_order = false;  ///< the first index is fastest
  Shape shape;
  std::size_t data_offset = 0;       ///< where the elements start, in bytes
  std::uint64_t trailing_bytes = 0;  ///< after the elements: NumPy writes several arrays so
};

/// The first bytes of every .npy file.
inline constexpr std::string_view npy_magic = "\x93NUMPY";

/// Bytes from the start of a file that always hold a whole header we accept; NumPy writes 128.
inline constexpr std::size_t npy_header_limit = 65535;

/// Reads a header as NumPy does, and checks that the file is as long as the header claims.
///
/// @param head        the first min(file_bytes, npy_header_limit) bytes of the file
/// @param file_bytes  length of the whole file
/// @param path        for messages
/// @throws FileError with the offset and the reason; nothing is allocated by what the header
/// claims.
[[nodiscard]] NpyHeader parse_npy_header(std::span<const std::byte> head, std::uint64_t file_bytes,
                                         const std::string& path);

}  // namespace faltung::tools
