#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <faltung/error.hpp>
#include <faltung/problem.hpp>

// Any text is either refused with InvalidProblem or a problem that prints and parses back.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using faltung::Problem;
  try {
    const Problem problem =
        Problem::parse(std::string_view(reinterpret_cast<const char*>(data), size));
    // As text: a NaN constant is legal and equals nothing.
    const std::string text = to_string(problem);
    if (to_string(Problem::parse(text)) != text) std::abort();
  } catch (const faltung::InvalidProblem&) {
  }
  return 0;
}
