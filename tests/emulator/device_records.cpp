#include "tests/emulator/device_records.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace faltung::emulator {
namespace {

constexpr std::int64_t kib = 1024;

constexpr DeviceRecord records[] = {
    {"emulated A100",
     80,
     {.major = 8,
      .minor = 0,
      .multiprocessors = 108,
      .shared_most = 163 * kib,
      .shared_of_multiprocessor = 164 * kib}},
    {"emulated RTX 3090",
     86,
     {.major = 8,
      .minor = 6,
      .multiprocessors = 82,
      .shared_most = 99 * kib,
      .shared_of_multiprocessor = 100 * kib,
      .threads_of_multiprocessor = 1536,
      .blocks_of_multiprocessor = 16}},
    {"emulated RTX 4090",
     89,
     {.major = 8,
      .minor = 9,
      .multiprocessors = 128,
      .shared_most = 99 * kib,
      .shared_of_multiprocessor = 100 * kib,
      .threads_of_multiprocessor = 1536,
      .blocks_of_multiprocessor = 24}},
    {"emulated H200", 90, {}},
    {"emulated B200", 100, {.major = 10, .minor = 0, .multiprocessors = 148}},
    {"emulated RTX 5090",
     120,
     {.major = 12,
      .minor = 0,
      .multiprocessors = 170,
      .shared_most = 99 * kib,
      .shared_of_multiprocessor = 100 * kib,
      .threads_of_multiprocessor = 1536,
      .blocks_of_multiprocessor = 24}},
};

}  // namespace

std::span<const DeviceRecord> device_records() { return records; }

const DeviceRecord& device_record(int architecture) {
  const auto* found = std::ranges::find(records, architecture, &DeviceRecord::architecture);
  if (found == std::end(records)) {
    throw std::out_of_range("no record of a GPU of architecture " + std::to_string(architecture));
  }
  return *found;
}

const DeviceRecord& chosen_record() {
  const char* choice = std::getenv("FALTUNG_EMULATED_GPU");
  return device_record(choice == nullptr ? 90 : std::atoi(choice));
}

}  // namespace faltung::emulator
