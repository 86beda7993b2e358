#pragma once

#include <cstddef>
#include <faltung/tensor.hpp>
#include <span>
#include <string>
#include <string_view>

namespace faltung::tools {

class OutputFile;

/// What the name of an array ends in.
inline constexpr std::string_view npy_endings[] = {".npy"};

/// Reads a NumPy array, row-major and in this machine's byte order whatever the file's are.
///
/// Versions 1.0 to 3.0 with every header that NumPy reads, every type of ours but bf16 (which .npy
/// lacks), truth values as u8, at most 8 axes. The length is checked before memory is taken; the
/// peak is one array, two for Fortran order and for pipes. Bytes after the array, such as a second
/// one, are warned of and not read.
///
/// @throws FileError with the path, the offset and the reason; DeviceError if memory runs out.
[[nodiscard]] Tensor read_npy(const std::string& path);

/// The same for the bytes of a file in memory, without the warning; `name` stands for the path in
/// messages.
[[nodiscard]] Tensor decode_npy(std::span<const std::byte> file, const std::string& name);

/// Writes an array on the CPU as version 1.0, C order, in this machine's byte order.
///
/// The caller commits the file. @throws FileError if it cannot be written, or for bf16.
void write_npy(OutputFile& file, const ConstTensorView& array);

}  // namespace faltung::tools
