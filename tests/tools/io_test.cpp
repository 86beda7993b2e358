#include <fcntl.h>
#include <gtest/gtest.h>
#include <sndfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <faltung/tensor.hpp>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/io/png.hpp"
#include "cpp/tools/io/sound.hpp"
#include "cpp/tools/io/sound_format.hpp"
#include "tests/support/temporary_folder.hpp"

namespace faltung::tools {
namespace {

using Strings = std::vector<std::string>;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

template <typename F>
std::string refusal(F&& action) {
  try {
    action();
  } catch (const FileError& error) {
    return error.what();
  }
  return "";
}

TEST(OutputFile, AppearsOnCommitOnly) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("a");
  write_text(path, "old");
  {
    OutputFile file(path);
    file.write("new", 3);
    EXPECT_EQ(contents(path), "old");
  }
  EXPECT_EQ(contents(path), "old");
  EXPECT_EQ(folder.files(), Strings{"a"});
  OutputFile file(path);
  file.write("ne", 2);
  file.write("w", 1);
  file.commit();
  EXPECT_EQ(contents(path), "new");
  EXPECT_EQ(folder.files(), Strings{"a"});
}

TEST(OutputFile, KeepsSymbolicLinks) {
  const test::TemporaryFolder folder;
  write_text(folder.path("target"), "old");
  std::filesystem::create_symlink("target", folder.path("link"));
  OutputFile file(folder.path("link"));
  file.write("new", 3);
  file.commit();
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path("link")));
  EXPECT_EQ(contents(folder.path("target")), "new");
}

