#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <faltung/tensor.hpp>

namespace faltung::golden {

/// The lines "name: value value ..." of one of the files beside this one.
inline std::map<std::string, std::vector<double>> read(const std::string& file) {
  std::ifstream in(FALTUNG_GOLDEN_DIR "/" + file);
  if (!in) throw std::runtime_error("cannot open " FALTUNG_GOLDEN_DIR "/" + file);
  std::map<std::string, std::vector<double>> cases;
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    std::istringstream values(line.substr(colon + 1));
    std::vector<double>& numbers = cases[line.substr(0, colon)];
    for (std::string value; values >> value;) numbers.push_back(std::stod(value));
  }
  return cases;
}

/// Whole numbers from -50 to 50 (0 to 100 for unsigned types), as in the scripts that wrote the
/// files.
template <typename T>
Tensor sequence(const Shape& shape) {
  Tensor result(dtype_of<T>, shape);
  std::int64_t i = 0;
  for (T& value : result.values<T>()) {
    const std::int64_t number = (7 * i * i + 37 * i + 11) % 101;
    value = static_cast<T>(is_signed(dtype_of<T>) ? number - 50 : number);
    ++i;
  }
  return result;
}

/// All elements as double; complex ones as real and imaginary parts in turn.
inline std::vector<double> numbers(const Tensor& tensor) {
  const Tensor wide = compact_copy(tensor, is_complex(tensor.dtype()) ? c128 : f64);
  const auto* first = static_cast<const double*>(wide.data());
  return {first, first + wide.bytes() / sizeof(double)};
}

}  // namespace faltung::golden
