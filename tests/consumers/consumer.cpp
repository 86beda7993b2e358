// What a user's first program does: describe a problem, make a plan, run it.

#include <bit>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <vector>

#include <faltung/faltung.hpp>

int main() try {
  const auto problem = faltung::Problem::parse("op=fwd dtype=f32 in=5 f=3 pad=1 flip=1");
  const std::vector<float> x = {1, 2, 3, 4, 5};
  const std::vector<float> w = {1, 10, 100};
  const std::vector<float> expected = {12, 123, 234, 345, 450};
  std::vector<float> y(5);
  const auto plan = faltung::Plan::make(problem);
  plan.run(faltung::view(x.data(), problem.x_shape()), faltung::view(w.data(), problem.w_shape()),
           faltung::view(y.data(), problem.y_shape()));
  if (y != expected) {
    std::fputs("the sums are wrong\n", stderr);
    return 1;
  }
  // What is no number stays none, though this program may be compiled with -ffast-math.
  const auto layer = faltung::Problem::parse("op=fwd dtype=f32 in=5 f=3 pad=1 act=relu");
  const std::vector<float> nan(5, std::bit_cast<float>(0x7fc00000u));
  faltung::Plan::make(layer).run(faltung::view(nan.data(), layer.x_shape()),
                                 faltung::view(w.data(), layer.w_shape()),
                                 faltung::view(y.data(), layer.y_shape()));
  if ((std::bit_cast<std::uint32_t>(y[2]) & 0x7fffffffu) <= 0x7f800000u) {
    std::fputs("relu(NaN) is a number\n", stderr);
    return 1;
  }
#ifdef HAS_CUDA
  const faltung::BuildFeatures features = faltung::build_features();
  if (features.cuda != HAS_CUDA) {
    std::fputs("the CMake variable faltung_HAS_CUDA is wrong\n", stderr);
    return 1;
  }
#endif
  // An exception of the library must be caught by its type on this side of the boundary.
  try {
    (void)faltung::Problem::parse("op=nonsense");
  } catch (const faltung::InvalidProblem&) {
    return 0;
  }
  std::fputs("an invalid problem was accepted\n", stderr);
  return 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
