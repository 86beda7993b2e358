#include "cuda/im2col/im2col_launch.cuh"

namespace faltung::cuda::im2col {

template void launch_gather<float>(const StoreArguments&, LaunchQueue);
template void launch_gather<double>(const StoreArguments&, LaunchQueue);

#define FALTUNG_INSTANCES(Acc)                                         \
  template void launch_store<Acc>(const StoreArguments&, LaunchQueue); \
  template void launch_store_filter<Acc>(const StoreArguments&, LaunchQueue)
FALTUNG_INSTANCES(float);
FALTUNG_INSTANCES(double);
FALTUNG_INSTANCES(std::uint32_t);
FALTUNG_INSTANCES(Complex<float>);
FALTUNG_INSTANCES(Complex<double>);
#undef FALTUNG_INSTANCES

}  // namespace faltung::cuda::im2col
