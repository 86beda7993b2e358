#pragma once

// Load callbacks of cuFFT. It finds them by name and parameters, so they are in no namespace.
// Source: cuFFT's documentation, "LTO Load and Store Callback Routines"; cufftXt.h.
//
//   of blocks of   f32, f64, c64, c128, or f64 with digits of integers
//   blocks are     a line of points, or a block of several axes
//   elements are   what blocks are made of ("own"), or of any type
//
// FALTUNG_FFT_CALLBACKS(define) calls define(name, what cuFFT gets, T, Source, rank, own).
#define FALTUNG_FFT_CALLBACKS_OF(define, word, Result, T)                    \
  define(faltung_fft_load_##word##_line_own, Result, T, T, 1, true)          \
      define(faltung_fft_load_##word##_line_any, Result, T, T, 1, false)     \
          define(faltung_fft_load_##word##_block_own, Result, T, T, 3, true) \
              define(faltung_fft_load_##word##_block_any, Result, T, T, 3, false)
#define FALTUNG_FFT_CALLBACKS(define)                                               \
  FALTUNG_FFT_CALLBACKS_OF(define, f32, float, float)                               \
  FALTUNG_FFT_CALLBACKS_OF(define, f64, double, double)                             \
  FALTUNG_FFT_CALLBACKS_OF(define, c64, float2, ::faltung::cuda::Complex<float>)    \
  FALTUNG_FFT_CALLBACKS_OF(define, c128, double2, ::faltung::cuda::Complex<double>) \
  define(faltung_fft_load_digits_line_any, double, double, std::uint64_t, 1, false) \
      define(faltung_fft_load_digits_block_any, double, double, std::uint64_t, 3, false)
