#include "cpp/tools/demo/demo.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include <faltung/problem.hpp>
#include "cpp/tools/io/file_error.hpp"
#include "cpp/tools/io/output_file.hpp"
#include "cpp/tools/io/png.hpp"
#include "cpp/tools/io/sound.hpp"
#include "tests/support/temporary_folder.hpp"

#include <sndfile.h>

namespace faltung::tools::demo {
namespace {

using nlohmann::json;

// Discs and stripes on a ramp: edges for every filter, and something for the deblurring to restore.
void write_picture(const std::string& path) {
  constexpr std::int64_t height = 72;
  constexpr std::int64_t width = 90;
  Tensor samples(u8, {height, width, 3});
  auto value = samples.values<std::uint8_t>().begin();
  for (std::int64_t row = 0; row < height; ++row) {
    for (std::int64_t column = 0; column < width; ++column) {
      const bool disc = std::hypot(row - 30, column - 28) < 17;
      const bool stripe = column > 55 && (column / 4 + row / 9) % 2 == 0;
      *value++ = static_cast<std::uint8_t>(disc ? 230 : 40 + column);
      *value++ = static_cast<std::uint8_t>(stripe ? 210 : 60 + row);
      *value++ = static_cast<std::uint8_t>(disc || stripe ? 25 : 140);
    }
  }
  const std::vector<std::byte> file = encode_png(samples, path);
  OutputFile out(path);
  out.write(file.data(), file.size());
  out.commit();
}

// A tenth of a second of a decaying tone.
void write_recording(const std::string& path) {
  Sound sound{Tensor(f64, {1, 800}), 8000, SF_FORMAT_WAV | SF_FORMAT_PCM_16};
  for (std::size_t i = 0; i < 800; ++i) {
    const double t = static_cast<double>(i) / 8000;
    sound.samples.values<double>()[i] = 0.8 * std::exp(-30 * t) * std::sin(2764.6 * t);
  }
  OutputFile out(path);
  write_sound(out, sound);
  out.commit();
}

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The demo runs once for all tests.
class Demo : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder();
    write_picture(folder_->path("picture.png"));
    write_recording(folder_->path("recording.wav"));
    good_ = run_demo({.folder = folder_->path("out/page"),
                      .image = folder_->path("picture.png"),
                      .sound = folder_->path("recording.wav"),
                      .devices = {Device::cpu()}});
    html_ = read_text(folder_->path("out/page/index.html"));
    const std::string begin = "id=\"results\">";
    const std::size_t from = html_.find(begin);
    if (from == std::string::npos) return;
    const std::size_t start = from + begin.size();
    const json all = json::parse(html_.substr(start, html_.find("</script>", start) - start));
    for (const json& section : all.at("sections")) {
      order_.push_back(section.at("id"));
      results_[order_.back()] = section;
    }
  }
  static void TearDownTestSuite() { delete folder_; }

  static const json& facts(const std::string& section) { return results_.at(section).at("facts"); }

  static inline test::TemporaryFolder* folder_ = nullptr;
  static inline bool good_ = false;
  static inline std::string html_;
  static inline std::vector<std::string> order_;
  static inline json results_ = json::object();
};

TEST_F(Demo, HasEverySectionInOrderAndItsAnchors) {
  const std::vector<std::string> wanted{"smoothing", "photo",    "lag",    "average",
                                        "separable", "toeplitz", "reverb", "deblurring"};
  EXPECT_EQ(order_, wanted);
  for (const std::string& id : wanted) {
    EXPECT_NE(html_.find("<section id=\"" + id + "\">"), std::string::npos) << id;
    EXPECT_NE(html_.find("href=\"#" + id + "\""), std::string::npos) << id;
  }
}

