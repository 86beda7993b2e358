#pragma once

#include <cstddef>
#include <faltung/tensor.hpp>
#include <span>
#include <string>
#include <vector>

namespace faltung::tools {

/// Reads a picture as u8 or u16 samples [height, width, channels], as they are stored.
///
/// Channels: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA. Palettes and gray of 1, 2 or 4 bits are
/// expanded to 8 bits, a transparent colour becomes an alpha channel, interlacing is undone. No
/// gamma or colour profile is applied. What the header claims is checked against the file's length
/// before memory is taken. Bytes after the picture are warned of and not read.
///
/// @throws FileError if it is not a PNG file, damaged or cut short.
[[nodiscard]] Tensor read_png(const std::string& path);

/// The same for the bytes of a file in memory; `name` stands for the path in messages. How many
/// bytes are left after the picture goes to `trailing_bytes` instead of a warning.
[[nodiscard]] Tensor decode_png(std::span<const std::byte> file, const std::string& name,
                                std::size_t* trailing_bytes = nullptr);

/// A PNG file in memory from u8 or u16 samples [height, width, channels] on the CPU.
///
/// @throws FileError naming `name` if the shape or type is not one of `read_png`.
[[nodiscard]] std::vector<std::byte> encode_png(const Tensor& samples, const std::string& name);

}  // namespace faltung::tools
