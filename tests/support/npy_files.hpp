#pragma once

#include <complex>
#include <cstddef>
#include <span>
#include <string>

#include <faltung/tensor.hpp>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/npy.hpp"

/// Files of the .npy format as text, and what the reader makes of them.
namespace faltung::test {

struct NumpyType {
  DType dtype;
  std::string code;
};
inline const NumpyType numpy_types[] = {
    {f16, "f2"}, {f32, "f4"}, {f64, "f8"}, {c64, "c8"}, {c128, "c16"}, {i8, "i1"}, {u8, "u1"},
    {i16, "i2"}, {u16, "u2"}, {i32, "i4"}, {u32, "u4"}, {i64, "i8"},   {u64, "u8"}};

/// A file as NumPy writes it: the dictionary padded with spaces and a newline to a multiple of 64.
inline std::string npy(int version, const std::string& dictionary, const std::string& payload) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  const std::size_t start = version == 1 ? 10 : 12;
  const std::size_t end = (start + dictionary.size() + 1 + 63) / 64 * 64;
  const std::size_t length = end - start;
  for (std::size_t i = 0; i < start - 8; ++i) file += static_cast<char>(length >> (8 * i) & 0xff);
  return file + dictionary + std::string(length - dictionary.size() - 1, ' ') + '\n' + payload;
}

inline std::string dictionary(const std::string& descr, bool fortran, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }";
}

inline Tensor decode(const std::string& file) {
  return tools::decode_npy(std::as_bytes(std::span(file)), "file.npy");
}

/// The message of the FileError, or "" if the file is read.
inline std::string refusal(const std::string& file) {
  try {
    (void)decode(file);
  } catch (const tools::FileError& error) {
    return error.what();
  }
  return "";
}

/// 2x3 elements 1 ... 6 of `dtype`, row-major; complex ones are (i, -i).
inline Tensor counting(DType dtype) {
  const Tensor numbers = Tensor::from<double>({1, 2, 3, 4, 5, 6}, {2, 3});
  Tensor result = compact_copy(numbers.view(), dtype);
  if (dtype == c64) {
    for (auto& value : result.values<std::complex<float>>()) value.imag(-value.real());
  } else if (dtype == c128) {
    for (auto& value : result.values<std::complex<double>>()) value.imag(-value.real());
  }
  return result;
}

inline std::string bytes_of(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.data()), tensor.bytes()};
}

}  // namespace faltung::test
