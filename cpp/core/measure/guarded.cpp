#include "cpp/core/measure/guarded.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpp/core/backend.hpp"
#include "cpp/core/message.hpp"

namespace faltung::measuring {
namespace {

constexpr std::size_t zone = 4096;  // a multiple of memory_alignment
constexpr unsigned char zone_byte = 0xa5;

void copy(void* target, const Device& to, const void* source, const Device& from,
          std::size_t bytes) {
  if (bytes == 0) return;
  if (to.kind == DeviceKind::cpu && from.kind == DeviceKind::cpu) {
    std::memcpy(target, source, bytes);
  } else {
    cuda_backend().copy(target, to, source, from, bytes);
  }
}

void fill(void* target, const Device& device, unsigned char value, std::size_t bytes) {
  if (bytes == 0) return;
  if (device.kind == DeviceKind::cpu) {
    std::memset(target, value, bytes);
  } else {
    cuda_backend().fill(target, device, value, bytes);
  }
}

}  // namespace

Guarded::Guarded(std::size_t bytes, const Device& device)
    : bytes_(bytes), memory_(DType::u8, {static_cast<std::int64_t>(bytes + 2 * zone)}, device) {
  fill(memory_.data(), device, zone_byte, memory_.bytes());
}

std::byte* Guarded::data() { return static_cast<std::byte*>(memory_.data()) + zone; }

void Guarded::poison() { fill(data(), memory_.device(), poison_byte, bytes_); }

void Guarded::write(const void* source) {
  copy(data(), memory_.device(), source, Device::cpu(), bytes_);
}

Tensor Guarded::read() const {
  Tensor result(DType::u8, {static_cast<std::int64_t>(bytes_)});
  copy(result.data(), Device::cpu(), static_cast<const std::byte*>(memory_.data()) + zone,
       memory_.device(), bytes_);
  return result;
}

std::string Guarded::damage() const {
  const auto* start = static_cast<const std::byte*>(memory_.data());
  std::vector<unsigned char> read(zone);
  for (const bool before : {true, false}) {
    copy(read.data(), Device::cpu(), before ? start : start + zone + bytes_, memory_.device(),
         zone);
    const auto is_hurt = [](unsigned char byte) { return byte != zone_byte; };
    if (before) {
      const auto last = std::find_if(read.rbegin(), read.rend(), is_hurt);
      if (last != read.rend()) return message(last - read.rbegin() + 1, " bytes before it");
    } else {
      const auto first = std::find_if(read.begin(), read.end(), is_hurt);
      if (first != read.end()) return message(first - read.begin(), " bytes behind its end");
    }
  }
  return {};
}

}  // namespace faltung::measuring