TEST_F(Demo, EveryResultIsWithinItsBound) {
  EXPECT_TRUE(good_);
  std::set<std::string> seen;
  for (const json& section : results_) {
    for (const json& problem : section.at("problems")) {
      ASSERT_TRUE(problem.at("error_over_bound").is_number()) << problem;
      EXPECT_LE(problem.at("error_over_bound").get<double>(), 1) << problem;
      EXPECT_GT(problem.at("seconds").get<double>(), 0) << problem;
      EXPECT_GE(problem.at("runs").get<int>(), 5) << problem;
      // The notation can be read back.
      EXPECT_EQ(to_string(Problem::parse(problem.at("problem").get<std::string>())),
                problem.at("problem").get<std::string>());
      seen.insert(problem.at("label").get<std::string>());
    }
  }
  EXPECT_GE(seen.size(), 15u);
}

TEST_F(Demo, SaysWhatIsTrue) {
  const json& errors = facts("smoothing").at("error");
  ASSERT_EQ(errors.size(), 3u);
  EXPECT_LT(errors[0].get<double>(), facts("smoothing").at("noise").get<double>());
  EXPECT_LT(errors[1].get<double>(), errors[0].get<double>());
  EXPECT_LT(errors[2].get<double>(), errors[1].get<double>());
  EXPECT_EQ(facts("lag").at("found_lag"), facts("lag").at("true_lag"));
  EXPECT_EQ(facts("average").at("same"), 365);
  EXPECT_EQ(facts("average").at("valid"), 336);
  EXPECT_LE(facts("separable").at("error_over_bound").get<double>(), 1);
  EXPECT_GT(facts("reverb").at("real_time_factor").get<double>(), 0);
  EXPECT_GT(facts("deblurring").at("psnr_after").get<double>(),
            facts("deblurring").at("psnr_before").get<double>() + 1);
}

// 30 temperatures of at most 30 degrees: the error of each mean is at most 30 u 30, twice that
// apart.
TEST_F(Demo, ModesAgreeWhereBothExist) {
  EXPECT_LE(facts("average").at("difference").get<double>(), 2 * 30 * 0x1p-53 * 30);
}

// 7 products of normal numbers below 5: each way errs by at most 7 u 7 25.
TEST_F(Demo, MatrixAndConvolutionAgree) {
  EXPECT_LE(facts("toeplitz").at("difference").get<double>(), 2 * 7 * 0x1p-53 * 7 * 25);
}

// <Ax, y> and <x, A*y> sum 3 x 72 x 90 values in double; the passes themselves err in f32 by a
// chain of 17 x 17 products at most, on data that are not negative but for the noise.
TEST_F(Demo, AdjointIsTheAdjoint) {
  EXPECT_LE(facts("deblurring").at("adjoint_mismatch").get<double>(), 2 * 17 * 17 * 0x1p-24);
}

TEST_F(Demo, PageNeedsNoOtherFileAndHasNoHoles) {
  EXPECT_EQ(html_.find("http://"), std::string::npos);
  EXPECT_EQ(html_.find("https://"), std::string::npos);
  EXPECT_EQ(html_.find("url("), std::string::npos);
  EXPECT_LT(html_.size(), 6'000'000u);
  // Words, not letters of base64 text.
  for (const char* hole : {">nan", " nan", "Mnan", "Lnan", ">inf", " inf ", ">-inf", "null"}) {
    EXPECT_EQ(html_.find(hole), std::string::npos) << hole;
  }
  std::size_t images = 0;
  for (std::size_t at = 0; (at = html_.find("<img ", at)) != std::string::npos; ++at, ++images) {
    const std::string tag = html_.substr(at, html_.find('>', at) - at);
    EXPECT_NE(tag.find("alt=\""), std::string::npos);
    EXPECT_NE(tag.find("src=\"data:image/png;base64,"), std::string::npos);
  }
  EXPECT_GE(images, 10u);
}

TEST_F(Demo, RefusesMissingFilesByName) {
  try {
    (void)run_demo({.folder = folder_->path("other"),
                    .image = folder_->path("missing.png"),
                    .sound = folder_->path("recording.wav"),
                    .devices = {Device::cpu()}});
    FAIL() << "no error";
  } catch (const FileError& error) {
    EXPECT_NE(std::string(error.what()).find("missing.png"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace faltung::tools::demo
