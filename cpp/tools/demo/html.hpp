#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <faltung/tensor.hpp>

namespace faltung::tools::demo {

/// Text with & < > " made harmless, for HTML, SVG and their attributes.
[[nodiscard]] std::string escape(std::string_view text);

/// RFC 4648, section 4, with padding.
[[nodiscard]] std::string base64(std::span<const std::byte> bytes);

/// A PNG picture as a data: address.
///
/// @param pixels  u8 [height, width, channels] with 1 to 4 channels, on the CPU
[[nodiscard]] std::string picture_uri(const Tensor& pixels);

/// Planes of numbers to pixels: 0 black, 1 white, beyond them clipped.
///
/// @param planes  f32 [1 or 3, height, width] on the CPU
[[nodiscard]] Tensor pixels(const Tensor& planes);

/// A recording as a data: address of a WAV file with 16-bit samples; full scale is 1, beyond it is
/// clipped.
///
/// @param samples  f32 [channels, frames] on the CPU
/// @param rate     frames per second
[[nodiscard]] std::string sound_uri(const Tensor& samples, int rate);

/// "850 ns", "12.3 µs", "4.56 ms", "1.23 s"
[[nodiscard]] std::string duration(double seconds);

/// A small number as HTML: "3 × 10⁻⁸", with one digit.
[[nodiscard]] std::string power_of_ten(double value);

/// A picture with its caption below. `kind` adds a class.
struct Picture {
  std::string caption;      ///< HTML
  std::string description;  ///< for those who cannot see it
  std::string uri;
  std::string kind = {};  ///< "pixelated" shows single pixels sharply
};

/// Pictures side by side, as many in a row as the screen has room for, at most `columns`.
[[nodiscard]] std::string pictures_html(std::span<const Picture> pictures, int columns);

}  // namespace faltung::tools::demo
