#pragma once

/// Bytes of a vector register of the set that a file is compiled for; 4, a float, on processors not
/// known to have vectors. A macro: a constant would differ between the files of a program.
#if defined(__AVX512F__)
#define FALTUNG_REGISTER_BYTES 64
#elif defined(__AVX__)
#define FALTUNG_REGISTER_BYTES 32
#elif defined(__SSE2__) || (defined(__aarch64__) && defined(__ARM_NEON))
#define FALTUNG_REGISTER_BYTES 16
#else
#define FALTUNG_REGISTER_BYTES 4
#endif
