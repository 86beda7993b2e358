#include "cpp/tools/io/sound_length.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include "cpp/tools/io/input_file.hpp"

namespace faltung::tools {
namespace {

/// Numbers and names anywhere in the file; past its end there are zeros.
class Bytes {
 public:
  Bytes(const InputFile& file, bool big_endian) : file_(file), big_endian_(big_endian) {}

  [[nodiscard]] std::uint64_t number(std::uint64_t offset, std::size_t width) const {
    std::array<std::byte, 8> bytes{};
    fetch(offset, std::span(bytes).first(width));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      value = value << 8 | std::to_integer<std::uint64_t>(bytes[big_endian_ ? i : width - 1 - i]);
    }
    return value;
  }
  [[nodiscard]] bool is(std::uint64_t offset, std::string_view name) const {
    std::array<std::byte, 8> bytes{};
    fetch(offset, std::span(bytes).first(name.size()));
    return std::equal(name.begin(), name.end(), bytes.begin(), [](char c, std::byte b) {
      return static_cast<unsigned char>(c) == std::to_integer<unsigned char>(b);
    });
  }
  [[nodiscard]] std::uint64_t size() const { return file_.size(); }
  /// Of the bytes that start at `offset`, how many are there, at most `claimed`.
  [[nodiscard]] std::uint64_t present(std::uint64_t offset, std::uint64_t claimed) const {
    return offset >= size() ? 0 : std::min(claimed, size() - offset);
  }

