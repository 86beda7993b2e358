#include "cpp/tools/io/sound_format.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sndfile.h>

#include <algorithm>
#include <iterator>

#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/sound.hpp"

namespace faltung::tools {
namespace {

struct Ending {
  std::string_view text;
  int container;
  int samples;  ///< the only sample format, or 0
};
constexpr Ending endings[] = {{".wav", SF_FORMAT_WAV, 0},
                              {".rf64", SF_FORMAT_RF64, 0},
                              {".w64", SF_FORMAT_W64, 0},
                              {".flac", SF_FORMAT_FLAC, 0},
                              {".aif", SF_FORMAT_AIFF, 0},
                              {".aiff", SF_FORMAT_AIFF, 0},
                              {".au", SF_FORMAT_AU, 0},
                              {".caf", SF_FORMAT_CAF, 0},
                              {".ogg", SF_FORMAT_OGG, SF_FORMAT_VORBIS},
                              {".opus", SF_FORMAT_OGG, SF_FORMAT_OPUS}};

const Ending& find_ending(const std::string& path, const std::string& ending) {
  if (ending.empty()) return endings[0];
  const auto* found = std::find_if(std::begin(endings), std::end(endings),
                                   [&](const Ending& entry) { return entry.text == ending; });
  if (found != std::end(endings)) return *found;
  throw FileError(path, fmt::format("cannot be written: ending '{}'; sound is written to {}",
                                    ending, fmt::join(sound_endings, ", ")));
}

bool takes(int container, int samples, const Sound& like) {
  SF_INFO info{};
  info.samplerate = like.rate;
  info.channels = static_cast<int>(like.samples.shape()[0]);
  info.format = container | samples;
  return sf_format_check(&info) != 0;
}

/// The linear integer format of at most so many bits that the container takes; 0 if none.
int pcm_format(int container, int bits, const Sound& like) {
  constexpr int widest_first[] = {SF_FORMAT_PCM_32, SF_FORMAT_PCM_24, SF_FORMAT_PCM_16,
                                  SF_FORMAT_PCM_S8, SF_FORMAT_PCM_U8};
  for (const int samples : widest_first) {
    if (pcm_bits(samples) <= bits && takes(container, samples, like)) return samples;
  }
  return 0;
}

/// The bits that decoding ALAC gives back; 0 for everything else.
int alac_bits(int samples) {
  switch (samples) {
    case SF_FORMAT_ALAC_16:
      return 16;
    case SF_FORMAT_ALAC_20:
    case SF_FORMAT_ALAC_24:
      return 24;
    case SF_FORMAT_ALAC_32:
      return 32;
    default:
      return 0;
  }
}

int automatic(const Ending& ending, const Sound& like) {
  if (ending.samples != 0) return ending.samples;
  const int samples = like.format & SF_FORMAT_SUBMASK;
  // Containers differ in whether bytes have a sign.
  if (pcm_bits(samples) == 8) return pcm_format(ending.container, 8, like);
  if (takes(ending.container, samples, like)) return samples;
  int bits = 16;
  if (samples == SF_FORMAT_FLOAT || samples == SF_FORMAT_DOUBLE) bits = 24;
  bits = std::max({bits, pcm_bits(like.format), alac_bits(samples)});
  return pcm_format(ending.container, bits, like);
}

/// 0 if the container does not hold exactly this.
int named(const Ending& ending, const std::string& name, const Sound& like) {
  if (name == "float" || name == "double") {
    const int samples = name == "float" ? SF_FORMAT_FLOAT : SF_FORMAT_DOUBLE;
    return takes(ending.container, samples, like) ? samples : 0;
  }
  const int bits = name == "pcm8" ? 8 : name == "pcm16" ? 16 : name == "pcm24" ? 24 : 32;
  const int samples = pcm_format(ending.container, bits, like);
  return pcm_bits(samples) == bits ? samples : 0;
}

}  // namespace

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

int sound_format(const std::string& path, const std::string& ending, const std::string& samples,
                 const Sound& like) {
  const Ending& entry = find_ending(path, ending);
  int container = entry.container;
  const int old = like.format & SF_FORMAT_TYPEMASK;
  // The other writing of WAV, which says where each channel's loudspeaker stands.
  if (container == SF_FORMAT_WAV && old == SF_FORMAT_WAVEX) container = old;
  const Ending chosen{entry.text, container, entry.samples};
  const int format = samples == "auto" ? automatic(chosen, like) : named(chosen, samples, like);
  if (format != 0 && takes(container, format, like)) return container | format;
  throw InvalidProblem(fmt::format(
      "--format {}: {} does not hold such samples with {} channels at {} frames a second; use "
      "another --format, or .wav",
      samples, entry.text, like.samples.shape()[0], like.rate));
}

}  // namespace faltung::tools
