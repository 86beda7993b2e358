#include <fmt/format.h>

#include <bit>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/output_file.hpp"

namespace faltung::tools {
namespace {

std::string descr(DType dtype) {
  const char kind = is_complex(dtype)    ? 'c'
                    : !is_integer(dtype) ? 'f'
                    : is_signed(dtype)   ? 'i'
                                         : 'u';
  const char native = std::endian::native == std::endian::little ? '<' : '>';
  return fmt::format("{}{}{}", size_of(dtype) == 1 ? '|' : native, kind, size_of(dtype));
}

/// Magic, version, length and dictionary, padded so that the elements start at a multiple of 64.
std::string header(DType dtype, const Shape& shape) {
  std::string extents;
  for (const std::int64_t extent : shape) extents += fmt::format("{}, ", extent);
  if (shape.size() > 1) extents.resize(extents.size() - 2);
  if (shape.size() == 1) extents.pop_back();  // Python writes one extent as (3,)
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                 descr(dtype), extents);
  const std::size_t start = 10;
  text.resize((start + text.size() + 1 + 63) / 64 * 64 - start - 1, ' ');
  text += '\n';
  const auto length = static_cast<unsigned>(text.size());
  std::string prefix = "\x93NUMPY\x01";
  prefix += '\0';
  prefix += static_cast<char>(length & 0xffu);
  prefix += static_cast<char>(length >> 8);
  return prefix + text;
}

}  // namespace

void write_npy(OutputFile& file, const ConstTensorView& array) {
  if (array.dtype == bf16) {
    throw FileError(file.path(), "cannot be written: .npy has no type for bf16; convert to f32");
  }
  const Tensor copy = is_compact(array) ? Tensor() : compact_copy(array, array.dtype);
  const std::string start = header(array.dtype, array.shape);
  file.write(start.data(), start.size());
  file.write(is_compact(array) ? array.data : copy.data(),
             static_cast<std::size_t>(element_count(array.shape)) * size_of(array.dtype));
}

}  // namespace faltung::tools
