#pragma once

#include <cstddef>
#include <faltung/tensor.hpp>
#include <span>
#include <string>

namespace faltung::tools {

class AtomicFile;

/// Reads a NumPy array, row-major and in this machine's byte order whatever the file's are.
///
/// Strict: versions 1.0 to 3.0, every type of ours but bf16 (which .npy lacks), at most 8 axes, not
/// a byte too many or too few. The length is checked before memory is taken; the peak is one array,
/// two for Fortran order.
///
/// @throws FileError with the path, the offset and the reason; DeviceError if memory runs out.
[[nodiscard]] Tensor read_npy(const std::string& path);

/// The same for the bytes of a file in memory; `name` stands for the path in messages.
[[nodiscard]] Tensor decode_npy(std::span<const std::byte> file, const std::string& name);

/// Writes an array on the CPU as version 1.0, C order, in this machine's byte order.
///
/// The caller commits the file. @throws FileError if it cannot be written, or for bf16.
void write_npy(AtomicFile& file, const ConstTensorView& array);

}  // namespace faltung::tools
