#include "cpp/tools/io/sound.hpp"

#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "cpp/tools/io/atomic_file.hpp"
#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/input_file.hpp"

namespace faltung::tools {
namespace {

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundFile = std::unique_ptr<SNDFILE, Close>;

/// A file in memory for libsndfile, which does not report every error of the system's calls.
struct Memory {
  std::vector<std::byte> bytes;
  std::size_t position = 0;
  bool full = false;  ///< memory ran out; no exception may pass through libsndfile
};

sf_count_t length(void* user) {
  return static_cast<sf_count_t>(static_cast<Memory*>(user)->bytes.size());
}

sf_count_t tell(void* user) {
  return static_cast<sf_count_t>(static_cast<Memory*>(user)->position);
}

sf_count_t seek(sf_count_t offset, int whence, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? tell(user) : length(user);
  sf_count_t target = 0;
  if (__builtin_add_overflow(base, offset, &target) || target < 0) return -1;
  memory.position = static_cast<std::size_t>(target);
  return target;
}

sf_count_t read(void* target, sf_count_t count, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  if (count <= 0 || memory.position >= memory.bytes.size()) return 0;
  const std::size_t left = memory.bytes.size() - memory.position;
  const std::size_t bytes = std::min(static_cast<std::size_t>(count), left);
  std::memcpy(target, memory.bytes.data() + memory.position, bytes);
  memory.position += bytes;
  return static_cast<sf_count_t>(bytes);
}

sf_count_t write(const void* source, sf_count_t count, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  const auto bytes = static_cast<std::size_t>(std::max<sf_count_t>(0, count));
  try {
    const std::size_t end = memory.position + bytes;
    if (end > memory.bytes.size()) memory.bytes.resize(end);
  } catch (const std::exception&) {
    memory.full = true;
    return 0;
  }
  std::memcpy(memory.bytes.data() + memory.position, source, bytes);
  memory.position += bytes;
  return count;
}

SoundFile open_memory(Memory& memory, int mode, SF_INFO& info) {
  SF_VIRTUAL_IO calls{length, seek, read, write, tell};
  return SoundFile(sf_open_virtual(&calls, mode, &info, &memory));
}

/// Interleaved samples; the length grows with what is really there, not with the header's claim.
std::vector<double> read_frames(SNDFILE* file, std::size_t channels) {
  constexpr std::size_t block = 65536;
  std::vector<double> samples;
  for (;;) {
    const std::size_t start = samples.size();
    samples.resize(start + block * channels);
    const sf_count_t got = sf_readf_double(file, samples.data() + start, block);
    samples.resize(start + static_cast<std::size_t>(std::max<sf_count_t>(0, got)) * channels);
    if (got < static_cast<sf_count_t>(block)) return samples;
  }
}

/// Rows become columns: [a, b] -> [b, a].
Tensor transposed(const ConstTensorView& matrix) {
  const ConstTensorView view{matrix.data, matrix.dtype, Shape{matrix.shape[1], matrix.shape[0]},
                             Strides{1, matrix.shape[1]}, matrix.device};
  return compact_copy(view, matrix.dtype);
}

/// Bits of linear integer samples; 0 for every other sample format.
int pcm_bits(int format) {
  switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_S8:
    case SF_FORMAT_PCM_U8:
      return 8;
    case SF_FORMAT_PCM_16:
      return 16;
    case SF_FORMAT_PCM_24:
      return 24;
    case SF_FORMAT_PCM_32:
      return 32;
    default:
      return 0;
  }
}

/// libsndfile's own conversion scales by 2^(b-1) - 1 where reading divides by 2^(b-1), so a
/// recording would not survive a round trip; this one is the inverse of reading.
std::vector<int> quantised(std::span<const double> samples, int bits) {
  const double scale = std::ldexp(1.0, bits - 1);
  std::vector<int> result(samples.size());
  std::transform(samples.begin(), samples.end(), result.begin(), [&](double value) {
    const double rounded = std::clamp(std::nearbyint(value * scale), -scale, scale - 1);
    // libsndfile takes integers of all widths left-justified in 32 bits.
    return static_cast<int>(static_cast<std::int64_t>(rounded) * (std::int64_t{1} << (32 - bits)));
  });
  return result;
}

int container_of(const std::string& path, int like) {
  std::string ending = std::filesystem::path(path).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (ending == ".flac") return SF_FORMAT_FLAC;
  if (ending == ".aif" || ending == ".aiff") return SF_FORMAT_AIFF;
  if (ending != ".wav") {
    throw FileError(path, fmt::format("cannot be written: ending '{}'; sound is written to .wav, "
                                      ".flac, .aif or .aiff",
                                      ending));
  }
  const bool wav = like == SF_FORMAT_WAV || like == SF_FORMAT_WAVEX || like == SF_FORMAT_RF64;
  return wav ? like : SF_FORMAT_WAV;
}

/// WAV counts its bytes in 32 bits; RF64 is the same with 64.
int container_for_length(int format, double samples) {
  const int container = format & SF_FORMAT_TYPEMASK;
  const bool wav = container == SF_FORMAT_WAV || container == SF_FORMAT_WAVEX;
  // 8 bytes are the most a sample takes.
  if (!wav || samples * 8 < 4e9) return format;
  return SF_FORMAT_RF64 | (format & SF_FORMAT_SUBMASK);
}

}  // namespace