TEST(OutputFile, HonoursTheFileModeMask) {
  const test::TemporaryFolder folder;
  const mode_t old = umask(0027);
  OutputFile file(folder.path("a"));
  umask(old);
  file.commit();
  struct stat status {};
  ASSERT_EQ(stat(folder.path("a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(OutputFile, HandsOnTheModeOfWhatItReplaces) {
  const test::TemporaryFolder folder;
  for (const mode_t mode : {0600u, 0644u, 0751u}) {
    write_text(folder.path("a"), "old");
    ASSERT_EQ(chmod(folder.path("a").c_str(), mode), 0);
    OutputFile file(folder.path("a"));
    file.write("new", 3);
    file.commit();
    struct stat status {};
    ASSERT_EQ(stat(folder.path("a").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, mode);
    EXPECT_EQ(contents(folder.path("a")), "new");
  }
}

TEST(OutputFile, WritesDevicesAndDescriptorsAsTheyAre) {
  OutputFile null("/dev/null");
  null.write("x", 1);
  null.commit();
  const test::TemporaryFolder folder;
  const int file = open(folder.path("a").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(write(file, "head", 4), 4);
  OutputFile stream("/proc/self/fd/" + std::to_string(file));
  EXPECT_EQ(stream.ending(), "");
  stream.write("tail", 4);
  stream.commit();
  close(file);
  EXPECT_EQ(contents(folder.path("a")), "headtail");
}

TEST(OutputFile, KnowsItsEnding) {
  const test::TemporaryFolder folder;
  constexpr std::string_view endings[] = {".png", ".npy"};
  EXPECT_EQ(OutputFile(folder.path("a.PNG"), endings).ending(), ".png");
  const std::string message = refusal([&] { OutputFile file(folder.path("a.jpg"), endings); });
  EXPECT_NE(message.find("ending '.jpg'; the result is written to .png, .npy"), std::string::npos)
      << message;
  EXPECT_TRUE(folder.files().empty());
}

TEST(OutputFile, RefusesWhatItCannotReplace) {
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("d"));
  std::filesystem::create_symlink("nowhere", folder.path("dangling"));
  for (const std::string& path :
       {folder.path("d"), folder.path("missing/a"), folder.path("dangling"), folder.path("a/b"),
        folder.path(std::string(256, 'n'))}) {
    const std::string message = refusal([&] { OutputFile file(path); });
    EXPECT_EQ(message.rfind(path + ": cannot be ", 0), 0u) << message;
  }
  EXPECT_THROW(OutputFile(""), FileError);
  EXPECT_EQ(folder.files(), (Strings{"d", "dangling"}));
}

/// Reproducible samples of every value.
template <typename T>
Tensor noise(const Shape& shape) {
  Tensor samples(dtype_of<T>, shape);
  std::mt19937 random(7);
  for (T& sample : samples.values<T>()) sample = static_cast<T>(random());
  return samples;
}

std::vector<std::byte> bytes_of(const Tensor& tensor) {
  const auto* data = static_cast<const std::byte*>(tensor.data());
  return {data, data + tensor.bytes()};
}

TEST(Png, SamplesSurviveTheRoundTrip) {
  for (const std::int64_t channels : {1, 2, 3, 4}) {
    for (const bool wide : {false, true}) {
      const Shape shape{5, 7, channels};
      const Tensor samples = wide ? noise<std::uint16_t>(shape) : noise<std::uint8_t>(shape);
      const Tensor read = decode_png(encode_png(samples, "a.png"), "a.png");
      EXPECT_EQ(read.dtype(), samples.dtype());
      EXPECT_EQ(read.shape(), shape);
      EXPECT_EQ(bytes_of(read), bytes_of(samples)) << channels << " channels";
    }
  }
}

TEST(Png, RefusesShapesThatPngLacks) {
  EXPECT_THROW((void)encode_png(Tensor::zeros(u8, {2, 2}), "a"), FileError);
  EXPECT_THROW((void)encode_png(Tensor::zeros(u8, {2, 2, 5}), "a"), FileError);
  EXPECT_THROW((void)encode_png(Tensor::zeros(u8, {0, 2, 1}), "a"), FileError);
  EXPECT_THROW((void)encode_png(Tensor::zeros(f32, {2, 2, 1}), "a"), FileError);
}

// A 2x2 picture with a palette of red, green, blue and half-transparent white, 2 bits per pixel.
TEST(Png, ExpandsPalettesAndTransparency) {
  const unsigned char file[] = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48,
      0x44, 0x52, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x02, 0x02, 0x03, 0x00, 0x00,
      0x00, 0x0f, 0xd8, 0xe5, 0xb7, 0x00, 0x00, 0x00, 0x0c, 0x50, 0x4c, 0x54, 0x45, 0xff,
      0x00, 0x00, 0x00, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xfb, 0x00, 0x60,
      0xf6, 0x00, 0x00, 0x00, 0x04, 0x74, 0x52, 0x4e, 0x53, 0xff, 0xff, 0xff, 0x80, 0xad,
      0x92, 0x2a, 0xd4, 0x00, 0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63,
      0x10, 0x60, 0xd8, 0x00, 0x00, 0x00, 0xe4, 0x00, 0xc1, 0x27, 0xa8, 0xe8, 0x57, 0x00,
      0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  const Tensor read = decode_png(std::as_bytes(std::span(file)), "palette.png");
  ASSERT_EQ(read.shape(), (Shape{2, 2, 4}));
  const std::vector<std::uint8_t> expected = {255, 0, 0,   255, 0,   255, 0,   255,
                                              0,   0, 255, 255, 255, 255, 255, 128};
  const auto values = read.values<std::uint8_t>();
  EXPECT_EQ(std::vector<std::uint8_t>(values.begin(), values.end()), expected);
}

TEST(Png, CountsTheBytesBehindThePicture) {
  auto file = encode_png(noise<std::uint8_t>({9, 11, 3}), "a");
  const Tensor expected = decode_png(file, "a.png");
  file.resize(file.size() + 7);
  std::size_t trailing = 0;
  const Tensor read = decode_png(file, "a.png", &trailing);
  EXPECT_EQ(trailing, 7u);
  EXPECT_EQ(bytes_of(read), bytes_of(expected));
}

TEST(Png, RefusesTruncationAtEveryByte) {
  const auto file = encode_png(noise<std::uint8_t>({9, 11, 3}), "a");
  for (std::size_t length = 0; length < file.size(); ++length) {
    const auto part = std::span(file).first(length);
    const std::string message = refusal([&] { (void)decode_png(part, "a.png"); });
    EXPECT_EQ(message.rfind("a.png: ", 0), 0u) << length << ": " << message;
  }
}

// Every byte of the samples is under a checksum, so only few flips can be harmless: those in the
// type or checksum of chunks that may be skipped.
TEST(Png, BitFlipsNeverCrash) {
  const auto file = encode_png(noise<std::uint8_t>({3, 4, 2}), "a");
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    auto flipped = file;
    flipped[bit / 8] ^= std::byte{1} << bit % 8;
    refused += refusal([&] { (void)decode_png(flipped, "a.png"); }).empty() ? 0 : 1;
  }
  EXPECT_GT(refused * 10, 8 * file.size() * 9);
}

/// A PNG signature and an IHDR with a right checksum, and nothing behind.
std::vector<std::byte> lying_png(std::uint32_t width, std::uint32_t height) {
  std::vector<unsigned char> chunk = {'I', 'H', 'D', 'R'};
  for (const std::uint32_t side : {width, height}) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      chunk.push_back(static_cast<unsigned char>(side >> shift));
    }
  }
  chunk.insert(chunk.end(), {16, 6, 0, 0, 0});
  std::uint32_t crc = 0xffffffffu;
  for (const unsigned char byte : chunk) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
  }
  std::vector<unsigned char> file = {0x89, 'P', 'N', 'G', 13, 10, 26, 10, 0, 0, 0, 13};
  file.insert(file.end(), chunk.begin(), chunk.end());
  for (int shift = 24; shift >= 0; shift -= 8) {
    file.push_back(static_cast<unsigned char>(~crc >> shift));
  }
  const unsigned char data[] = {0, 0, 0, 1, 'I', 'D', 'A', 'T', 0x78};
  file.insert(file.end(), std::begin(data), std::end(data));
  const auto bytes = std::as_bytes(std::span(file));
  return {bytes.begin(), bytes.end()};
}