 private:
  void fetch(std::uint64_t offset, std::span<std::byte> target) const {
    if (offset <= size() && target.size() <= size() - offset) file_.read(offset, target);
  }
  const InputFile& file_;
  bool big_endian_;
};

struct Chunk {
  std::uint64_t body = 0;
  std::uint64_t bytes = 0;
};

/// How a container joins its chunks: the name first, then the length.
struct Chunking {
  std::uint64_t first = 12;        ///< where the first chunk starts
  std::uint64_t name_bytes = 4;    ///< of which 4 are looked at
  std::size_t length_bytes = 4;    ///< of the number that follows
  std::uint64_t alignment = 2;     ///< chunks start at multiples of it
  bool length_has_header = false;  ///< the name and the length count as well
};

/// The first chunk of that name. Stops at a chunk that reaches beyond the file: none follows it.
std::optional<Chunk> find_chunk(const Bytes& file, const Chunking& rules, std::string_view name) {
  const std::uint64_t header = rules.name_bytes + rules.length_bytes;
  for (std::uint64_t at = rules.first; at + header <= file.size();) {
    std::uint64_t bytes = file.number(at + rules.name_bytes, rules.length_bytes);
    if (rules.length_has_header) bytes = bytes < header ? 0 : bytes - header;
    if (file.is(at, name)) return Chunk{at + header, bytes};
    if (bytes > file.size()) return std::nullopt;
    at = (at + header + bytes + rules.alignment - 1) / rules.alignment * rules.alignment;
  }
  return std::nullopt;
}

/// Writers that do not know the length leave 0 or all ones; SoX the largest multiple of a block
/// below 0x7ffff000, others the largest number with a sign.
bool is_unknown(std::uint64_t bytes) {
  return bytes == 0 || bytes == ~std::uint64_t{0} || (bytes >= 0x7ffef000 && bytes <= 0x7fffffff) ||
         (bytes >= 0xffffff00 && bytes <= 0xffffffff);
}

std::optional<MissingSamples> compare(const Bytes& file, std::uint64_t body, std::uint64_t bytes,
                                      std::uint64_t frame_bytes) {
  const std::uint64_t present = file.present(body, bytes);
  if (is_unknown(bytes) || present == bytes) return std::nullopt;
  return MissingSamples{bytes, present, frame_bytes};
}

/// Bytes of a frame by the `fmt ` chunk of WAV and W64, which is 0 for compressed samples.
std::uint64_t wave_frame_bytes(const Bytes& file, const Chunking& rules) {
  const auto format = find_chunk(file, rules, "fmt ");
  if (!format) return 0;
  const std::uint64_t tag = file.number(format->body, 2);
  constexpr std::uint64_t plain[] = {1, 3, 6, 7, 0xfffe};  // PCM, float, A-law, mu-law, extensible
  const bool fixed = std::find(std::begin(plain), std::end(plain), tag) != std::end(plain);
  return fixed ? file.number(format->body + 12, 2) : 0;
}

std::optional<MissingSamples> in_wave(const Bytes& file) {
  const Chunking rules;
  const auto data = find_chunk(file, rules, "data");
  if (!data) return std::nullopt;
  std::uint64_t bytes = data->bytes;
  const auto large = file.is(0, "RF64") ? find_chunk(file, rules, "ds64") : std::nullopt;
  if (large && bytes == 0xffffffff) bytes = file.number(large->body + 8, 8);
  return compare(file, data->body, bytes, wave_frame_bytes(file, rules));
}

std::optional<MissingSamples> in_w64(const Bytes& file) {
  const Chunking rules{40, 16, 8, 8, true};
  const auto data = find_chunk(file, rules, "data");
  if (!data) return std::nullopt;
  return compare(file, data->body, data->bytes, wave_frame_bytes(file, rules));
}

std::optional<MissingSamples> in_aiff(const Bytes& file) {
  const auto common = find_chunk(file, {}, "COMM");
  const auto sound = find_chunk(file, {}, "SSND");
  if (!common || !sound || sound->bytes < 8) return std::nullopt;
  constexpr std::string_view plain[] = {"NONE", "twos", "sowt", "raw ", "in24", "in32",
                                        "42ni", "23ni", "fl32", "FL32", "fl64", "FL64"};
  const bool fixed = file.is(8, "AIFF") ||
                     std::any_of(std::begin(plain), std::end(plain),
                                 [&](auto name) { return file.is(common->body + 18, name); });
  const std::uint64_t frame =
      fixed ? file.number(common->body, 2) * ((file.number(common->body + 6, 2) + 7) / 8) : 0;
  // An offset and a block size stand before the samples.
  return compare(file, sound->body + 8, sound->bytes - 8, frame);
}

std::optional<MissingSamples> in_au(const Bytes& file) {
  constexpr std::uint64_t widths[] = {0, 1, 1, 2, 3, 4, 4, 8};  // by encoding; 27 is A-law
  const std::uint64_t encoding = file.number(12, 4);
  const std::uint64_t width = encoding < std::size(widths) ? widths[encoding] : encoding == 27;
  return compare(file, file.number(4, 4), file.number(8, 4), width * file.number(20, 4));
}

std::optional<MissingSamples> in_caf(const Bytes& file) {
  const Chunking rules{8, 4, 8, 1, false};
  const auto description = find_chunk(file, rules, "desc");
  const auto data = find_chunk(file, rules, "data");
  if (!description || !data || data->bytes < 4 || is_unknown(data->bytes)) return std::nullopt;
  const bool fixed = file.number(description->body + 20, 4) == 1;
  // A count of edits stands before the samples.
  return compare(file, data->body + 4, data->bytes - 4,
                 fixed ? file.number(description->body + 16, 4) : 0);
}

/// The last page of a whole stream says that it is the last, and is all there.
std::optional<MissingSamples> in_ogg(const InputFile& file) {
  constexpr std::uint64_t largest_page = 27 + 255 + 255 * 255;
  std::vector<std::byte> end(std::min(largest_page, file.size()));
  file.read(file.size() - end.size(), end);
  const std::string_view text(reinterpret_cast<const char*>(end.data()), end.size());
  const std::size_t start = text.rfind("OggS");
  if (start == std::string_view::npos || end.size() - start < 27) return MissingSamples{};
  const auto page = std::span(end).subspan(start);
  const auto segments = std::to_integer<std::size_t>(page[26]);
  std::size_t length = 27 + segments;
  for (std::size_t i = 0; i < segments && 27 + i < page.size(); ++i) {
    length += std::to_integer<std::size_t>(page[27 + i]);
  }
  const bool last = (page[5] & std::byte{4}) != std::byte{0};
  if (last && length <= page.size()) return std::nullopt;
  return MissingSamples{};
}

}  // namespace

std::optional<MissingSamples> missing_samples(const InputFile& file) {
  const Bytes big(file, true);
  const Bytes little(file, false);
  if (big.is(0, "RIFF") || big.is(0, "RF64")) return in_wave(little);
  if (big.is(0, "RIFX")) return in_wave(big);
  if (big.is(0, "riff")) return in_w64(little);
  if (big.is(0, "FORM") && (big.is(8, "AIFF") || big.is(8, "AIFC"))) return in_aiff(big);
  if (big.is(0, ".snd")) return in_au(big);
  if (big.is(0, "dns.")) return in_au(little);
  if (big.is(0, "caff")) return in_caf(big);
  if (big.is(0, "OggS")) return in_ogg(file);
  return std::nullopt;
}

}  // namespace faltung::tools
