// Answers calls of public functions on standard input, for tests in other languages: thousands of
// small calls without starting a program for each.
//
//   request   {"call": "signal.convolve", "options": {...},
//              "operands": [{"dtype": "f64", "shape": [2, 3], "strides": [3, 1], "offset": 0,
//                            "elements": 6}, ...]}  newline, then the elements of all operands
//   answer    {"dtype": "f64", "shape": [2, 4]}  newline, then the elements, row-major
//         or  {"error": "InvalidProblem", "message": "..."}  newline
//
// Strides and offset are in elements, so that views of any kind can be sent. Its argument names the
// device that they are brought to and computed on; without one it is the CPU.

#include <cstdio>
#include <iostream>

#include "tests/oracles/calls.hpp"

namespace {

using nlohmann::json;

struct Operand {
  faltung::Tensor memory;
  faltung::ConstTensorView view;
};

Operand read_operand(const json& header, const faltung::Device& device) {
  const auto dtype = faltung::parse_dtype(header.at("dtype").get<std::string>()).value();
  Operand operand;
  operand.memory = faltung::Tensor(dtype, {header.at("elements").get<std::int64_t>()});
  std::cin.read(static_cast<char*>(operand.memory.data()),
                static_cast<std::streamsize>(operand.memory.bytes()));
  if (device != faltung::Device::cpu()) operand.memory = operand.memory.to(device);
  const auto size = faltung::size_of(dtype);
  operand.view = operand.memory.view();
  operand.view.data = static_cast<const std::byte*>(operand.view.data) +
                      header.at("offset").get<std::size_t>() * size;
  operand.view.shape = faltung::Shape(header.at("shape").get<std::vector<std::int64_t>>());
  operand.view.strides = faltung::Strides(header.at("strides").get<std::vector<std::int64_t>>());
  return operand;
}

faltung::Tensor answer(const json& request, const std::vector<Operand>& operands) {
  std::vector<faltung::ConstTensorView> views;
  for (const Operand& operand : operands) views.push_back(operand.view);
  faltung::oracles::CallOptions options(request.at("options"));
  auto result = faltung::oracles::call(request.at("call"), views, options);
  options.finish();
  return result;
}

void write_result(const faltung::Tensor& anywhere) {
  const faltung::Tensor result = anywhere.to(faltung::Device::cpu());
  const json header = {
      {"dtype", faltung::name(result.dtype())},
      {"shape", std::vector<std::int64_t>(result.shape().begin(), result.shape().end())}};
  std::cout << header.dump() << '\n';
  std::cout.write(static_cast<const char*>(result.data()),
                  static_cast<std::streamsize>(result.bytes()));
}

void write_error(const char* kind, const std::exception& error) {
  std::cout << json{{"error", kind}, {"message", error.what()}}.dump() << '\n';
}

}  // namespace

int main(int count, char** arguments) try {
  const auto device = faltung::Device::parse(count > 1 ? arguments[1] : "cpu");
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const json request = json::parse(line);
    std::vector<Operand> operands;
    for (const json& header : request.at("operands")) {
      operands.push_back(read_operand(header, device));
    }
    try {
      write_result(answer(request, operands));
    } catch (const faltung::InvalidProblem& error) {
      write_error("InvalidProblem", error);
    } catch (const faltung::NoEngine& error) {
      write_error("NoEngine", error);
    }
    std::cout.flush();
  }
  faltung::clear_plan_cache();  // before the libraries go that its plans use
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "oracle_server: %s\n", error.what());
  return 1;
}
