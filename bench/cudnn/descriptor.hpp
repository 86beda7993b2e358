#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "bench/cudnn/library.hpp"

namespace faltung::bench {

/// A descriptor of cuDNN's backend API: created, given attributes, finalized.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type) {
    cudnnBackendDescriptor_t raw = nullptr;
    check_cudnn(cudnn().create_descriptor(type, &raw), "create a descriptor");
    handle_.reset(raw, cudnn().destroy_descriptor);
  }

  [[nodiscard]] cudnnBackendDescriptor_t get() const { return handle_.get(); }

  template <typename T>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                  std::span<const T> values) {
    check_cudnn(cudnn().set_attribute(get(), name, type, static_cast<std::int64_t>(values.size()),
                                      values.data()),
                "set an attribute");
    return *this;
  }
  template <typename T>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                  const T& value) {
    return set(name, type, std::span<const T>(&value, 1));
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, value.get());
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<std::int64_t>& values) {
    return set(name, CUDNN_TYPE_INT64, std::span<const std::int64_t>(values));
  }

  /// @throws DeviceError where cuDNN does not support what the attributes ask for.
  Descriptor& finalize() {
    check_cudnn(cudnn().finalize(get()), "do this");
    return *this;
  }

  /// The values of an attribute, at most `max`.
  template <typename T>
  [[nodiscard]] std::vector<T> values(cudnnBackendAttributeName_t name,
                                      cudnnBackendAttributeType_t type, std::size_t max) const {
    std::vector<T> result(max);
    std::int64_t count = 0;
    check_cudnn(cudnn().get_attribute(get(), name, type, static_cast<std::int64_t>(max), &count,
                                      result.data()),
                "read an attribute");
    result.resize(std::min(max, static_cast<std::size_t>(count)));
    return result;
  }

 private:
  std::shared_ptr<void> handle_;
};

}  // namespace faltung::bench
