// The one source file of ducc0 that its transforms need, included to be compiled as theirs is.
#include "cpp/cpu/fft/ducc0.hpp"
#include "ducc0/infra/threading.cc"
