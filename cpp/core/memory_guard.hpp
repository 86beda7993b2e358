#pragma once

#include <cstdint>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"

namespace faltung {

/// Calls f, which makes something of `bytes` bytes in standard containers. Error is the base of all
/// that Faltung throws, so their exceptions become DeviceError.
template <typename F>
decltype(auto) with_memory(std::string_view what, std::uint64_t bytes, F&& f) {
  const auto refuse = [&]() {
    throw DeviceError(message("no memory for ", what, ", ", bytes, " bytes on cpu; ask for less"));
  };
  try {
    return f();
  } catch (const std::bad_alloc&) {
    refuse();
    throw;
  } catch (const std::length_error&) {
    refuse();
    throw;
  }
}

}  // namespace faltung
