#include "cuda/runtime/vendor_library.hpp"

#include <dlfcn.h>
#include <link.h>

#include <cstdlib>
#include <filesystem>

#include "cpp/core/message.hpp"

namespace faltung::cuda {
namespace {

// Local, so that its names meet nobody else's; resolved now, so that what it lacks shows here.
constexpr int flags = RTLD_NOW | RTLD_LOCAL;

std::string error_of_dl() {
  const char* text = dlerror();
  return text == nullptr ? "unknown error" : text;
}

// Empty if it is not set.
std::string variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value == nullptr ? "" : value;
}

std::string file_name(const VendorLibrary& wanted, int major) {
  return message(wanted.stem, major);
}

std::string majors(const VendorLibrary& wanted) {
  std::string text;
  for (const int major : wanted.majors) {
    text += message(text.empty() ? "" : " or ", major);
  }
  return text;
}

std::string file_of(void* handle) {
  link_map* map = nullptr;
  return dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != nullptr ? map->l_name : "";
}

}  // namespace

std::string to_string(const LibraryVersion& version) {
  return message(version.major, '.', version.minor, '.', version.patch);
}

OpenLibrary::OpenLibrary(const VendorLibrary& wanted) : name_(wanted.name) {
  handle_ = open(wanted);
  if (handle_ == nullptr) return;
  file_ = file_of(handle_);
  check(wanted);
}

void* OpenLibrary::find(const char* function) const { return dlsym(handle_, function); }

// Null, with the reason, if there is none.
void* OpenLibrary::open(const VendorLibrary& wanted) {
  if (const std::string named = variable(wanted.variable); !named.empty()) {
    void* const handle = dlopen(named.c_str(), flags);
    if (handle == nullptr) {
      reason_ =
          message(wanted.variable, " is '", named, "', which cannot be opened: ", error_of_dl(),
                  "; let it name the file of ", wanted.name, ' ', majors(wanted), ", or unset it");
    }
    return handle;
  }
  for (const int major : wanted.majors) {
    void* const held = dlopen(file_name(wanted, major).c_str(), flags | RTLD_NOLOAD);
    if (held != nullptr) return held;
  }
  std::string tried;
  const auto try_one = [&](const std::string& file) {
    void* const handle = dlopen(file.c_str(), flags);
    if (handle == nullptr) tried += message(tried.empty() ? "" : "; ", error_of_dl());
    return handle;
  };
  for (const int major : wanted.majors) {
    if (void* const handle = try_one(file_name(wanted, major))) return handle;
  }
  for (const std::string_view folder : wanted.folders) {
    const std::string root = variable(folder);
    if (root.empty()) continue;
    for (const int major : wanted.majors) {
      for (const char* below : {"lib64", "lib"}) {
        const std::filesystem::path file =
            std::filesystem::path(root) / below / file_name(wanted, major);
        std::error_code unreadable;
        if (!std::filesystem::exists(file, unreadable)) continue;
        if (void* const handle = try_one(file.string())) return handle;
      }
    }
  }
  reason_ = message(wanted.name, ' ', majors(wanted), " cannot be opened: ", tried,
                    "; install it (pip: ", wanted.package,
                    "), put its folder into LD_LIBRARY_PATH, "
                    "or let ",
                    wanted.variable, " name the file");
  return nullptr;
}

// Whether it says so.
bool OpenLibrary::read_version(const VendorLibrary& wanted) {
  if (!wanted.property.empty()) {
    using Property = int(int, int*);
    Property* property = nullptr;
    load(std::string(wanted.property).c_str(), property);
    int parts[3] = {};
    for (int i = 0; i < 3; ++i) {
      if (property == nullptr || property(i, &parts[i]) != 0) return false;
    }
    version_ = {parts[0], parts[1], parts[2]};
    return true;
  }
  using Numbers = int(unsigned*, unsigned*);
  Numbers* numbers = nullptr;
  load(std::string(wanted.numbers).c_str(), numbers);
  unsigned major = 0, minor = 0;
  if (numbers == nullptr || numbers(&major, &minor) != 0) return false;
  version_ = {static_cast<int>(major), static_cast<int>(minor), 0};
  return true;
}

// Finds fault with the library that is open.
void OpenLibrary::check(const VendorLibrary& wanted) {
  const auto other = [&] {
    return message("; use ", wanted.name, ' ', majors(wanted), ", which ", wanted.variable,
                   " may name");
  };
  if (!read_version(wanted)) {
    reason_ = message(file_, " does not tell its version by ",
                      wanted.property.empty() ? wanted.numbers : wanted.property, other());
    return;
  }
  const std::string self = message(wanted.name, ' ', to_string(version_), " in ", file_);
  bool known = false;
  for (const int major : wanted.majors) known = known || version_.major == major;
  if (!known) {
    reason_ = message(self, " is of another major version", other());
    return;
  }
  for (const std::string_view function : wanted.functions) {
    if (find(std::string(function).c_str()) != nullptr) continue;
    reason_ = message(self, " has no function ", function, other());
    return;
  }
  for (const LibraryFault& fault : wanted.faults) {
    if (version_ < fault.first || fault.last < version_) continue;
    reason_ = message(self, " is known to be wrong: ", fault.what, "; use another version");
    return;
  }
}

}  // namespace faltung::cuda
