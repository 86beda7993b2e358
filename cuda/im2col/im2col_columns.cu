#include "cuda/im2col/im2col_launch.cuh"

namespace faltung::cuda::im2col {

#define FALTUNG_INSTANCES(T)                                                   \
  template void launch_columns<T>(const ColumnsArguments&, bool, LaunchQueue); \
  template void launch_filter<T>(const FilterArguments&, LaunchQueue)
FALTUNG_INSTANCES(float);
FALTUNG_INSTANCES(double);
FALTUNG_INSTANCES(Half);
FALTUNG_INSTANCES(BFloat16);
FALTUNG_INSTANCES(std::int8_t);
FALTUNG_INSTANCES(Complex<float>);
FALTUNG_INSTANCES(Complex<double>);
#undef FALTUNG_INSTANCES

}  // namespace faltung::cuda::im2col
