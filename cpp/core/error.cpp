#include <faltung/error.hpp>

namespace faltung {

// Out of line, so that the type information lives in the library alone and `catch` works across
// its border.
Error::~Error() = default;
InvalidProblem::~InvalidProblem() = default;
NoEngine::~NoEngine() = default;
DeviceError::~DeviceError() = default;

}  // namespace faltung
