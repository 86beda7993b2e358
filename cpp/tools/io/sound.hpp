#pragma once

#include <cstdint>
#include <faltung/tensor.hpp>
#include <string>

namespace faltung::tools {

class OutputFile;

/// A recording in memory.
struct Sound {
  Tensor samples;  ///< f64 [channels, frames]; full scale is 1
  int rate = 0;    ///< frames per second
  int format = 0;  ///< container and sample format, libsndfile's SF_FORMAT_*
};

/// What to do about a file that holds fewer frames than its header promises.
enum class Truncated : std::uint8_t { refused, accepted };

/// Reads any format that libsndfile knows (WAV, FLAC, AIFF, ...).
///
/// A truncated recording that is accepted is warned of; which formats show it: sound_length.hpp.
///
/// @throws FileError if it is not a sound file, is damaged, cut short, empty, or holds a sample
///         that is not finite.
[[nodiscard]] Sound read_sound(const std::string& path, Truncated truncated = Truncated::refused);

/// Writes a recording in `sound.format`; integer samples are rounded to the nearest (ties to even)
/// and saturate. The caller commits the file.
///
/// @throws FileError if it cannot be written.
void write_sound(OutputFile& file, const Sound& sound);

}  // namespace faltung::tools
