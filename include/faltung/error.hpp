#pragma once

#include <stdexcept>
#include <string>

#include <faltung/export.hpp>

namespace faltung {

/// Base of everything Faltung throws. The message names the field, its value, the rule, and the
/// way out.
class FALTUNG_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  ~Error() override;
};

/// The caller's mistake: the problem, a view or an option contradicts a documented rule.
class FALTUNG_API InvalidProblem : public Error {
 public:
  using Error::Error;
  ~InvalidProblem() override;
};

/// The problem is meaningful, but no engine here can do it; lists those asked for with reasons.
class FALTUNG_API NoEngine : public Error {
 public:
  using Error::Error;
  ~NoEngine() override;
};

/// A device, a driver or a vendor library failed, or memory ran out.
class FALTUNG_API DeviceError : public Error {
 public:
  using Error::Error;
  ~DeviceError() override;
};

}  // namespace faltung
