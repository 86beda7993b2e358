#include <faltung/accuracy.hpp>

#include <faltung/error.hpp>
#include "cpp/core/message.hpp"

namespace faltung {

std::string_view name(Accuracy accuracy) noexcept {
  return accuracy == Accuracy::elementwise ? "elementwise" : "normwise";
}

Accuracy parse_accuracy(std::string_view text) {
  for (const Accuracy accuracy : {Accuracy::normwise, Accuracy::elementwise}) {
    if (text == name(accuracy)) return accuracy;
  }
  throw InvalidProblem(
      message("accuracy is '", text, "'; it must be one of normwise, elementwise"));
}

}  // namespace faltung
