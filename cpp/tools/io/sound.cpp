#include "cpp/tools/io/sound.hpp"

#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <vector>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/input_file.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/io/sound_format.hpp"
#include "cpp/tools/io/sound_length.hpp"
#include "cpp/tools/io/warning.hpp"

namespace faltung::tools {
namespace {

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundFile = std::unique_ptr<SNDFILE, Close>;

/// Frames on their way between libsndfile and a Tensor. Its Vorbis encoder keeps a block on the
/// stack, so blocks are short.
constexpr std::int64_t block_frames = 4096;

/// What libsndfile reads from or writes to; it does not report every error of the system's calls,
/// and no exception may pass through it.
struct Medium {
  const InputFile* source = nullptr;
  std::vector<std::byte> written;
  std::size_t position = 0;
  std::exception_ptr failure;
};

sf_count_t length(void* user) {
  const auto& medium = *static_cast<Medium*>(user);
  return static_cast<sf_count_t>(medium.source != nullptr ? medium.source->size()
                                                          : medium.written.size());
}

sf_count_t tell(void* user) {
  return static_cast<sf_count_t>(static_cast<Medium*>(user)->position);
}

sf_count_t seek(sf_count_t offset, int whence, void* user) {
  auto& medium = *static_cast<Medium*>(user);
  const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? tell(user) : length(user);
  sf_count_t target = 0;
  if (__builtin_add_overflow(base, offset, &target) || target < 0) return -1;
  medium.position = static_cast<std::size_t>(target);
  return target;
}

sf_count_t read(void* target, sf_count_t count, void* user) {
  auto& medium = *static_cast<Medium*>(user);
  const auto size = static_cast<std::size_t>(length(user));
  if (count <= 0 || medium.position >= size) return 0;
  const std::size_t bytes = std::min(static_cast<std::size_t>(count), size - medium.position);
  try {
    const std::span<std::byte> to(static_cast<std::byte*>(target), bytes);
    if (medium.source != nullptr) {
      medium.source->read(medium.position, to);
    } else {
      std::memcpy(target, medium.written.data() + medium.position, bytes);
    }
  } catch (...) {
    medium.failure = std::current_exception();
    return 0;
  }
  medium.position += bytes;
  return static_cast<sf_count_t>(bytes);
}

sf_count_t write(const void* source, sf_count_t count, void* user) {
  auto& medium = *static_cast<Medium*>(user);
  const auto bytes = static_cast<std::size_t>(std::max<sf_count_t>(0, count));
  try {
    const std::size_t end = medium.position + bytes;
    if (end > medium.written.size()) medium.written.resize(end);
  } catch (...) {
    medium.failure = std::current_exception();
    return 0;
  }
  std::memcpy(medium.written.data() + medium.position, source, bytes);
  medium.position += bytes;
  return count;
}

SoundFile open_medium(Medium& medium, int mode, SF_INFO& info) {
  SF_VIRTUAL_IO calls{length, seek, read, write, tell};
  return SoundFile(sf_open_virtual(&calls, mode, &info, &medium));
}

void rethrow(const Medium& medium) {
  if (medium.failure) std::rethrow_exception(medium.failure);
}

/// The first frames of every channel with room for `frames` of them.
Tensor with_room(const Tensor& samples, std::int64_t frames) {
  Tensor result(f64, {samples.shape()[0], frames});
  const std::int64_t kept = std::min(frames, samples.shape()[1]);
  for (std::int64_t c = 0; c < samples.shape()[0]; ++c) {
    std::copy_n(samples.values<double>().begin() + c * samples.shape()[1], kept,
                result.values<double>().begin() + c * frames);
  }
  return result;
}

/// [channels, frames]. What the header claims is room, which costs nothing until it is filled; the
/// length is what is really there.
Tensor read_frames(SNDFILE* file, std::int64_t channels, std::int64_t claimed) {
  Tensor samples(f64, {channels, std::max(claimed, block_frames)});
  std::vector<double> block(static_cast<std::size_t>(block_frames * channels));
  std::int64_t count = 0;
  for (;;) {
    const sf_count_t got = sf_readf_double(file, block.data(), block_frames);
    if (got <= 0) break;
    if (count + got > samples.shape()[1]) samples = with_room(samples, 2 * (count + got));
    const auto target = samples.values<double>();
    for (std::int64_t c = 0; c < channels; ++c) {
      double* row = target.data() + c * samples.shape()[1] + count;
      for (std::int64_t i = 0; i < got; ++i) {
        row[i] = block[static_cast<std::size_t>(i * channels + c)];
      }
    }
    count += got;
  }
  return count == samples.shape()[1] ? std::move(samples) : with_room(samples, count);
}

/// No format packs more frames into a byte: FLAC takes about ten bytes for 65535 equal ones. What
/// claims more lies, and no memory is taken for it.
std::int64_t believable_frames(const SF_INFO& info, std::uint64_t file_bytes,
                               const std::string& path) {
  if (info.frames == SF_COUNT_MAX || info.frames < 0) return 0;  // not known
  if (static_cast<std::uint64_t>(info.frames) / 65536 > file_bytes) {
    throw FileError(path, fmt::format("claims {} frames, more than {} bytes can hold", info.frames,
                                      file_bytes));
  }
  return info.frames;
}

/// Why the recording is shorter than its file says; "" if it is not.
std::string shortfall(const InputFile& file, std::int64_t claimed, std::int64_t found) {
  if (const auto missing = missing_samples(file)) {
    if (missing->promised_bytes == 0) {
      return fmt::format("the stream has no end; {} frames are there", found);
    }
    if (missing->frame_bytes == 0) {
      return fmt::format("it claims {} bytes of samples and holds {}, {} frames",
                         missing->promised_bytes, missing->present_bytes, found);
    }
    const std::uint64_t promised = missing->promised_bytes / missing->frame_bytes;
    // Less than a frame may be missing.
    if (promised > static_cast<std::uint64_t>(found)) {
      return fmt::format("it claims {} frames and holds {}", promised, found);
    }
  }
  return found < claimed ? fmt::format("it claims {} frames and holds {}", claimed, found) : "";
}

void check_finite(const Tensor& samples, const std::string& path) {
  const auto values = samples.values<double>();
  const auto bad = std::find_if(values.begin(), values.end(),
                                [](double value) { return !std::isfinite(value); });
  if (bad == values.end()) return;
  const auto index = bad - values.begin();
  throw FileError(path, fmt::format("frame {}, channel {}: the sample is not finite",
                                    index % samples.shape()[1], index / samples.shape()[1]));
}

/// Frames [start, start + count) with the channels of a frame side by side.
void interleave(const Tensor& samples, std::int64_t start, std::int64_t count,
                std::span<double> target) {
  const std::int64_t channels = samples.shape()[0];
  const auto values = samples.values<double>();
  for (std::int64_t c = 0; c < channels; ++c) {
    const double* row = values.data() + c * samples.shape()[1] + start;
    for (std::int64_t i = 0; i < count; ++i) {
      target[static_cast<std::size_t>(i * channels + c)] = row[i];
    }
  }
}

/// libsndfile's own conversion scales by 2^(b-1) - 1 where reading divides by 2^(b-1), so a
/// recording would not survive a round trip; this one is the inverse of reading.
void quantise(std::span<const double> samples, int bits, std::span<int> result) {
  const double scale = std::ldexp(1.0, bits - 1);
  std::transform(samples.begin(), samples.end(), result.begin(), [&](double value) {
    const double rounded = std::clamp(std::nearbyint(value * scale), -scale, scale - 1);
    // libsndfile takes integers of all widths left-justified in 32 bits.
    return static_cast<int>(static_cast<std::int64_t>(rounded) * (std::int64_t{1} << (32 - bits)));
  });
}

/// False if libsndfile took fewer frames than it was given.
bool write_frames(SNDFILE* output, const Sound& sound) {
  const std::int64_t channels = sound.samples.shape()[0];
  const std::int64_t frames = sound.samples.shape()[1];
  const int bits = pcm_bits(sound.format);
  const auto room = static_cast<std::size_t>(block_frames * channels);
  std::vector<double> values(room);
  std::vector<int> integers(bits > 0 ? room : 0);
  for (std::int64_t start = 0; start < frames; start += block_frames) {
    const std::int64_t count = std::min(block_frames, frames - start);
    interleave(sound.samples, start, count, values);
    if (bits > 0) quantise(values, bits, integers);
    const sf_count_t written = bits > 0 ? sf_writef_int(output, integers.data(), count)
                                        : sf_writef_double(output, values.data(), count);
    if (written != count) return false;
  }
  return true;
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

Sound read_sound(const std::string& path, Truncated truncated) {
  const InputFile source(path);
  Medium medium;
  medium.source = &source;
  SF_INFO info{};
  const SoundFile file = open_medium(medium, SFM_READ, info);
  rethrow(medium);
  if (!file) throw FileError(path, fmt::format("not a sound file: {}", sf_strerror(nullptr)));
  const std::int64_t claimed = believable_frames(info, source.size(), path);
  Tensor samples = read_frames(file.get(), info.channels, claimed);
  rethrow(medium);
  const std::int64_t count = samples.shape()[1];
  const std::string missing = shortfall(source, claimed, count);
  if (!missing.empty() && truncated == Truncated::refused) {
    throw FileError(path, fmt::format("is cut short: {}", missing));
  }
  // Where a compressed stream breaks off, its decoder reports an error too.
  if (missing.empty() && sf_error(file.get()) != SF_ERR_NO_ERROR) {
    throw FileError(path, sf_strerror(file.get()));
  }
  if (count == 0) throw FileError(path, "holds no samples");
  check_finite(samples, path);
  if (!missing.empty()) warn(path, fmt::format("is cut short: {}", missing));
  return {std::move(samples), info.samplerate, info.format};
}

void write_sound(OutputFile& file, const Sound& sound) {
  SF_INFO info{};
  info.samplerate = sound.rate;
  info.channels = static_cast<int>(sound.samples.shape()[0]);
  info.format = container_for_length(sound.format, static_cast<double>(sound.samples.size()));
  Medium medium;
  const auto refusal = [&](const char* reason) -> FileError {
    return {file.path(), fmt::format("cannot be written: {}", reason)};
  };
  SoundFile output = open_medium(medium, SFM_WRITE, info);
  if (!output) throw refusal(sf_strerror(nullptr));
  if (!write_frames(output.get(), sound)) {
    rethrow(medium);
    throw refusal(sf_strerror(output.get()));
  }
  output.reset();  // completes the header
  rethrow(medium);
  file.write(medium.written.data(), medium.written.size());
}

}  // namespace faltung::tools
