#pragma once

#include <cstdint>
#include <optional>

namespace faltung::tools {

class InputFile;

/// Samples that a file's header promises and the file does not hold.
struct MissingSamples {
  std::uint64_t promised_bytes = 0;  ///< 0: the header does not say, but the end is missing
  std::uint64_t present_bytes = 0;
  std::uint64_t frame_bytes = 0;  ///< 0: compressed, frames have no fixed size
};

/// Compares the lengths in the headers of WAV, RF64, W64, AIFF, AIFC, AU and CAF files with the
/// file's, and looks for the end mark of an Ogg stream. libsndfile shortens such recordings in
/// silence. Headers of recordings whose length was unknown when they were written (0, -1 or the
/// largest length) promise nothing; neither do formats not named here.
///
/// Sources: the Multimedia Programming Interface of Microsoft and IBM (1991), EBU Tech 3306 (RF64),
/// Sonic Foundry's W64, Apple's AIFF-C draft of 1991 and Core Audio Format, RFC 3533 (Ogg).
[[nodiscard]] std::optional<MissingSamples> missing_samples(const InputFile& file);

}  // namespace faltung::tools
