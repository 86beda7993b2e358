#pragma once

#include <string>

#include "cpp/tools/demo/lab.hpp"
#include "cpp/tools/demo/plot.hpp"

namespace faltung::tools::demo {

struct Spectrogram {
  std::string html;
  Measurement measurement;
};

/// How loud each pitch is over time: a strided correlation with a bank of complex filters, shown as
/// a plot.
///
/// @param sound  f32 [1, frames] on the CPU
/// @param rate   frames per second
[[nodiscard]] Spectrogram make_spectrogram(const Lab& lab, const std::string& label,
                                           const Tensor& sound, int rate);

}  // namespace faltung::tools::demo
