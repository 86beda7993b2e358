#pragma once

#include <faltung/tensor.hpp>
#include <string>

namespace faltung::tools {

class AtomicFile;

/// A recording in memory.
struct Sound {
  Tensor samples;  ///< f64 [channels, frames]; full scale is 1
  int rate = 0;    ///< frames per second
  int format = 0;  ///< container and sample format, libsndfile's SF_FORMAT_*
};

/// Reads any format that libsndfile knows (WAV, FLAC, AIFF, ...).
///
/// @throws FileError if it is not a sound file, is damaged, empty, or holds a sample that is not
///         finite.
[[nodiscard]] Sound read_sound(const std::string& path);

/// The format to write `path` in: the container by its ending (.wav, .flac, .aif, .aiff), samples
/// as in `like`.
///
/// @throws FileError if the ending is none of these or the container cannot hold such samples.
[[nodiscard]] int sound_format(const std::string& path, const Sound& like);

/// Writes a recording in `sound.format`; integer samples are rounded to the nearest (ties to even)
/// and saturate. The caller commits the file.
///
/// @throws FileError if it cannot be written.
void write_sound(AtomicFile& file, const Sound& sound);

}  // namespace faltung::tools
