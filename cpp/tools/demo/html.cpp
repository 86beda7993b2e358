#include "cpp/tools/demo/html.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cpp/tools/io/png.hpp"

namespace faltung::tools::demo {
namespace {

/// Appends an integer, least significant byte first.
template <typename T>
void append(std::vector<std::byte>& bytes, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
  }
}

void append(std::vector<std::byte>& bytes, const char (&tag)[5]) {
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<std::byte>(tag[i]));
}

}  // namespace

std::string escape(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    switch (letter) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

std::string base64(std::span<const std::byte> bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8 | (j < count ? std::to_integer<std::uint32_t>(bytes[i + j]) : 0);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      result += j <= count ? digits[group >> (18 - 6 * j) & 63] : '=';
    }
  }
  return result;
}

std::string picture_uri(const Tensor& pixels) {
  return "data:image/png;base64," + base64(encode_png(pixels, "a picture of the demo"));
}

Tensor pixels(const Tensor& planes) {
  const Shape& shape = planes.shape();
  const auto count = static_cast<std::size_t>(shape[1] * shape[2]);
  const auto channels = static_cast<std::size_t>(shape[0]);
  Tensor result(u8, {shape[1], shape[2], shape[0]});
  const auto source = planes.values<float>();
  const auto target = result.values<std::uint8_t>();
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < count; ++i) {
      const float value = std::clamp(source[c * count + i], 0.0F, 1.0F);
      target[i * channels + c] = static_cast<std::uint8_t>(std::lround(255 * value));
    }
  }
  return result;
}

std::string sound_uri(const Tensor& samples, int rate) {
  const std::int64_t channels = samples.shape()[0];
  const std::int64_t frames = samples.shape()[1];
  const auto data_bytes = static_cast<std::uint32_t>(2 * channels * frames);
  const auto frame_bytes = static_cast<std::uint16_t>(2 * channels);
  std::vector<std::byte> file;
  append(file, "RIFF");
  append(file, 36 + data_bytes);
  append(file, "WAVE");
  append(file, "fmt ");
  append(file, std::uint32_t{16});
  append(file, std::uint16_t{1});  // linear samples
  append(file, static_cast<std::uint16_t>(channels));
  append(file, static_cast<std::uint32_t>(rate));
  append(file, static_cast<std::uint32_t>(rate) * frame_bytes);
  append(file, frame_bytes);
  append(file, std::uint16_t{16});
  append(file, "data");
  append(file, data_bytes);
  const auto values = samples.values<float>();
  for (std::int64_t i = 0; i < frames; ++i) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const float value = std::clamp(values[static_cast<std::size_t>(c * frames + i)], -1.0F, 1.0F);
      append(file, static_cast<std::uint16_t>(std::lround(32767 * value)));
    }
  }
  return "data:audio/wav;base64," + base64(file);
}

std::string duration(double seconds) {
  if (seconds < 1e-6) return fmt::format("{:.0f}\u00a0ns", seconds * 1e9);
  const auto [value, unit] = seconds < 1e-3  ? std::pair(seconds * 1e6, "µs")
                             : seconds < 1.0 ? std::pair(seconds * 1e3, "ms")
                                             : std::pair(seconds, "s");
  return fmt::format("{:.{}f}\u00a0{}", value, value < 10 ? 2 : value < 100 ? 1 : 0, unit);
}

std::string power_of_ten(double value) {
  const std::string text = fmt::format("{:.0e}", value);  // "3e-08"
  const int exponent = std::stoi(text.substr(text.find('e') + 1));
  return fmt::format("{}\u00a0×\u00a010<sup>{}{}</sup>", text.substr(0, text.find('e')),
                     exponent < 0 ? "\u2212" : "", std::abs(exponent));
}

std::string pictures_html(std::span<const Picture> pictures, int columns) {
  std::string html = fmt::format("<div class=\"pictures\" style=\"--columns:{}\">\n", columns);
  for (const Picture& picture : pictures) {
    html += fmt::format(
        "<figure><img class=\"{}\" src=\"{}\" alt=\"{}\"><figcaption>{}</figcaption></figure>\n",
        picture.kind, picture.uri, escape(picture.description), picture.caption);
  }
  return html + "</div>\n";
}

}  // namespace faltung::tools::demo
