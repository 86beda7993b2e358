// Files that the .npy reader must refuse, and that nothing in them costs memory or time.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <faltung/tensor.hpp>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/npy_header.hpp"
#include "tests/support/npy_files.hpp"

namespace faltung::tools {
namespace {

using test::bytes_of;
using test::counting;
using test::decode;
using test::dictionary;
using test::npy;
using test::numpy_types;
using test::refusal;

TEST(NpyRefusal, OfOtherTypesNamesTheWayOut) {
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

TEST(NpyRefusal, OfBadHeaders) {
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

TEST(NpyRefusal, OfTruncationAtEveryByte) {
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

TEST(NpyRefusal, OrReadingOfEveryBitFlipOfAHeader) {
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

TEST(NpyRefusal, OfLyingHeadersTakesNoMemory) {
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

}  // namespace
}  // namespace faltung::tools
