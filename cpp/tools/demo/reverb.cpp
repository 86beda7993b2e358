#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "cpp/tools/demo/html.hpp"
#include "cpp/tools/demo/noise.hpp"
#include "cpp/tools/demo/sections.hpp"
#include "cpp/tools/demo/spectrogram.hpp"

namespace faltung::tools::demo {
namespace {

constexpr double room_seconds = 1.4;   // length of the impulse response
constexpr double decay_seconds = 1.6;  // until the sound is 60 dB down

/// The impulse response of a hall at two ears, f32 [2, 1, taps]: the direct sound, early
/// reflections from walls, then exponentially decaying noise that loses its high tones first.
///
/// Source: Moorer, About this reverberation business, Computer Music Journal 3:2 (1979).
Tensor make_room(int rate) {
  const auto taps = static_cast<std::size_t>(std::max(1.0, room_seconds * rate));
  Tensor room = Tensor::zeros(f32, {2, 1, static_cast<std::int64_t>(taps)});
  for (std::size_t ear = 0; ear < 2; ++ear) {
    Noise noise(6 + ear);
    const auto h = room.values<float>().subspan(ear * taps, taps);
    double tail = 0;
    for (std::size_t i = 0; i < taps; ++i) {
      const double t = static_cast<double>(i) / rate;
      // A one-pole low-pass whose corner falls from bright to dark.
      const double brightness = 0.1 + 0.6 * std::exp(-4 * t);
      tail += brightness * (noise.normal() - tail);
      const double swell = 1 - std::exp(-t / 0.03);
      h[i] += static_cast<float>(0.06 * swell * tail / std::sqrt(brightness) *
                                 std::exp(-std::log(1000.0) * t / decay_seconds));
    }
    for (int wall = 1; wall <= 8; ++wall) {
      const double t = 0.011 * wall + 0.006 * noise.uniform();
      const auto at = std::min(taps - 1, static_cast<std::size_t>(t * rate));
      h[at] += static_cast<float>((wall % 2 == 0 ? -0.5 : 0.5) / std::sqrt(wall));
    }
    h[0] += 1;
  }
  return room;
}

/// Scales so that the largest magnitude is 0.9.
void normalise(Tensor& sound) {
  float peak = 0;
  for (const float value : sound.values<float>()) peak = std::max(peak, std::abs(value));
  if (peak == 0) return;
  for (float& value : sound.values<float>()) value *= 0.9F / peak;
}

/// Lowest and highest sample of `columns` stretches of one channel.
Band envelope(const std::string& label, int color, std::span<const float> samples, int rate) {
  constexpr std::size_t columns = 420;
  Band band{label, color, {}, {}, {}};
  const std::size_t step = std::max<std::size_t>(1, samples.size() / columns);
  for (std::size_t i = 0; i < samples.size(); i += step) {
    const auto part = samples.subspan(i, std::min(step, samples.size() - i));
    const auto [low, high] = std::ranges::minmax(part);
    band.x.push_back(static_cast<double>(i) / rate);
    band.low.push_back(low);
    band.high.push_back(high);
  }
  return band;
}

std::string player(const char* caption, const Tensor& sound, int rate) {
  return fmt::format(
      "<figure><audio controls preload=\"auto\" src=\"{}\"></audio><figcaption>{}</figcaption>"
      "</figure>\n",
      sound_uri(sound, rate), caption);
}

}  // namespace

Section reverb(const Lab& lab, const Recording& recording) {
  const int rate = recording.rate;
  const Tensor room = make_room(rate);
  const std::int64_t frames = recording.samples.shape()[1];
  const std::int64_t taps = room.shape()[2];
  // One channel in, one filter for each ear; all of the echo is kept.
  const Problem problem = Problem::parse(
      fmt::format("op=fwd dtype=f32 n=1 c=1 k=2 in={} f={} pad={} flip=1", frames, taps, taps - 1));
  Outcome outcome = lab.run("Reverb, two ears", problem, recording.samples, room);
  Tensor dry = recording.samples.clone();
  Tensor wet = std::move(outcome.y).reshaped({2, frames + taps - 1});
  normalise(dry);
  normalise(wet);
  const double seconds = static_cast<double>(frames) / rate;
  const double factor = seconds / outcome.measurement.seconds;

  Plot waves{.description =
                 "Waveforms: the dry speech is a few short bursts, with reverb each of "
                 "them rings on for about a second.",
             .x = {.label = "time in seconds"},
             .y = {.label = "amplitude", .low = -1, .high = 1}};
  waves.aspect = 0.24;
  const auto left = wet.values<float>().first(static_cast<std::size_t>(frames + taps - 1));
  waves.bands.push_back(envelope("with reverb, left ear", 2, left, rate));
  waves.bands.push_back(envelope("dry", 1, dry.values<float>(), rate));

  Section section;
  section.id = "reverb";
  section.title = "Speech in a hall";
  section.text = fmt::format(
      "<p>A room is a filter: whatever is said in it arrives convolved with the room's impulse "
      "response. Here a recording ({}) is convolved with a synthetic hall: early reflections, then "
      "decaying noise, {} taps for each ear. It takes {}, <b>{:.{}f} times as fast as real "
      "time</b>.</p>",
      escape(recording.origin), taps, duration(outcome.measurement.seconds), factor,
      factor < 10 ? 1 : 0);
  section.code =
      "auto wet = faltung::signal::fftconvolve(speech, room, {.axes = {1}});  // [1, n] * [2, m]\n"
      "// or:  faltung reverb speech.wav hall.wav -o wet.wav";
  section.measurements.push_back(std::move(outcome.measurement));
  section.body = "<div class=\"pictures wide\" style=\"--columns:2\">\n" +
                 player("<b>Dry</b>, as recorded", dry, rate) +
                 player("<b>In the hall</b>, stereo", wet, rate) + "</div>\n" + plot_html(waves);

  section.body += "<h3>The same two sounds by pitch</h3>\n";
  section.text +=
      "<p>The spectrograms are convolutions too: a bank of complex filters, one for each pitch, "
      "with "
      "a stride.</p>";
  Tensor silence_after = Tensor::zeros(f32, {1, frames + taps - 1});
  std::ranges::copy(dry.values<float>(), silence_after.values<float>().begin());
  Tensor one_ear(f32, {1, frames + taps - 1});
  std::ranges::copy(left, one_ear.values<float>().begin());
  section.body += "<div class=\"pair\">\n";
  for (const auto& [label, sound] :
       {std::pair<std::string, const Tensor&>{"dry", silence_after}, {"with reverb", one_ear}}) {
    Spectrogram spectrogram = make_spectrogram(lab, label, sound, rate);
    section.body += spectrogram.html;
    section.measurements.push_back(std::move(spectrogram.measurement));
  }
  section.body += "</div>\n";
  section.facts = {{"real_time_factor", factor}, {"taps", taps}};
  return section;
}

}  // namespace faltung::tools::demo
