#pragma once

#include <gtest/gtest.h>

#include <faltung/error.hpp>
#include <functional>
#include <string>

namespace faltung {

/// The message of the InvalidProblem that `f` throws; empty if it throws none.
inline std::string refusal_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const InvalidProblem& error) {
    return error.what();
  }
  return {};
}

/// The statement must throw InvalidProblem with `part` in its message.
#define EXPECT_REFUSED(statement, part)                                                      \
  EXPECT_NE(::faltung::refusal_of([&] { (void)(statement); }).find(part), std::string::npos) \
      << "says: " << ::faltung::refusal_of([&] { (void)(statement); })

}  // namespace faltung
