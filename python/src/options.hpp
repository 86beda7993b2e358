#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <faltung/execution.hpp>
#include <faltung/method.hpp>

namespace faltung::python {

/// How calls are carried out: what faltung.options says.
struct CallOptions {
  Method method = Method::automatic;
  Execution run = {};
};

/// Those in force where the caller is, which holds the interpreter's lock.
[[nodiscard]] CallOptions call_options();

/// Those that fit into a number, which compiled programs of XLA's keep: all but names and limits.
[[nodiscard]] std::int64_t packed_options(const CallOptions& options);
[[nodiscard]] CallOptions unpacked_options(std::int64_t packed);

/// The options of a call with those in force; a method that the call names itself stays.
template <typename Options>
[[nodiscard]] Options with_call_options(Options options) {
  const CallOptions given = call_options();
  const Stream stream = options.run.stream;
  options.run = given.run;
  options.run.stream = stream;
  if constexpr (requires { options.method; }) {
    if (options.method == Method::automatic) options.method = given.method;
  }
  return options;
}

}  // namespace faltung::python
