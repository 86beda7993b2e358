// Stands in for libcuda.so where cuDNN looks for it by that name, so that cuDNN makes plans whose
// kernels it compiles, on a machine without a driver: what it compiled is taken and dropped. The
// other libraries look for libcuda.so.1, and still find no driver.
extern "C" {

// NOLINTBEGIN: the driver's names, of which only these are called while planning
int cuLibraryLoadData(void** library, const void*, void*, void*, unsigned, void*, void*, unsigned) {
  *library = reinterpret_cast<void*>(16);
  return 0;
}
int cuLibraryGetKernel(void** kernel, void*, const char*) {
  *kernel = reinterpret_cast<void*>(32);
  return 0;
}
int cuLibraryUnload(void*) { return 0; }
int cuDeviceGetCount(int* count) {
  *count = 1;
  return 0;
}
int cuGetErrorString(int, const char** text) {
  *text = "no error";
  return 0;
}

// These must be there.
#define FALTUNG_NEVER_CALLED(function) \
  int function() { return 801; }  // CUDA_ERROR_NOT_SUPPORTED
FALTUNG_NEVER_CALLED(cuCtxGetCurrent)
FALTUNG_NEVER_CALLED(cuCtxGetLimit)
FALTUNG_NEVER_CALLED(cuCtxPopCurrent)
FALTUNG_NEVER_CALLED(cuCtxPopCurrent_v2)
FALTUNG_NEVER_CALLED(cuCtxPushCurrent)
FALTUNG_NEVER_CALLED(cuCtxPushCurrent_v2)
FALTUNG_NEVER_CALLED(cuDeviceGet)
FALTUNG_NEVER_CALLED(cuDriverGetVersion)
FALTUNG_NEVER_CALLED(cuGetErrorName)
FALTUNG_NEVER_CALLED(cuKernelGetAttribute)
FALTUNG_NEVER_CALLED(cuKernelSetAttribute)
FALTUNG_NEVER_CALLED(cuLaunchCooperativeKernel)
FALTUNG_NEVER_CALLED(cuLaunchKernel)
FALTUNG_NEVER_CALLED(cuLaunchKernelEx)
FALTUNG_NEVER_CALLED(cuLibraryLoadFromFile)
FALTUNG_NEVER_CALLED(cuLinkAddData)
FALTUNG_NEVER_CALLED(cuLinkAddData_v2)
FALTUNG_NEVER_CALLED(cuLinkComplete)
FALTUNG_NEVER_CALLED(cuLinkCreate)
FALTUNG_NEVER_CALLED(cuLinkCreate_v2)
FALTUNG_NEVER_CALLED(cuLinkDestroy)
FALTUNG_NEVER_CALLED(cuOccupancyMaxPotentialClusterSize)
FALTUNG_NEVER_CALLED(cuStreamGetCtx)
// NOLINTEND

}  // extern "C"