Sound read_sound(const std::string& path) {
  Memory memory{InputFile(path).read_all()};
  SF_INFO info{};
  const SoundFile file = open_memory(memory, SFM_READ, info);
  if (!file) throw FileError(path, fmt::format("not a sound file: {}", sf_strerror(nullptr)));
  const auto channels = static_cast<std::size_t>(info.channels);
  const std::vector<double> frames = read_frames(file.get(), channels);
  if (sf_error(file.get()) != SF_ERR_NO_ERROR) throw FileError(path, sf_strerror(file.get()));
  const auto count = static_cast<std::int64_t>(frames.size() / channels);
  if (count == 0) throw FileError(path, "holds no samples");
  if (count < info.frames && info.frames != SF_COUNT_MAX) {
    throw FileError(
        path, fmt::format("is cut short: it claims {} frames and holds {}", info.frames, count));
  }
  const auto bad = std::find_if(frames.begin(), frames.end(),
                                [](double value) { return !std::isfinite(value); });
  if (bad != frames.end()) {
    const auto index = static_cast<std::size_t>(bad - frames.begin());
    throw FileError(path, fmt::format("frame {}, channel {}: the sample is not finite",
                                      index / channels, index % channels));
  }
  return {transposed(view(frames.data(), {count, info.channels})), info.samplerate, info.format};
}

int sound_format(const std::string& path, const Sound& like) {
  const int container = container_of(path, like.format & SF_FORMAT_TYPEMASK);
  SF_INFO info{};
  info.samplerate = like.rate;
  info.channels = static_cast<int>(like.samples.shape()[0]);
  info.format = container | (like.format & SF_FORMAT_SUBMASK);
  // AIFF and FLAC know only signed bytes, WAV only unsigned ones.
  const int bytes = container == SF_FORMAT_FLAC || container == SF_FORMAT_AIFF ? SF_FORMAT_PCM_S8
                                                                               : SF_FORMAT_PCM_U8;
  if (pcm_bits(info.format) == 8) info.format = container | bytes;
  if (sf_format_check(&info) == 0) {
    throw FileError(path,
                    "cannot be written: this container does not take the dry recording's "
                    "sample format or channels; use .wav");
  }
  return info.format;
}

void write_sound(AtomicFile& file, const Sound& sound) {
  SF_INFO info{};
  info.samplerate = sound.rate;
  info.channels = static_cast<int>(sound.samples.shape()[0]);
  info.format = container_for_length(sound.format, static_cast<double>(sound.samples.size()));
  const Tensor interleaved = transposed(sound.samples.view());
  const auto values = interleaved.values<double>();
  const auto frames = static_cast<sf_count_t>(interleaved.shape()[0]);
  Memory memory;
  SoundFile output = open_memory(memory, SFM_WRITE, info);
  if (!output)
    throw FileError(file.path(), fmt::format("cannot be written: {}", sf_strerror(nullptr)));
  const int bits = pcm_bits(sound.format);
  const sf_count_t written =
      bits > 0 ? sf_writef_int(output.get(), quantised(values, bits).data(), frames)
               : sf_writef_double(output.get(), values.data(), frames);
  if (written != frames) {
    if (memory.full) throw std::bad_alloc();
    throw FileError(file.path(), fmt::format("cannot be written: {}", sf_strerror(output.get())));
  }
  output.reset();  // completes the header
  if (memory.full) throw std::bad_alloc();
  file.write(memory.bytes.data(), memory.bytes.size());
}

}  // namespace faltung::tools
