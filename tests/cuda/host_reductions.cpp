// The same by Thrust's loops on the host, where no compiler for GPUs comes near it.
#define THRUST_DEVICE_SYSTEM THRUST_DEVICE_SYSTEM_CPP
#include "tests/cuda/reductions.cu"  // NOLINT: for another device
