// Plans a layer once and runs it on many frames: no allocation and no decision inside the loop.

#include <algorithm>
#include <iostream>

#include <faltung/faltung.hpp>

int main() {
  const faltung::Shape frame_shape = {1, 3, 48, 64};
  const faltung::Shape filter_shape = {8, 3, 5, 5};
  const faltung::Problem problem =
      faltung::nn::conv_problem(frame_shape, filter_shape, {.stride = 2, .padding = 2});
  faltung::Plan plan =
      faltung::Plan::make(problem, faltung::Device::cpu(),
                          {.workspace_limit = std::size_t{64} << 20, .elementwise = true});
  std::cout << plan.explain() << '\n';

  faltung::Tensor w(problem.filter, problem.w_shape());
  for (std::size_t i = 0; i < w.values<float>().size(); ++i) {
    w.values<float>()[i] = static_cast<float>(i % 7) - 3;
  }
  const faltung::Stream stream;
  plan.bind_filter(stream, w);  // packed, or transformed, once

  // The workspace may serve any number of plans in turn.
  faltung::Tensor memory(faltung::u8, {static_cast<std::int64_t>(plan.workspace_bytes())});
  const faltung::Workspace workspace{memory.data(), memory.bytes()};
  faltung::Tensor x(problem.input, problem.x_shape()), y(problem.output, problem.y_shape());
  for (int frame = 0; frame < 10; ++frame) {
    for (std::size_t i = 0; i < x.values<float>().size(); ++i) {
      x.values<float>()[i] = static_cast<float>((i + static_cast<std::size_t>(frame)) % 5);
    }
    plan.run_bound(stream, x, y, workspace);
    // Sums of small integers are exact where every output keeps its own accuracy (`elementwise`),
    // so all those engines give the same bits.
    const faltung::Tensor expected =
        faltung::nn::conv(x, w, {.stride = 2, .padding = 2, .run = {.engine = "cpu.reference"}});
    if (!std::ranges::equal(y.values<float>(), expected.values<float>())) return 1;
  }
  std::cout << "10 frames of " << y.shape() << " are right\n";
  return 0;
}
