// Runs the demonstrations and writes what they give, one file of floats each. Built twice, for the
// emulator and for a GPU; record_validation compares the two.
//
// Usage: emulator_validate DIRECTORY [NAME...]   all, or those of these names
//        emulator_validate --list

#include <cmath>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <string>

#include "tests/emulator/kernels/demonstration.hpp"

namespace faltung::emulator_kernels {
namespace {

/// The largest difference, or infinity if the results have different sizes or NaN.
double difference(const std::vector<float>& actual, const std::vector<float>& expected) {
  if (actual.size() != expected.size()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double here = std::abs(double{actual[i]} - expected[i]);
    if (!(here <= largest)) largest = std::isnan(here) ? INFINITY : here;
  }
  return largest;
}

bool run(const Demonstration& demonstration, const std::filesystem::path& directory) {
  const std::vector<float> actual = demonstration.run();
  std::ofstream file(directory / (demonstration.name + ".f32"), std::ios::binary);
  file.write(reinterpret_cast<const char*>(actual.data()),
             static_cast<std::streamsize>(actual.size() * sizeof(float)));
  const double error = difference(actual, demonstration.expected());
  const bool good = file.good() && error <= demonstration.bound;
  std::cout << demonstration.name << ": " << actual.size() << " values, largest error " << error
            << ", bound " << demonstration.bound << (good ? "" : "  FAILED") << '\n';
  return good;
}

}  // namespace
}  // namespace faltung::emulator_kernels

int main(int count, char** arguments) {
  namespace kernels = faltung::emulator_kernels;
  if (count < 2) {
    std::cerr << "usage: " << arguments[0] << " DIRECTORY [NAME...] or --list\n";
    return 2;
  }
  const std::string directory = arguments[1];
  std::set<std::string> wanted(arguments + 2, arguments + count);
  const bool all = wanted.empty();
  if (directory != "--list") std::filesystem::create_directories(directory);
  bool good = true;
  for (const auto& list : {kernels::plain_demonstrations(), kernels::hopper_demonstrations()}) {
    for (const kernels::Demonstration& demonstration : list) {
      if (directory == "--list") std::cout << demonstration.name << '\n';
      if (directory == "--list" || (wanted.erase(demonstration.name) == 0 && !all)) continue;
      try {
        good = kernels::run(demonstration, directory) && good;
      } catch (const std::exception& error) {
        std::cout << demonstration.name << ": FAILED: " << error.what() << '\n';
        good = false;
      }
    }
  }
  for (const std::string& name : wanted) {
    std::cout << name << ": FAILED: there is no demonstration of this name\n";
    good = false;
  }
  return good ? 0 : 1;
}
