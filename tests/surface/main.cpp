// A random comparison of every front end with the definition.
//
//     surface_test [--cases N] [--seconds T] [--seed S] [--front NAME]... [--keep FILE] [CASE...]
//
// Runs the cases of regressions.txt, then up to N random ones, but none after T seconds; with
// --front only those of front ends in whose names one of the parts given occurs. A failing
// case is one line, which alone as an argument repeats it; --keep appends it to a file. As a
// GoogleTest program it takes FALTUNG_SURFACE_CASES and FALTUNG_TEST_SEED from the environment.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <faltung/error.hpp>
#include "tests/surface/front.hpp"

namespace faltung::test::surface {
namespace {

struct Settings {
  std::int64_t cases = 2000;
  double seconds = 3600;
  std::uint64_t seed = 20240229;
  std::string keep = {};
  std::vector<std::string> fronts = {};
  bool trace = false;
  std::vector<std::string> lines = {};
};
Settings settings;

// What is wrong with a case, exceptions of the library included: no case may be refused.
std::string fault_of(const Case& c) {
  try {
    return judge(c);
  } catch (const std::exception& error) {
    return std::string("thrown: ") + error.what();
  }
}

void expect_agreement(const Case& c) {
  const std::string fault = fault_of(c);
  if (fault.empty()) return;
  ADD_FAILURE() << fault << "\nrepeat with: surface_test '" << c.to_string() << "'";
  if (!settings.keep.empty()) {
    std::ofstream(settings.keep, std::ios::app)
        << c.to_string() << "  # " << fault.substr(0, 120) << '\n';
  }
}

bool is_wanted(const std::string& front) {
  return settings.fronts.empty() || std::ranges::any_of(settings.fronts, [&](const auto& part) {
           return front.find(part) != std::string::npos;
         });
}

bool names_a_front(const std::string& part) {
  return std::ranges::any_of(fronts(), [&](const Front& front) {
    return front.name.find(part) != std::string_view::npos;
  });
}

TEST(Surface, AgreesOnTheLinesGiven) {
  for (const std::string& line : settings.lines) expect_agreement(Case::parse(line));
}

TEST(Surface, AgreesOnWhatOnceFailed) {
  std::ifstream file(FALTUNG_SURFACE_DIR "/regressions.txt");
  ASSERT_TRUE(file) << "regressions.txt is missing";
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line[0] != '#') expect_agreement(Case::parse(line));
  }
}

TEST(Surface, AgreesOnRandomCases) {
  if (!settings.lines.empty()) GTEST_SKIP() << "lines were given";
  std::cout << "seed " << settings.seed << ", up to " << settings.cases << " cases\n";
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::map<std::string, std::int64_t> runs;
  std::int64_t done = 0;
  for (std::uint64_t seed = settings.seed; done < settings.cases && seconds() < settings.seconds;
       ++seed) {
    const Case c = generate(seed);
    if (!is_wanted(c.front())) continue;
    ++done;
    ++runs[c.front()];
    if (settings.trace) std::cerr << c.to_string() << std::endl;
    expect_agreement(c);
  }
  for (const auto& [front, count] : runs) std::cout << front << ' ' << count << '\n';
  std::cout << done << " cases in " << seconds() << " s\n";
  if (done >= 2000 && settings.fronts.empty()) {
    for (const Front& front : fronts()) EXPECT_GE(runs[std::string(front.name)], 10) << front.name;
  }
}

}  // namespace
}  // namespace faltung::test::surface

int main(int argc, char** argv) {
  using faltung::test::surface::settings;
  ::testing::InitGoogleTest(&argc, argv);
  const char* cases = std::getenv("FALTUNG_SURFACE_CASES");
  const char* seed = std::getenv("FALTUNG_TEST_SEED");
  if (cases != nullptr) settings.cases = std::atoll(cases);
  if (seed != nullptr) settings.seed = std::strtoull(seed, nullptr, 10);
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const bool takes_value = word == "--cases" || word == "--seconds" || word == "--seed" ||
                             word == "--keep" || word == "--front";
    if (takes_value && i + 1 == argc) {
      std::cerr << word << " needs a value\n";
      return 2;
    }
    if (word == "--cases") {
      settings.cases = std::atoll(argv[++i]);
    } else if (word == "--seconds") {
      settings.seconds = std::atof(argv[++i]);
    } else if (word == "--seed") {
      settings.seed = std::strtoull(argv[++i], nullptr, 10);
    } else if (word == "--trace") {
      settings.trace = true;
    } else if (word == "--keep") {
      settings.keep = argv[++i];
    } else if (word == "--front") {
      settings.fronts.emplace_back(argv[++i]);
      if (!faltung::test::surface::names_a_front(settings.fronts.back())) {
        std::cerr << "--front " << settings.fronts.back() << " is in no front end's name\n";
        return 2;
      }
    } else {
      settings.lines.push_back(word);
    }
  }
  return RUN_ALL_TESTS();
}
