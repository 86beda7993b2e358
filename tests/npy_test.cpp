#include <gtest/gtest.h>
#include <sys/resource.h>

#include <bit>
#include <complex>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <faltung/tensor.hpp>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/npy.hpp"
#include "cpp/tools/io/npy_header.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace faltung::tools {
namespace {

struct NumpyType {
  DType dtype;
  std::string code;
};
const NumpyType numpy_types[] = {{f16, "f2"}, {f32, "f4"}, {f64, "f8"}, {c64, "c8"}, {c128, "c16"},
                                 {i8, "i1"},  {u8, "u1"},  {i16, "i2"}, {u16, "u2"}, {i32, "i4"},
                                 {u32, "u4"}, {i64, "i8"}, {u64, "u8"}};

/// A file as NumPy writes it: the dictionary padded with spaces and a newline to a multiple of 64.
std::string npy(int version, const std::string& dictionary, const std::string& payload) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  const std::size_t start = version == 1 ? 10 : 12;
  const std::size_t end = (start + dictionary.size() + 1 + 63) / 64 * 64;
  const std::size_t length = end - start;
  for (std::size_t i = 0; i < start - 8; ++i) file += static_cast<char>(length >> (8 * i) & 0xff);
  return file + dictionary + std::string(length - dictionary.size() - 1, ' ') + '\n' + payload;
}

std::string dictionary(const std::string& descr, bool fortran, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }";
}

Tensor decode(const std::string& file) {
  return decode_npy(std::as_bytes(std::span(file)), "file.npy");
}

/// The message of the FileError, or "" if the file is read.
std::string refusal(const std::string& file) {
  try {
    (void)decode(file);
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

/// 2x3 elements 1 ... 6 of `dtype`, row-major; complex ones are (i, -i).
Tensor counting(DType dtype) {
  const Tensor numbers = Tensor::from<double>({1, 2, 3, 4, 5, 6}, {2, 3});
  Tensor result = compact_copy(numbers.view(), dtype);
  if (dtype == c64) {
    for (auto& value : result.values<std::complex<float>>()) value.imag(-value.real());
  } else if (dtype == c128) {
    for (auto& value : result.values<std::complex<double>>()) value.imag(-value.real());
  }
  return result;
}

std::string bytes_of(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.data()), tensor.bytes()};
}

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

// What numpy.dtype makes of the text, NumPy 2.4; tests/cli/npy_test.py has the whole table.
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

