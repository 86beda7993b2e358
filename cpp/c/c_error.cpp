#include "cpp/c/c_error.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "cpp/core/message.hpp"

namespace faltung::c {
namespace {

// Of this thread, until the next failure.
struct LastError {
  std::string text;
  const char* fixed = nullptr;  // instead of a text that there was no memory for
};
thread_local LastError last;

}  // namespace

faltung_status failed(faltung_status status, std::string_view text) noexcept {
  try {
    last.text = text;
    last.fixed = nullptr;
  } catch (...) {
    last.fixed = "memory ran out, also for what else went wrong";
  }
  return status;
}

std::string_view text_of(const char* text, std::string_view name, std::string_view way_out) {
  if (text == nullptr) {
    throw InvalidProblem(message(name, " is a null pointer; ", way_out));
  }
  return text;
}

void give(std::string_view found, char* text, std::size_t capacity, std::size_t* bytes) {
  if (text == nullptr && capacity != 0) {
    throw InvalidProblem(message("text is a null pointer, but its capacity is ", capacity,
                                 "; pass memory, or 0 to ask for the size"));
  }
  if (bytes != nullptr) *bytes = found.size() + 1;
  if (capacity == 0) return;
  const std::size_t kept = std::min(found.size(), capacity - 1);
  std::memcpy(text, found.data(), kept);
  text[kept] = '\0';
}

}  // namespace faltung::c

const char* faltung_last_error(void) {
  const auto& last = faltung::c::last;
  return last.fixed != nullptr ? last.fixed : last.text.c_str();
}

const char* faltung_status_name(faltung_status status) {
  switch (status) {
    case FALTUNG_OK:
      return "FALTUNG_OK";
    case FALTUNG_INVALID:
      return "FALTUNG_INVALID";
    case FALTUNG_NO_ENGINE:
      return "FALTUNG_NO_ENGINE";
    case FALTUNG_DEVICE_ERROR:
      return "FALTUNG_DEVICE_ERROR";
    case FALTUNG_NO_MEMORY:
      return "FALTUNG_NO_MEMORY";
    case FALTUNG_INTERNAL:
      return "FALTUNG_INTERNAL";
    default:
      return "unknown status";
  }
}