TEST(Png, LyingSizesTakeNoMemory) {
  for (const auto& [width, height] : {std::pair{1000000u, 1000000u},
                                      {60000u, 60000u},
                                      {0x7fffffffu, 0x7fffffffu},
                                      {0xffffffffu, 1u},
                                      {0u, 1u}}) {
    const auto file = lying_png(width, height);
    EXPECT_NE(refusal([&] { (void)decode_png(file, "a.png"); }), "") << width << "x" << height;
  }
  const auto file = lying_png(60000, 60000);
  EXPECT_NE(refusal([&] { (void)decode_png(file, "a.png"); }).find("60000 x 60000"),
            std::string::npos);
}

Sound tone(int format, std::int64_t channels, std::int64_t frames) {
  Sound sound{Tensor(f64, {channels, frames}), 44100, format};
  std::mt19937 random(11);
  for (double& sample : sound.samples.values<double>()) {
    sample = std::uniform_real_distribution<double>(-0.99, 0.99)(random);
  }
  return sound;
}

void write(const std::string& path, const Sound& sound) {
  OutputFile file(path);
  write_sound(file, sound);
  file.commit();
}

// Reading gives s / 2^(b-1) exactly, so what was read once is written back bit for bit.
TEST(Sound, SamplesSurviveTheRoundTrip) {
  const test::TemporaryFolder folder;
  struct Case {
    std::string name;
    int format;
    double step;  ///< half of it is how far a sample may move when it is first written
  };
  for (const Case& c : {Case{"8.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 0x1p-7},
                        Case{"16.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 0x1p-15},
                        Case{"24.wav", SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 0x1p-23},
                        Case{"32.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_32, 0x1p-31},
                        Case{"f.wav", SF_FORMAT_WAV | SF_FORMAT_FLOAT, 0x1p-23},
                        Case{"d.wav", SF_FORMAT_WAV | SF_FORMAT_DOUBLE, 0},
                        Case{"16.aiff", SF_FORMAT_AIFF | SF_FORMAT_PCM_16, 0x1p-15},
                        Case{"24.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 0x1p-23}}) {
    for (const std::int64_t channels : {1, 2, 5}) {
      const Sound sound = tone(c.format, channels, 70001);
      write(folder.path(c.name), sound);
      const Sound read = read_sound(folder.path(c.name));
      EXPECT_EQ(read.rate, 44100);
      ASSERT_EQ(read.samples.shape(), sound.samples.shape()) << c.name;
      const auto before = sound.samples.values<double>();
      const auto after = read.samples.values<double>();
      for (std::size_t i = 0; i < before.size(); ++i) {
        ASSERT_LE(std::abs(before[i] - after[i]), c.step / 2) << c.name << " sample " << i;
      }
      write(folder.path("again" + c.name), read);
      EXPECT_EQ(bytes_of(read_sound(folder.path("again" + c.name)).samples), bytes_of(read.samples))
          << c.name;
    }
  }
}

TEST(Sound, IntegerSamplesSaturate) {
  const test::TemporaryFolder folder;
  Sound sound = tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1, 4);
  const double values[] = {1.0, -1.0, 7.5, -7.5};
  std::copy(std::begin(values), std::end(values), sound.samples.values<double>().begin());
  write(folder.path("a.wav"), sound);
  const Sound read = read_sound(folder.path("a.wav"));
  const auto samples = read.samples.values<double>();
  EXPECT_EQ(samples[0], 32767.0 / 32768);
  EXPECT_EQ(samples[1], -1.0);
  EXPECT_EQ(samples[2], 32767.0 / 32768);
  EXPECT_EQ(samples[3], -1.0);
}

TEST(Sound, ChoosesTheContainerByTheEnding) {
  const auto format = [](const std::string& ending, const Sound& like,
                         const std::string& samples = "auto") {
    return sound_format("a" + ending, ending, samples, like);
  };
  const Sound pcm = tone(SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 1, 4);
  EXPECT_EQ(format(".flac", pcm), SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
  EXPECT_EQ(format(".wav", pcm), SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  EXPECT_EQ(format(".aif", pcm), SF_FORMAT_AIFF | SF_FORMAT_PCM_16);
  const Sound bytes = tone(SF_FORMAT_WAV | SF_FORMAT_PCM_U8, 1, 4);
  EXPECT_EQ(format(".flac", bytes), SF_FORMAT_FLAC | SF_FORMAT_PCM_S8);
  EXPECT_THROW((void)format(".mp3", pcm), FileError);
  EXPECT_EQ(format("", pcm), SF_FORMAT_WAV | SF_FORMAT_PCM_16);
  const Sound real = tone(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 1, 4);
  EXPECT_EQ(format(".wav", real), real.format);
  EXPECT_EQ(format(".flac", real), SF_FORMAT_FLAC | SF_FORMAT_PCM_24);
  EXPECT_THROW((void)format(".flac", real, "float"), InvalidProblem);
  EXPECT_EQ(format(".wav", pcm, "double"), SF_FORMAT_WAV | SF_FORMAT_DOUBLE);
  EXPECT_EQ(format(".aif", pcm, "pcm8"), SF_FORMAT_AIFF | SF_FORMAT_PCM_S8);
  const Sound wide = tone(SF_FORMAT_WAV | SF_FORMAT_PCM_32, 1, 4);
  EXPECT_EQ(format(".flac", wide), SF_FORMAT_FLAC | SF_FORMAT_PCM_24);
  for (const int compressed :
       {SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_OGG | SF_FORMAT_OPUS,
        SF_FORMAT_CAF | SF_FORMAT_ALAC_16, SF_FORMAT_WAV | SF_FORMAT_IMA_ADPCM}) {
    const Sound sound{Tensor(f64, {1, 4}), 44100, compressed};
    EXPECT_EQ(format(".flac", sound), SF_FORMAT_FLAC | SF_FORMAT_PCM_16);
  }
  EXPECT_EQ(format(".flac", {Tensor(f64, {1, 4}), 44100, SF_FORMAT_CAF | SF_FORMAT_ALAC_24}),
            SF_FORMAT_FLAC | SF_FORMAT_PCM_24);
  EXPECT_EQ(format(".ogg", pcm), SF_FORMAT_OGG | SF_FORMAT_VORBIS);
}

TEST(Sound, RefusesDamagedFiles) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("a.wav");
  EXPECT_THROW((void)read_sound(folder.path("missing.wav")), FileError);
  EXPECT_THROW((void)read_sound("/dev/zero"), FileError);
  write_text(path, "RIFF no sound");
  EXPECT_NE(refusal([&] { (void)read_sound(path); }).find("not a sound file"), std::string::npos);
  Sound sound = tone(SF_FORMAT_WAV | SF_FORMAT_FLOAT, 2, 10);
  sound.samples.values<double>()[13] = std::nan("");
  write(path, sound);
  EXPECT_NE(refusal([&] { (void)read_sound(path); }).find("frame 3, channel 1"), std::string::npos);
}

// A cut file is refused wherever the cut is, but for one inside the last chunk's padding.
TEST(Sound, TruncationIsSeenAtEveryByte) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("a.wav");
  write(path, tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2, 40));
  const std::string file = contents(path);
  for (std::size_t length = 0; length < file.size(); ++length) {
    write_text(path, file.substr(0, length));
    EXPECT_NE(refusal([&] { (void)read_sound(path); }), "") << length;
  }
}

TEST(Sound, TruncatedRecordingsCanBeAccepted) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path("a.wav");
  write(path, tone(SF_FORMAT_WAV | SF_FORMAT_PCM_16, 2, 40));
  const std::string file = contents(path);
  write_text(path, file.substr(0, file.size() - 41));
  EXPECT_NE(refusal([&] { (void)read_sound(path); }).find("claims 40 frames and holds 29"),
            std::string::npos);
  EXPECT_EQ(read_sound(path, Truncated::accepted).samples.shape(), (Shape{2, 29}));
}

}  // namespace
}  // namespace faltung::tools