TEST(Npy, RefusesOtherTypesWithTheWayOut) {
  const std::pair<std::string, std::string> cases[] = {{"<f16", "astype('float64')"},
                                                       {"<f12", "astype('float64')"},
                                                       {"<c32", "astype('complex128')"},
                                                       {"|O", "pickled"},
                                                       {"<M8[ns]", "astype('int64')"},
                                                       {"<m8[s]", "astype('int64')"},
                                                       {"<U5", "numeric"},
                                                       {"|S3", "numeric"},
                                                       {"<V2", "numeric"},
                                                       {"<i3", "the types read are"},
                                                       {"", "the types read are"},
                                                       {"<<f4", "the types read are"},
                                                       {"<f4 ", "the types read are"},
                                                       {"<float32", "the types read are"}};
  for (const auto& [descr, hint] : cases) {
    const std::string message =
        refusal(npy(1, dictionary(descr, false, "(2,)"), std::string(8, '\0')));
    EXPECT_NE(message, "") << descr;
    EXPECT_NE(message.find(hint), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
  EXPECT_NE(refusal(npy(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
                        std::string(8, '\0')))
                .find("structured"),
            std::string::npos);
}

TEST(Npy, RefusesBadHeaders) {
  const std::string data(8, '\0');
  for (const std::string text : {
           "",
           "{}",
           "{",
           "[]",
           "{'descr': '<f4', 'fortran_order': False}",
           "{'descr': '<f4', 'shape': (2,)}",
           "{'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'extra': 1}",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': [2]}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-0,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (+2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (02,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (0x2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2 1)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 2)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}",
           "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': false, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}}",
           "{'descr': '<f4', 'fortran_order': False 'shape': (2,)}",
           "{'descr' '<f4', 'fortran_order': False, 'shape': (2,)}",
           "{descr: '<f4', 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<f4, 'fortran_order': False, 'shape': (2,)}",
           "{'descr': __import__('os'), 'fortran_order': False, 'shape': (2,)}",
       }) {
    EXPECT_NE(refusal(npy(1, text, data)).find("file.npy: "), std::string::npos) << text;
  }
  const std::string good = npy(1, dictionary("<f4", false, "(2,)"), data);
  EXPECT_EQ(refusal(good), "");
  EXPECT_NE(refusal(npy(4, dictionary("<f4", false, "(2,)"), data)).find("version 4.0"),
            std::string::npos);
}

/// Files of every kind for the sweeps below.
std::vector<std::string> seeds() {
  std::vector<std::string> files;
  for (const auto& [dtype, code] : numpy_types) {
    const Tensor values = counting(dtype);
    const int version = static_cast<int>(files.size() % 3) + 1;
    const bool fortran = files.size() % 2 == 1;
    files.push_back(npy(version,
                        dictionary((size_of(dtype) == 1 ? "|" : "<") + code, fortran, "(2, 3)"),
                        bytes_of(values)));
  }
  return files;
}

TEST(Npy, RefusesTruncationAtEveryByte) {
  std::size_t cases = 0;
  for (const std::string& file : seeds()) {
    for (std::size_t length = 0; length < file.size(); ++length, ++cases) {
      const std::string message = refusal(file.substr(0, length));
      EXPECT_EQ(message.rfind("file.npy: byte ", 0), 0u) << length << ": " << message;
    }
  }
  RecordProperty("cases", static_cast<int>(cases));
  std::printf("%zu truncated files refused\n", cases);
}

TEST(Npy, RefusesOrReadsEveryBitFlipOfAHeader) {
  std::size_t refused = 0;
  std::size_t read = 0;
  for (const std::string& file : seeds()) {
    const std::size_t payload = file.size() - file.find('\n') - 1;
    for (std::size_t bit = 0; bit < 8 * (file.size() - payload); ++bit) {
      std::string flipped = file;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
      try {
        const Tensor tensor = decode(flipped);
        ++read;
        EXPECT_LE(tensor.bytes(), payload) << "bit " << bit;
      } catch (const FileError& error) {
        ++refused;
        EXPECT_EQ(std::string(error.what()).rfind("file.npy: ", 0), 0u);
      }
    }
  }
  // A flip that is read must still describe bytes that are there, as '<f4' and '>f4' do; few can.
  EXPECT_LT(read * 20, refused);
  std::printf("%zu bit flips refused, %zu read as another valid header\n", refused, read);
}

/// Headers that claim more than the file holds: sizes, products that wrap, header lengths.
std::vector<std::string> lying_headers() {
  std::vector<std::string> files;
  for (const std::string shape :
       {"(1000000,)", "(4294967296,)", "(4294967297,)", "(1099511627776,)",
        "(4611686018427387904,)", "(9223372036854775807,)", "(65536, 65536)",
        "(4294967296, 4294967296)", "(2147483648, 2147483648, 4)", "(3037000500, 3037000500)",
        "(0, 9223372036854775807, 2)", "(9223372036854775807, 2, 0)",
        "(256, 256, 256, 256, 256, 256, 256, 256)", "(3,)"}) {
    for (const std::string descr : {"|u1", "<f2", "<f4", "<f8", "<c8", "<c16"}) {
      files.push_back(npy(1, dictionary(descr, files.size() % 2 == 0, shape), ""));
    }
  }
  for (const std::uint32_t length : {0u, 1u, 40u, 0xffu, 0xffffu, 0x10000u, 0x7fffffffu,
                                     0x80000000u, 0xfffffff0u, 0xffffffffu}) {
    for (const int version : {2, 3}) {
      std::string file = npy(version, dictionary("<f4", false, "(0,)"), "");
      std::memcpy(file.data() + 8, &length, 4);
      files.push_back(file);
    }
  }
  return files;
}

TEST(Npy, LyingHeadersTakeNoMemory) {
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  const auto files = lying_headers();
  ASSERT_GE(files.size(), 100u);
  for (const std::string& file : files) {
    // The parser returns no memory, so what it refuses was not allocated.
    const auto bytes = std::as_bytes(std::span(file));
    EXPECT_THROW((void)parse_npy_header(bytes, bytes.size(), "file.npy"), FileError) << file;
    EXPECT_NE(refusal(file), "");
  }
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LE(after.ru_maxrss - before.ru_maxrss, 16 * 1024) << "KiB";
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
