#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <set>
#include <string>

#include <faltung/machine.hpp>
#include <faltung/plan.hpp>

#include "cpp/core/engine.hpp"
#include "cpp/core/machine.hpp"
#include "cuda/cudnn/cudnn_choice.hpp"
#include "cuda/cudnn/cudnn_engine.hpp"
#include "tests/cuda/standins/cudnn_standin.hpp"

// What the real cuDNN chooses for GPUs that are not here, from a text that describes them.
namespace faltung::cuda::cudnn {
namespace {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

constexpr const char* problems[] = {
    "op=fwd dtype=f32 n=32 c=64 k=64 in=56x56 f=3x3 pad=1",
    "op=fwd dtype=f32 n=32 c=64 k=64 in=56x56 f=3x3 pad=1 layout=nhwc",
    "op=dgrad dtype=f32 n=32 c=64 k=64 in=56x56 f=3x3 pad=1",
    "op=wgrad dtype=f32 n=32 c=64 k=64 in=56x56 f=3x3 pad=1",
    "op=fwd dtype=f16 n=64 c=256 k=256 in=28x28 f=3x3 pad=1 layout=nhwc",
    "op=fwd dtype=f16 n=64 c=256 k=256 in=28x28 f=3x3 pad=1",
    "op=dgrad dtype=f16 n=64 c=256 k=256 in=28x28 f=3x3 pad=1 layout=nhwc",
    "op=wgrad dtype=bf16 n=64 c=256 k=256 in=28x28 f=3x3 pad=1 layout=nhwc",
    "op=fwd dtype=f16 n=16 c=64 k=64 g=64 in=56x56 f=7x7 pad=3 layout=nhwc",
    "op=fwd dtype=f64 n=8 c=64 k=64 in=56x56 f=3x3 pad=1",
    "op=fwd dtype=f32 n=4 c=8 k=8 in=1000 f=31 pad=15",
    "op=fwd dtype=bf16 n=2 c=16 k=16 in=20x20x20 f=3x3x3 pad=1",
    "op=fwd dtype=i8 overflow=saturate n=64 c=256 k=256 in=28x28 f=3x3 pad=1 layout=nhwc"};

Descriptor device_named(const char* name) {
  return device_of(device_text(find_gpu_machine(name).value()));
}

// As accurate as asked for, in a fixed order, and compiled already.
TEST(CudnnChoice, KeepsToWhatIsStrictOnEveryGpu) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* gpu : {"h200", "a100", "b200"}) {
    const Descriptor device = device_named(gpu);
    for (const char* line : problems) {
      SCOPED_TRACE(std::string(gpu) + ": " + line);
      const Problem p = Problem::parse(line);
      const Choice choice = choose(p, device, full_alignment, no_limit);
      for (const char* word : {"nondeterministic", "reduced", "down_convert", "fft", "winograd"}) {
        EXPECT_EQ(choice.notes.find(word), std::string::npos) << choice.notes;
      }
      EXPECT_TRUE(p.input != DType::f32 || !choice.tensor_core);  // it would be TF32
      EXPECT_NE(choice.plan.find("\"engineId\":" + std::to_string(choice.engine)),
                std::string::npos);
      std::printf("%s: engine %ld %s, workspace %zu [%s]\n", gpu, static_cast<long>(choice.engine),
                  choice.notes.c_str(), choice.workspace_bytes, line);
    }
  }
}

TEST(CudnnChoice, DenseHalfLayersRunOnTensorCores) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* gpu : {"h200", "a100", "b200"}) {
    const Choice choice =
        choose(Problem::parse(problems[4]), device_named(gpu), full_alignment, no_limit);
    EXPECT_TRUE(choice.tensor_core) << gpu;
  }
}

// With a bias a dense layer keeps to tensor cores; a relu takes what says that it keeps NaN.
TEST(CudnnChoice, EpiloguesOnEveryGpu) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* gpu : {"h200", "a100", "b200"}) {
    const Descriptor device = device_named(gpu);
    const auto chosen = [&](const char* epilogue) {
      const Problem p = Problem::parse(problems[4] + std::string(epilogue));
      return choose(p, device, full_alignment, no_limit);
    };
    for (const char* epilogue : {" bias=1", " alpha=0.5 beta=1"}) {
      EXPECT_TRUE(chosen(epilogue).tensor_core) << gpu << epilogue;
    }
    EXPECT_NE(chosen(" bias=1 act=relu").notes.find("keeps_nan"), std::string::npos) << gpu;
  }
}

