#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "tests/emulator/execution.hpp"
#include "tests/emulator/violation.hpp"

/// What all libraries that stand in for NVIDIA's share: calls are counted, and fail on request.
namespace faltung::test {

/// A rule of the library is broken that the real one punishes by wrong numbers or worse.
[[noreturn]] inline void object(const std::string& what) {
  const auto turn = emulator::take_turn();  // no kernel of another thread is running
  emulator::fail(emulator::Check::library_misuse, what);
}

class Calls {
 public:
  Calls() {
    // STANDIN_FAIL=cufftXtExec:2:6 lets the second call of that function answer 6.
    const char* wish = std::getenv("STANDIN_FAIL");
    char function[64];
    int nth = 0, status = 0;
    if (wish != nullptr && std::sscanf(wish, "%63[^:]:%d:%d", function, &nth, &status) == 3) {
      fail(function, nth, status);
    }
  }
  /// Lets the nth call from now on of a function, "any" for all of them together, answer `status`
  /// and do nothing; 0: none fails any more. Counts from 0.
  void fail(const char* function, int nth, int status) {
    const std::lock_guard lock(mutex_);
    counts_.clear();
    function_ = function;
    nth_ = nth;
    status_ = status;
  }
  /// Counts a call; what it must answer, or 0.
  int note(const char* function) {
    const emulator::Spared spared;
    const std::lock_guard lock(mutex_);
    const int own = ++count_of(function), all = ++count_of("any");
    const int now = function_ == "any" ? all : function_ == function ? own : 0;
    return nth_ != 0 && now == nth_ ? status_ : 0;
  }
  int count(const char* function) {
    const std::lock_guard lock(mutex_);
    return count_of(function);
  }

 private:
  int& count_of(std::string_view function) {
    const auto found = counts_.find(function);
    return found != counts_.end() ? found->second : counts_.emplace(function, 0).first->second;
  }

  std::mutex mutex_;
  std::map<std::string, int, std::less<>> counts_;
  std::string function_;
  int nth_ = 0, status_ = 0;
};

}  // namespace faltung::test
