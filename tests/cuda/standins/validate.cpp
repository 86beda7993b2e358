// Asks NVIDIA's libraries, or what stands in for them, the questions of validated.md, and prints
// one line "NAME<tab>ANSWER" each. Built twice: over the stand-ins on the emulated device, and for
// a GPU, where scripts/gpu-check runs each question in a process of its own.
//
// Usage: standin_validate [NAME...]   all, or those of these names
//        standin_validate --list

#include <algorithm>
#include <exception>
#include <iostream>

#include "tests/cuda/standins/questions.hpp"

int main(int count, char** arguments) {
  namespace test = faltung::test;
  const std::vector<std::string> wanted(arguments + 1, arguments + count);
  const bool list = wanted == std::vector<std::string>{"--list"};
  bool good = true;
  for (const auto& questions :
       {test::cufft_questions(), test::cublaslt_questions(), test::cudnn_questions()}) {
    for (const auto& [name, answer] : questions) {
      if (list) std::cout << name << '\n';
      if (list || (!wanted.empty() && std::ranges::count(wanted, name) == 0)) continue;
      try {
        std::cout << name << '\t' << answer() << std::endl;
      } catch (const std::exception& error) {
        std::cout << name << "\tno answer" << std::endl;
        std::cerr << name << ": " << error.what() << '\n';
        good = false;
      }
    }
  }
  return good ? 0 : 1;
}
