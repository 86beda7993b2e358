#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <faltung/device.hpp>
#include <faltung/error.hpp>
#include <faltung/tensor.hpp>
#include <string>
#include <utility>
#include <vector>

namespace faltung::tools {

/// Declares --device auto|cpu|cuda:N.
void add_device_option(CLI::App& command, std::string& text);

/// The devices to try in turn: the one named, or for "auto" the first GPU, if there is one, then
/// the CPU.
///
/// @throws InvalidProblem if `text` names no device or one that is not there; says why.
[[nodiscard]] std::vector<Device> devices_to_try(const std::string& text);

/// A tensor on the device where the work is done: itself if it is there, else a copy.
class Operand {
 public:
  Operand(const Tensor& tensor, const Device& device)
      : view_(tensor.view()), copy_(tensor.device() == device ? Tensor() : tensor.to(device)) {
    if (tensor.device() != device) view_ = copy_.view();
  }
  operator const ConstTensorView&() const { return view_; }

 private:
  ConstTensorView view_;
  Tensor copy_;
};

/// A result on the CPU: itself if it is there, else a copy.
[[nodiscard]] inline Tensor on_cpu(Tensor result) {
  return result.device() == Device::cpu() ? std::move(result) : result.to(Device::cpu());
}

/// Calls `work(device)` with these devices until one has an engine for it.
///
/// @throws NoEngine of the last device, and whatever else `work` throws.
template <typename Work>
auto on_device(const std::string& text, Work&& work) {
  const std::vector<Device> list = devices_to_try(text);
  for (std::size_t i = 0; i + 1 < list.size(); ++i) {
    try {
      return work(list[i]);
    } catch (const NoEngine&) {
    }
  }
  return work(list.back());
}

}  // namespace faltung::tools
