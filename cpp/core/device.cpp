#include <faltung/device.hpp>

#include <charconv>
#include <fstream>
#include <ostream>
#include <thread>

#include <faltung/error.hpp>
#include "cpp/core/backend.hpp"
#include "cpp/core/message.hpp"

namespace faltung {
namespace {

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      const std::size_t colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  }
  return "CPU";
}

std::string instruction_sets() {
  std::string sets;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) sets += " SSE4.2";
  if (__builtin_cpu_supports("avx2")) sets += " AVX2";
  if (__builtin_cpu_supports("fma")) sets += " FMA";
  if (__builtin_cpu_supports("avx512f")) sets += " AVX-512";
#elif defined(__aarch64__)
  sets += " NEON";
#endif
  return sets.empty() ? "baseline instruction set" : sets.substr(1);
}

}  // namespace

Device Device::parse(std::string_view text) {
  if (text == "cpu") return cpu();
  if (text == "cuda") return cuda(0);
  if (text.starts_with("cuda:")) {
    const std::string_view digits = text.substr(5);
    int index = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
    if (error == std::errc{} && end == digits.data() + digits.size() && index >= 0) {
      return cuda(index);
    }
  }
  throw InvalidProblem(message("device '", text, "' is not known; use cpu, cuda or cuda:N"));
}

std::string to_string(const Device& device) {
  return device.kind == DeviceKind::cpu ? "cpu" : message("cuda:", device.index);
}

std::ostream& operator<<(std::ostream& os, const Device& device) { return os << to_string(device); }

std::vector<DeviceInfo> devices() {
  const unsigned threads = std::thread::hardware_concurrency();
  std::vector<DeviceInfo> result = {
      {Device::cpu(), message(cpu_name(), ", ", threads, threads == 1 ? " thread" : " threads"),
       instruction_sets()}};
  for (DeviceInfo& info : cuda_backend().devices()) result.push_back(std::move(info));
  return result;
}

std::vector<LibraryInfo> vendor_libraries() { return cuda_backend().libraries(); }

std::string cuda_unavailable_reason() { return cuda_backend().unavailable_reason(); }

}  // namespace faltung