// The program and the front ends say what would be chosen there.
TEST(CudnnChoice, IsExplainedForMachinesThatAreNotHere) {
  FALTUNG_NEEDS_CUDNN();
  for (const char* gpu : {"h200", "a100", "b200"}) {
    const Problem p = Problem::parse(problems[4]);
    const ScopedMachine scope(*find_gpu_machine(gpu));
    const std::string words = cudnn_engine().describe_elsewhere(p);
    const Choice choice = choose(p, device_named(gpu), full_alignment, usual_limit(p));
    EXPECT_EQ(words, to_string(choice));
    EXPECT_NE(words.find("tensor_core of cuDNN 9."), std::string::npos) << words;
    if (std::ranges::count(engine_names(), std::string("cuda.cudnn")) == 0) continue;
    const std::string text = explain_for(p, gpu);
    EXPECT_NE(text.find(words), std::string::npos) << text;
  }
  EXPECT_EQ(cudnn_engine().describe_elsewhere(Problem::parse(problems[4])), "");
}

// What is proposed first for f32 is TF32: allowed when it is asked for.
TEST(CudnnChoice, FastSumsOfF32MayBeTf32) {
  FALTUNG_NEEDS_CUDNN();
  const std::string line = problems[1];
  const Descriptor device = device_named("h200");
  EXPECT_TRUE(
      choose(Problem::parse(line + " math=fast"), device, full_alignment, no_limit).tensor_core);
  EXPECT_FALSE(choose(Problem::parse(line), device, full_alignment, no_limit).tensor_core);
}

// 32 limits from none to the wish: no more than the limit, or the least there is.
TEST(CudnnChoice, KeepsToTheLimitOfTheWorkspace) {
  FALTUNG_NEEDS_CUDNN();
  const Descriptor device = device_named("h200");
  int smaller = 0;
  for (const char* line : problems) {
    const Problem p = Problem::parse(line);
    const std::size_t wish = choose(p, device, full_alignment, no_limit).workspace_bytes;
    const std::size_t min = choose(p, device, full_alignment, 0).workspace_bytes;
    EXPECT_LE(min, wish) << line;
    smaller += min < wish ? 1 : 0;
    for (std::size_t i = 0; i < 32; ++i) {
      const std::size_t limit = wish * i / 31;
      EXPECT_LE(choose(p, device, full_alignment, limit).workspace_bytes, std::max(limit, min))
          << line;
    }
  }
  EXPECT_GT(smaller, 0);
}

// By all that a choice depends on: another version of cuDNN, device, problem, alignment or limit is
// another file.
TEST(CudnnChoice, IsKeptByAllItDependsOn) {
  FALTUNG_NEEDS_CUDNN();
  const Descriptor h200 = device_named("h200"), a100 = device_named("a100");
  const Problem p = Problem::parse(problems[0]), other = Problem::parse(problems[1]);
  const std::set<std::string> keys = {key_of(p, h200, 16, 1000), key_of(p, a100, 16, 1000),
                                      key_of(other, h200, 16, 1000), key_of(p, h200, 4, 1000),
                                      key_of(p, h200, 16, 1001)};
  EXPECT_EQ(keys.size(), 5U);
  const std::string version = "cuDNN " + to_string(cudnn_library().version()) + ' ';
  for (const std::string& key : keys) EXPECT_TRUE(key.starts_with(version)) << key;
}

// The text gives the plan back.
TEST(CudnnChoice, PlansAreMadeOfTheirText) {
  FALTUNG_NEEDS_CUDNN();
  const Descriptor device = device_named("a100");
  const Choice choice = choose(Problem::parse(problems[4]), device, full_alignment, no_limit);
  const Descriptor plan = plan_of(choice.plan, device);
  EXPECT_EQ(plan.value(Attribute::plan_workspace),
            static_cast<std::int64_t>(choice.workspace_bytes));
}

}  // namespace
}  // namespace faltung::cuda::cudnn
