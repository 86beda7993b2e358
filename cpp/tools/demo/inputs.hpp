#pragma once

#include <string>

#include <faltung/tensor.hpp>

namespace faltung::tools::demo {

/// A photograph as planes of numbers from 0 to 1.
struct Photo {
  Tensor color;        ///< f32 [3, height, width]
  Tensor gray;         ///< f32 [1, height, width], luminance
  std::string origin;  ///< "astronaut.png, 512 x 512", and what was done to it
};

/// A recording of one channel.
struct Recording {
  Tensor samples;  ///< f32 [1, frames], largest magnitude 1 unless silent
  int rate = 0;    ///< frames per second
  std::string origin;
};

/// Reads a PNG picture: gray counts as colour, alpha is dropped. One that is longer than 640 pixels
/// is made smaller by a whole factor, by averaging, so that the page stays small.
///
/// @throws FileError if it cannot be read.
[[nodiscard]] Photo read_photo(const std::string& path);

/// Reads a sound file: channels are averaged, and the first ten seconds are kept.
///
/// @throws FileError if it cannot be read.
[[nodiscard]] Recording read_recording(const std::string& path);

}  // namespace faltung::tools::demo
