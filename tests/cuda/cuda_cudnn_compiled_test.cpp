#include <dlfcn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include <faltung/machine.hpp>

#include "cuda/cudnn/cudnn_choice.hpp"
#include "tests/cuda/standins/cudnn_standin.hpp"

// Engines that cuDNN compiles at run time, which it does where it finds a driver of some kind.
namespace faltung::cuda::cudnn {
namespace {

// Before cuDNN looks for it.
[[maybe_unused]] const void* const driver = dlopen(FALTUNG_LIBCUDA_STANDIN, RTLD_NOW | RTLD_GLOBAL);

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

bool compiles(const Problem& p, const Descriptor& device, std::int64_t engine) {
  return traits_of(default_config(graph_of(p, full_alignment), device, engine)).compiles;
}

// Compiling takes seconds: only where every choice is asked for, and later from what was kept.
TEST(CudnnCompiled, OnlyWhenMeasuringOrFromWhatWasKept) {
  FALTUNG_NEEDS_CUDNN();
  ASSERT_NE(driver, nullptr) << dlerror();
  // cuDNN loads its compiler by this name, and proposes nothing to compile without it.
  if (dlopen(FALTUNG_NVRTC, RTLD_NOW) == nullptr) {
    GTEST_SKIP() << "cuDNN's compiled engines: NOT RUN, " << dlerror();
  }
  const Descriptor device = device_of(device_text(find_gpu_machine("h200").value()));
  const std::string line = "op=fwd dtype=f16 n=16 c=64 k=64 g=64 in=56x56 f=7x7 pad=3 layout=nhwc";
  const Problem p = Problem::parse(line);
  const std::vector<Descriptor> ranked =
      ranked_configs(graph_of(p, full_alignment), device, Heuristic::a);
  ASSERT_TRUE(traits_of(ranked.at(0)).compiles);  // of all that is proposed the best
  const Choice before = choose(p, device, full_alignment, no_limit);
  EXPECT_FALSE(compiles(p, device, before.engine));

  const std::vector<Choice> all = every_choice(p, device, full_alignment, no_limit);
  const auto compiled =
      std::ranges::find_if(all, [&](const Choice& one) { return compiles(p, device, one.engine); });
  ASSERT_NE(compiled, all.end());
  for (const Choice& one : all) {
    std::printf("engine %ld %s, workspace %zu%s\n", static_cast<long>(one.engine),
                one.notes.c_str(), one.workspace_bytes,
                compiles(p, device, one.engine) ? ", compiled" : "");
  }
  EXPECT_GT(compiled->plan.size(), 20000U);  // with its code

  // Under another limit, since the first choice was kept.
  const Choice after = choose(p, device, full_alignment, no_limit - 1);
  EXPECT_EQ(after.engine, traits_of(ranked.at(0)).index);
  EXPECT_EQ(make_ready(p, device, full_alignment, no_limit - 1).choice.plan, after.plan);
}

}  // namespace
}  // namespace faltung::cuda::cudnn
