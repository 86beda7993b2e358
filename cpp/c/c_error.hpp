#pragma once

#include <exception>
#include <new>
#include <string_view>
#include <utility>

#include <faltung/faltung.h>
#include <faltung/error.hpp>

/// How errors leave the C interface: as a number, and as a text that the thread keeps.
namespace faltung::c {

/// Keeps the text of this thread, or one that needs no memory if there is none.
faltung_status failed(faltung_status status, std::string_view text) noexcept;

/// Does `work`; whatever it throws becomes a status.
template <typename Work>
faltung_status guarded(Work&& work) noexcept {
  try {
    std::forward<Work>(work)();
    return FALTUNG_OK;
  } catch (const InvalidProblem& error) {
    return failed(FALTUNG_INVALID, error.what());
  } catch (const NoEngine& error) {
    return failed(FALTUNG_NO_ENGINE, error.what());
  } catch (const DeviceError& error) {
    return failed(FALTUNG_DEVICE_ERROR, error.what());
  } catch (const std::bad_alloc&) {
    return failed(FALTUNG_NO_MEMORY, "memory ran out: make the problem or its batch smaller");
  } catch (const std::exception& error) {
    return failed(FALTUNG_INTERNAL, error.what());
  } catch (...) {
    return failed(FALTUNG_INTERNAL,
                  "something that is no std::exception was thrown, by a callback");
  }
}

/// A text that the caller must give.
///
/// @throws InvalidProblem with the name of the argument and `way_out` if it is null.
std::string_view text_of(const char* text, std::string_view name, std::string_view way_out);

/// Where a function writes what it found.
///
/// @throws InvalidProblem with the name of the argument if it is null.
template <typename T>
T& target(T* pointer, std::string_view name) {
  (void)text_of(pointer == nullptr ? nullptr : "", name, "pass where the result goes");
  return *pointer;
}

/// Text for the caller's memory, with a 0 behind it, cut to `capacity` bytes.
///
/// @throws InvalidProblem if there is no memory but a capacity.
void give(std::string_view found, char* text, std::size_t capacity, std::size_t* bytes);

}  // namespace faltung::c
