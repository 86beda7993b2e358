#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <faltung/boundary.hpp>
#include "tests/surface/case.hpp"

namespace faltung::test::surface {

/// Exact sums of integers, modulo 2^128.
__extension__ using Wide = unsigned __int128;
__extension__ using SignedWide = __int128;

/// What a sum of products is, and what bounds of its error are made of.
struct Sum {
  long double re = 0;
  long double im = 0;
  long double magnitude = 0;  ///< sum of |a| |b|
  long double error = 0;      ///< what the factors' own errors amount to
  Wide whole = 0;             ///< of integers
  std::int64_t terms = 0;
  int low = 1 << 20;     ///< every product is a multiple of 2^low
  bool touched = false;  ///< by NaN or infinity

  void add(const Value& a, const Value& b, bool conjugate_b = false);
};

/// One axis of the definition: output o meets tap r at place o stride + r dilation - lo of the
/// dilated, continued input. `flip` reads the taps backwards.
struct Line {
  std::int64_t input = 1;
  std::int64_t taps = 1;
  std::int64_t output = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t up = 1;  ///< 1 + the zeros between neighbours
  std::int64_t lo = 0;
  bool flip = false;
  Boundary below = {};
  Boundary above = {};
};

/// The one formula to which every front end's options are mapped, each by a small function of its
/// own. Operands lie compact: x [n, c, spatial...], w [k, c/groups, taps...], y [n, k, spatial...].
struct Geometry {
  std::int64_t batch = 1;
  std::int64_t in_channels = 1;
  std::int64_t out_channels = 1;
  std::int64_t groups = 1;
  std::vector<Line> axes = {};
  DType input = DType::f32;  ///< of x: boundary values are rounded to it
};

/// y = sum of w X, or of conj(w) X.
[[nodiscard]] std::vector<Sum> forward(const Geometry& geometry, const std::vector<Value>& x,
                                       const std::vector<Value>& w, bool conjugate = false);
/// dx = sum of conj(w) dy, or of w dy: every output adds to the inputs that it was made of.
[[nodiscard]] std::vector<Sum> spread(const Geometry& geometry, const std::vector<Value>& dy,
                                      const std::vector<Value>& w, bool conjugate);
/// dw = sum of conj(X) dy, or of X conj(dy).
[[nodiscard]] std::vector<Sum> filter_sums(const Geometry& geometry, const std::vector<Value>& x,
                                           const std::vector<Value>& dy, bool conjugate_dy = false);

/// The numbers of one channel of x that every output meets at each tap, outputs slowest; zeros of a
/// zero boundary too.
[[nodiscard]] std::vector<long double> windows(const Geometry& geometry,
                                               const std::vector<Value>& x);

/// ||X|| ||w|| and its kind, of what is finite, for bounds by the norm.
struct Norms {
  long double product = 0;    ///< of the two operands' 2-norms, the first one continued
  long double reach = 0;      ///< more than any number in the course of a transform
  long double largest = 0;    ///< the sum of the operands' largest magnitudes
  long double underflow = 0;  ///< times the smallest number: what vanishes in the spectra
  bool finite = true;         ///< whether all is
};
[[nodiscard]] Norms norms(const Geometry& geometry, const std::vector<Value>& first,
                          const std::vector<Value>& second);

}  // namespace faltung::test::surface
