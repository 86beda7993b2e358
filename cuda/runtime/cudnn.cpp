#include "cuda/runtime/cudnn.hpp"

#include <algorithm>
#include <new>

#include <faltung/error.hpp>

#include "cpp/core/message.hpp"
#include "cuda/runtime/vendor_library.hpp"

namespace faltung::cuda::cudnn {

const Functions& functions() {
  static const Functions found = [] {
    const OpenLibrary& library = cudnn_library();
    if (!library) throw DeviceError(library.reason());
    Functions f;
    for_each_function(
        f, [&](const char* function, auto*& pointer) { library.load(function, pointer); });
    return f;
  }();
  return found;
}

void check(Status status, std::string_view function) {
  if (status == Status::success) return;
  if (status == Status::no_host_memory || status == Status::no_device_memory) {
    throw std::bad_alloc();
  }
  throw DeviceError(message("cuDNN: ", function, ": ", functions().error_string(status), " (",
                            static_cast<int>(status), ")"));
}

Descriptor::Descriptor(Kind kind) {
  RawDescriptor raw = nullptr;
  check(functions().create_descriptor(kind, &raw), "cudnnBackendCreateDescriptor");
  handle_.reset(raw, [](void* one) { (void)functions().destroy_descriptor(one); });
}

Descriptor& Descriptor::finalize() {
  check(functions().finalize(get()), "cudnnBackendFinalize");
  return *this;
}

std::size_t Descriptor::read(Attribute name, ValueType type, std::size_t max, void* to) const {
  std::int64_t count = 0;
  check(functions().get_attribute(get(), name, type, static_cast<std::int64_t>(max), &count, to),
        "cudnnBackendGetAttribute");
  return std::min(max, static_cast<std::size_t>(count));
}

std::string Descriptor::text(Attribute name) const {
  std::int64_t count = 0;
  check(functions().get_attribute(get(), name, ValueType::text, 0, &count, nullptr),
        "cudnnBackendGetAttribute");
  std::string result(static_cast<std::size_t>(count), '\0');
  read(name, ValueType::text, result.size(), result.data());
  result.resize(result.find_last_not_of('\0') + 1);  // with or without its end
  return result;
}

// They are written into descriptors that the caller made.
std::vector<Descriptor> Descriptor::descriptors(Attribute name, Kind kind, std::size_t max) const {
  std::vector<Descriptor> result;
  std::vector<RawDescriptor> raw;
  for (std::size_t i = 0; i < max; ++i) raw.push_back(result.emplace_back(kind).get());
  const std::size_t count = read(name, ValueType::descriptor, max, raw.data());
  result.erase(result.begin() + static_cast<std::ptrdiff_t>(count), result.end());
  return result;
}

}  // namespace faltung::cuda::cudnn
