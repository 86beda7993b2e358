#include "cpp/tools/io/npy_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/npy_type.hpp"

namespace faltung::tools {
namespace {

/// Reads the Python dictionary of a header: exactly the three keys of the format, literals only.
class Parser {
 public:
  Parser(std::string_view text, std::size_t offset, const std::string& path)
      : text_(text), offset_(offset), path_(path) {}

  NpyHeader dictionary() {
    bool seen_type = false;
    bool seen_order = false;
    bool seen_shape = false;
    expect('{', "a dictionary");
    while (!accept('}')) {
      const std::size_t start = position_;
      const std::string_view key = string_literal("a key in quotes");
      expect(':', "':' after the key");
      if (key == "descr" && !seen_type) {
        seen_type = true;
        type();
      } else if (key == "fortran_order" && !seen_order) {
        seen_order = true;
        header_.fortran_order = boolean();
      } else if (key == "shape" && !seen_shape) {
        seen_shape = true;
        shape();
      } else {
        position_ = start;
        fail(
            fmt::format("key '{}' is repeated or unknown; the keys are descr, fortran_order, shape",
                        printable(key)));
      }
      if (accept('}')) break;
      expect(',', "',' or '}'");
    }
    if (!seen_type || !seen_order || !seen_shape) {
      fail("the header lacks one of the keys descr, fortran_order, shape");
    }
    padding();
    return header_;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FileError(path_, fmt::format("byte {}: {}", offset_ + position_, what));
  }

  /// Header bytes may be anything; messages must stay one readable line.
  static std::string printable(std::string_view text) {
    std::string result(text.substr(0, 40));
    std::replace_if(
        result.begin(), result.end(), [](char c) { return c < 32 || c > 126; }, '?');
    return result;
  }

  [[nodiscard]] char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }
  /// Inside a dictionary Python reads line breaks as spaces.
  void skip_spaces() {
    while (position_ < text_.size() &&
           std::string_view(" \t\r\n\f").find(peek()) != std::string_view::npos)
      ++position_;
  }
  bool accept(char wanted) {
    skip_spaces();
    if (peek() != wanted || position_ == text_.size()) return false;
    ++position_;
    return true;
  }
  void expect(char wanted, std::string_view name) {
    if (!accept(wanted)) fail(fmt::format("expected {}", name));
  }

  std::string_view string_literal(std::string_view name) {
    skip_spaces();
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail(fmt::format("expected {}", name));
    const std::size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos) fail("the quote is not closed");
    const std::string_view value = text_.substr(position_ + 1, end - position_ - 1);
    position_ = end + 1;
    return value;
  }

  void type() {
    skip_spaces();
    if (peek() == '[') fail("structured arrays are not read; save one field, x['name']");
    const std::size_t start = position_;
    const std::string_view descr = string_literal("a type in quotes");
    const std::optional<NpyType> known = parse_npy_type(descr);
    if (!known) {
      position_ = start;
      fail(fmt::format("type '{}': {}", printable(descr), npy_way_out(descr)));
    }
    header_.dtype = known->dtype;
    header_.swapped = known->swapped;
  }

  bool boolean() {
    skip_spaces();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(position_, word.size()) == word) {
        position_ += word.size();
        return word == "True";
      }
    }
    fail("fortran_order must be True or False");
  }

  void shape() {
    expect('(', "a shape in parentheses");
    bool comma = true;
    while (!accept(')')) {
      if (!comma) fail("expected ',' or ')' in the shape; one extent is written (3,)");
      if (header_.shape.size() == Shape::max_rank) {
        fail(fmt::format("the shape has more than {} axes, the most that are read",
                         Shape::max_rank));
      }
      header_.shape.push_back(extent());
      comma = accept(',');
    }
    // Python reads (3) as a number and only (3,) as a shape.
    if (header_.shape.size() == 1 && !comma) fail("a shape of one extent is written (3,)");
  }

  std::int64_t extent() {
    skip_spaces();
    const char* first = text_.data() + position_;
    const char* last = text_.data() + text_.size();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(first, last, value);
    if (error == std::errc::result_out_of_range) fail("an extent exceeds 2^63 - 1");
    if (error != std::errc{} || value < 0 || *first == '-') {
      fail("an extent must be a number of at least 0");
    }
    if (*first == '0' && end - first > 1) fail("an extent must not start with 0");
    position_ += static_cast<std::size_t>(end - first);
    if (peek() == 'L') ++position_;  // Python 2 marked long integers
    return value;
  }

  void padding() {
    skip_spaces();
    if (position_ != text_.size()) fail("only spaces may follow the dictionary");
  }

  std::string_view text_;
  std::size_t offset_;
  std::size_t position_ = 0;
  const std::string& path_;
  NpyHeader header_;
};

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

/// Bytes of all elements. Extents of 0 do not excuse the others: their product must fit as well.
std::uint64_t payload_bytes(const NpyHeader& header, const std::string& path) {
  std::int64_t product = static_cast<std::int64_t>(size_of(header.dtype));
  bool empty = false;
  for (const std::int64_t extent : header.shape) {
    if (extent == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(product, extent, &product)) {
      throw FileError(path, "shape: the array claims more than 2^63 - 1 bytes");
    }
  }
  return empty ? 0 : static_cast<std::uint64_t>(product);
}

}  // namespace

NpyHeader parse_npy_header(std::span<const std::byte> head, std::uint64_t file_bytes,
                           const std::string& path) {
  const std::string_view bytes(reinterpret_cast<const char*>(head.data()), head.size());
  if (bytes.substr(0, npy_magic.size()) != npy_magic) {
    throw FileError(path, "byte 0: not a .npy file; it must start with \\x93NUMPY");
  }
  if (bytes.size() < npy_magic.size() + 2) throw FileError(path, "byte 6: ends inside the version");
  const int major = static_cast<unsigned char>(bytes[6]);
  const int minor = static_cast<unsigned char>(bytes[7]);
  if (major < 1 || major > 3 || minor != 0) {
    throw FileError(
        path, fmt::format("byte 6: format version {}.{}; 1.0, 2.0 and 3.0 are read", major, minor));
  }
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  const std::size_t start = 8 + length_bytes;
  if (bytes.size() < start) throw FileError(path, "byte 8: ends inside the header length");
  const std::uint64_t length = little_endian(bytes.substr(8, length_bytes));
  if (length > file_bytes - start) {
    throw FileError(path, fmt::format("byte 8: the header claims {} bytes, the file has {} left",
                                      length, file_bytes - start));
  }
  if (length > npy_header_limit - start) {
    throw FileError(path, fmt::format("byte 8: the header claims {} bytes, at most {} are read",
                                      length, npy_header_limit - start));
  }
  NpyHeader header = Parser(bytes.substr(start, length), start, path).dictionary();
  header.data_offset = start + length;
  const std::uint64_t claimed = payload_bytes(header, path);
  const std::uint64_t present = file_bytes - header.data_offset;
  if (claimed > present) {
    throw FileError(path,
                    fmt::format("byte {}: the header claims {} bytes of elements, {} follow: the "
                                "file is cut short",
                                header.data_offset, claimed, present));
  }
  header.trailing_bytes = present - claimed;
  return header;
}

}  // namespace faltung::tools
