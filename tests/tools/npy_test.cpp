#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <faltung/tensor.hpp>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/npy_header.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "tests/support/npy_files.hpp"
#include "tests/support/temporary_folder.hpp"

namespace faltung::tools {
namespace {

using test::bytes_of;
using test::counting;
using test::decode;
using test::dictionary;
using test::npy;
using test::numpy_types;
using test::refusal;

std::string big_endian(std::string bytes, DType dtype) {
  const std::size_t width = is_complex(dtype) ? size_of(dtype) / 2 : size_of(dtype);
  for (std::size_t i = 0; i < bytes.size(); i += width) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + width));
  }
  return bytes;
}

/// The same 2x3 elements with the first index fastest.
std::string column_major(const Tensor& rows) {
  const std::string bytes = bytes_of(rows);
  const std::size_t size = size_of(rows.dtype());
  std::string result;
  for (const std::size_t i : {0, 3, 1, 4, 2, 5}) result += bytes.substr(i * size, size);
  return result;
}

void write(const std::string& path, const ConstTensorView& array) {
  OutputFile file(path);
  write_npy(file, array);
  file.commit();
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Npy, ReadsEveryTypeOrderEndiannessAndVersion) {
  for (const auto& [dtype, code] : numpy_types) {
    const Tensor expected = counting(dtype);
    for (const int version : {1, 2, 3}) {
      for (const bool fortran : {false, true}) {
        const std::string payload = fortran ? column_major(expected) : bytes_of(expected);
        for (const char order : size_of(dtype) == 1 ? std::string("|<>") : std::string("<>")) {
          SCOPED_TRACE(std::string(1, order) + code + " version " + std::to_string(version) +
                       (fortran ? " Fortran" : " C"));
          const Tensor read = decode(npy(version, dictionary(order + code, fortran, "(2, 3)"),
                                         order == '>' ? big_endian(payload, dtype) : payload));
          EXPECT_EQ(read.dtype(), dtype);
          EXPECT_EQ(read.shape(), (Shape{2, 3}));
          EXPECT_EQ(bytes_of(read), bytes_of(expected));
        }
      }
    }
  }
}

TEST(Npy, WritesWhatItReads) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("a.npy");
  for (const auto& [dtype, code] : numpy_types) {
    const Tensor expected = counting(dtype);
    write(path, expected);
    const Tensor read = read_npy(path);
    EXPECT_EQ(read.dtype(), dtype);
    EXPECT_EQ(read.shape(), expected.shape());
    EXPECT_EQ(bytes_of(read), bytes_of(expected)) << code;
  }
  for (const Shape& shape :
       {Shape{}, Shape{1}, Shape{0}, Shape{3, 0, 2}, Shape{1, 1, 1, 1, 1, 1, 1, 2}}) {
    const Tensor expected = Tensor::zeros(f32, shape);
    write(path, expected);
    EXPECT_EQ(read_npy(path).shape(), shape);
  }
}

TEST(Npy, WritesTheBytesThatNumpyWrites) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("a.npy");
  const Tensor one = Tensor::from<float>({1, 2, 3}, {3});
  write(path, one);
  EXPECT_EQ(contents(path), npy(1, dictionary("<f4", false, "(3,)"), bytes_of(one)));
  const Tensor scalar = Tensor::from<std::uint8_t>({7}, {});
  write(path, scalar);
  EXPECT_EQ(contents(path), npy(1, dictionary("|u1", false, "()"), "\x07"));
  const Tensor matrix = counting(c128);
  write(path, matrix);
  EXPECT_EQ(contents(path), npy(1, dictionary("<c16", false, "(2, 3)"), bytes_of(matrix)));
}

TEST(Npy, WritesStridedViewsAndRefusesBf16) {
  const test::TemporaryFolder folder;
  const Tensor rows = counting(f32);
  ConstTensorView columns = rows.view();
  columns.shape = {3, 2};
  columns.strides = {1, 3};
  write(folder.path("a.npy"), columns);
  EXPECT_EQ(bytes_of(read_npy(folder.path("a.npy"))), column_major(rows));
  EXPECT_THROW(write(folder.path("b.npy"), counting(bf16)), FileError);
  EXPECT_EQ(folder.files(), std::vector<std::string>{"a.npy"});
}

TEST(Npy, AcceptsWhatTheFormatAllows) {
  const std::string data(8, '\0');
  for (const std::string text :
       {"{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}",     // any order, no last comma
        R"({"descr": "<f4", "fortran_order": False, "shape": (2,)})",  // other quotes
        "{'descr':'<f4','fortran_order':False,'shape':(2,),}",         // no spaces
        "{ 'descr' : '<f4' , 'fortran_order' : True , 'shape' : ( 2 , ) , }",
        "{\n'descr':\t'<f4',\r\n'fortran_order': False, 'shape': (2,)}\n",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2L,), }"}) {  // Python 2
    EXPECT_EQ(refusal(npy(1, text, data)), "") << text;
  }
  std::string no_newline = npy(1, dictionary("<f4", false, "(2,)"), data);
  no_newline[127] = ' ';
  EXPECT_EQ(refusal(no_newline), "");
}

// numpy.load reads the first array of a file and ignores what follows.
TEST(Npy, CountsTheBytesBehindTheArray) {
  const std::string file = npy(1, dictionary("<f4", false, "(2,)"), std::string(8, '\1'));
  for (const std::size_t more : {1, 8, 136}) {
    const std::string longer = file + std::string(more, 'x');
    const auto bytes = std::as_bytes(std::span(longer));
    EXPECT_EQ(parse_npy_header(bytes, bytes.size(), "file.npy").trailing_bytes, more);
    EXPECT_EQ(bytes_of(decode(longer)), std::string(8, '\1'));
  }
}

// What numpy.dtype makes of the text, NumPy 2.4; tests/tools/cli/npy_test.py has the whole table.
TEST(Npy, ReadsTypesWithoutByteOrderAndByName) {
  const std::pair<std::string, DType> cases[] = {
      {"f8", f64}, {"=f8", f64},     {"|f8", f64},    {"|i4", i32},     {"d", f64},
      {">d", f64}, {"float64", f64}, {"double", f64}, {"uint16", u16},  {"|b1", u8},
      {"?", u8},   {"bool", u8},     {"long", i64},   {"complex", c128}};
  for (const auto& [descr, dtype] : cases) {
    const Tensor expected = counting(dtype);
    const std::string payload = bytes_of(expected);
    const Tensor read = decode(npy(1, dictionary(descr, false, "(2, 3)"),
                                   descr[0] == '>' ? big_endian(payload, dtype) : payload));
    EXPECT_EQ(read.dtype(), dtype) << descr;
    EXPECT_EQ(bytes_of(read), payload) << descr;
  }
}

TEST(Npy, NamesFilesThatCannotBeRead) {
  const test::TemporaryFolder folder;
  EXPECT_THROW((void)read_npy(folder.path("missing.npy")), FileError);
  EXPECT_THROW((void)read_npy(folder.path("")), FileError);
  EXPECT_THROW((void)read_npy(folder.path(".")), FileError);
  EXPECT_THROW((void)read_npy("/dev/zero"), FileError);
}

TEST(Npy, ReadsPipes) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  // More than a pipe holds at once.
  const std::string payload(1 << 20, '\7');
  const std::string file = npy(1, dictionary("|u1", false, "(1048576,)"), payload);
  std::thread writer([&] { std::ofstream(path, std::ios::binary) << file; });
  const Tensor read = read_npy(path);
  writer.join();
  EXPECT_EQ(bytes_of(read), payload);
}

}  // namespace
}  // namespace faltung::tools
