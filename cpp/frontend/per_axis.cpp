#include <faltung/per_axis.hpp>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"

namespace faltung::detail {

void throw_per_axis(std::string_view field, std::size_t given, std::size_t axes) {
  throw InvalidProblem(message(field, " has ", given, " values for ", axes,
                               axes == 1 ? " axis" : " axes",
                               "; give one value for all, or one per axis"));
}

void throw_axis_value(std::uint64_t value) {
  throw InvalidProblem(message("an option per axis has the value ", value,
                               ", which i64 does not hold; use at most 2^63 - 1 (an unsigned "
                               "difference below 0 looks like this)"));
}

}  // namespace faltung::detail
