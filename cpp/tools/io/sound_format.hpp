#pragma once

#include <string>
#include <string_view>

namespace faltung::tools {

struct Sound;

/// The endings that `sound_format` knows.
inline constexpr std::string_view sound_endings[] = {".wav",  ".rf64", ".w64", ".flac", ".aif",
                                                     ".aiff", ".au",   ".caf", ".ogg",  ".opus"};

/// The format to write in, libsndfile's SF_FORMAT_*: the container by `ending`, whatever `like` was
/// read from.
///
/// @param ending   ".wav", ".flac", ...; "" (a stream) is WAV
/// @param samples  "auto", "pcm8", "pcm16", "pcm24", "pcm32", "float" or "double". "auto" keeps the
///                 sample format of `like` where the container takes it. Otherwise integers keep
///                 their width up to the container's largest, real samples become 24 bits, and
///                 compressed ones 16 bits. Ogg holds Vorbis and Opus only, which "auto" means.
/// @param path     for messages
/// @throws FileError if the ending is none of these; InvalidProblem if the container does not hold
///         such samples, channels or rates.
[[nodiscard]] int sound_format(const std::string& path, const std::string& ending,
                               const std::string& samples, const Sound& like);

/// Bits of linear integer samples; 0 for every other sample format.
[[nodiscard]] int pcm_bits(int format);

}  // namespace faltung::tools
