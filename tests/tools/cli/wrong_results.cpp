// Loaded before libfaltung to see whether `faltung verify` notices a wrong engine: the runs that
// compute the expected results are left alone, the first run of an engine under test and all later
// ones get a wrong element 3.

#include <dlfcn.h>

#include <cstring>
#include <faltung/plan.hpp>

namespace faltung {

// For each of the two fills: the reference, and the same on absolute values for the bound.
constexpr int honest_runs = 4;

void Plan::run(const Stream& stream, const ConstTensorView& first, const ConstTensorView& second,
               const TensorView& result, const Workspace& workspace,
               const ConstTensorView& bias) const {
  using Run = void (*)(const Plan*, const Stream&, const ConstTensorView&, const ConstTensorView&,
                       const TensorView&, const Workspace&, const ConstTensorView&);
  // The real function is the next one of the same name; a member function's address comes first in
  // its pointer (Itanium C++ ABI, 2.3).
  using Member = void (Plan::*)(const Stream&, const ConstTensorView&, const ConstTensorView&,
                                const TensorView&, const Workspace&, const ConstTensorView&) const;
  const Member member = &Plan::run;
  void* self = nullptr;
  std::memcpy(&self, &member, sizeof self);
  Dl_info info{};
  dladdr(self, &info);
  const auto real = reinterpret_cast<Run>(dlsym(RTLD_NEXT, info.dli_sname));
  real(this, stream, first, second, result, workspace, bias);
  static int runs = 0;
  if (++runs > honest_runs) static_cast<float*>(result.data)[3] += 1;
}

}  // namespace faltung
