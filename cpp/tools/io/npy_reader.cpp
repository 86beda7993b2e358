#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "cpp/tools/io/input_file.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/npy_header.hpp"
#include "cpp/tools/io/warning.hpp"

namespace faltung::tools {
namespace {

/// Both parts of a complex number are swapped for themselves.
void swap_bytes(std::span<std::byte> elements, DType dtype) {
  const std::size_t width = is_complex(dtype) ? size_of(dtype) / 2 : size_of(dtype);
  for (; !elements.empty(); elements = elements.subspan(width)) {
    std::reverse(elements.begin(), elements.begin() + static_cast<std::ptrdiff_t>(width));
  }
}

/// Row-major elements from those of a file with the first index fastest.
Tensor from_fortran_order(const Tensor& elements) {
  ConstTensorView view = elements.view();
  std::int64_t stride = 1;
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    view.strides[i] = stride;
    stride *= std::max<std::int64_t>(1, view.shape[i]);
  }
  return compact_copy(view, view.dtype);
}

/// numpy.save on an open file puts one array after the other, and numpy.load reads the first.
std::string trailing_note(const InputFile& file, const NpyHeader& header) {
  const std::uint64_t end = file.size() - header.trailing_bytes;
  std::array<std::byte, npy_magic.size()> next{};
  if (header.trailing_bytes >= next.size()) file.read(end, next);
  const bool array = std::memcmp(next.data(), npy_magic.data(), next.size()) == 0;
  return array ? "holds more than one array; only the first is read"
               : fmt::format("byte {}: {} bytes follow the array and are not read", end,
                             header.trailing_bytes);
}

/// `fill` copies the elements' bytes as they stand in the file.
template <typename Fill>
Tensor load(const NpyHeader& header, Fill fill) {
  Tensor elements(header.dtype, header.shape);
  const std::span<std::byte> bytes(static_cast<std::byte*>(elements.data()), elements.bytes());
  fill(bytes);
  if (header.swapped) swap_bytes(bytes, header.dtype);
  return header.fortran_order && header.shape.size() > 1 ? from_fortran_order(elements)
                                                         : std::move(elements);
}

}  // namespace

Tensor read_npy(const std::string& path) {
  const InputFile file(path);
  std::vector<std::byte> head(std::min<std::uint64_t>(file.size(), npy_header_limit));
  file.read(0, head);
  const NpyHeader header = parse_npy_header(head, file.size(), path);
  if (header.trailing_bytes > 0) warn(path, trailing_note(file, header));
  return load(header, [&](std::span<std::byte> to) { file.read(header.data_offset, to); });
}

Tensor decode_npy(std::span<const std::byte> file, const std::string& name) {
  const std::size_t head = std::min(file.size(), npy_header_limit);
  const NpyHeader header = parse_npy_header(file.first(head), file.size(), name);
  return load(header, [&](std::span<std::byte> to) {
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(header.data_offset), to.size(),
                to.begin());
  });
}

}  // namespace faltung::tools
