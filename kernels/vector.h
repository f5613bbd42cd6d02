// Vec<T>: the widest vector of this instruction set, and the few functions that the cells need of it.
//
// Arithmetic is the compiler's vector extension, so one source serves every instruction set; only fused
// multiply-add and partial loads and stores name instructions.  The build forbids the compiler to contract a*b+c on
// its own: what is fused is what says fma(), so a number has the same bits in whatever block it is computed.
//
// exp, tanh and sigmoid.  With n = round(x / ln 2) and r = x - n ln 2, |r| <= ln 2 / 2, exp(x) - 1 is
// 2^n (r + r^2 q(r)) + (2^n - 1), where q interpolates (exp(r) - 1 - r) / r^2 at Chebyshev nodes (degree 4 for
// float, 10 for double: relative error 2.5e-8 and 5.5e-19 before rounding).  tanh|x| = m / (2 - m) with
// m = 1 - exp(-2|x|), which cancels nowhere, so its error is relative: a few units in the last place over the whole
// range.  sigmoid(x) = 1 / (1 + e) or e / (1 + e), e = exp(-|x|); below -88 (float) or -709 (double) it is 0.
// NaN gives NaN; infinities give the limits.  benchmarks/activations.py measures all 2^32 floats.
#pragma once
#include <cstdint>
#include <cstring>

#include "layer.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace elman {
namespace {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64, vector_registers = 32;
#elif defined(__AVX2__)
inline constexpr int vector_bytes = 32, vector_registers = 16;
#elif defined(__aarch64__)
inline constexpr int vector_bytes = 16, vector_registers = 32;
#else
inline constexpr int vector_bytes = 16, vector_registers = 16;
#endif

template <class T>
inline constexpr int lanes = vector_bytes / int(sizeof(T));

template <class T>
struct VectorTypes;

template <>
struct VectorTypes<float> {
  using Integer = std::int32_t;
  typedef float Value __attribute__((vector_size(vector_bytes)));
  typedef float Unaligned __attribute__((vector_size(vector_bytes), aligned(4), may_alias));
  typedef std::int32_t Integers __attribute__((vector_size(vector_bytes)));
};

template <>
struct VectorTypes<double> {
  using Integer = std::int64_t;
  typedef double Value __attribute__((vector_size(vector_bytes)));
  typedef double Unaligned __attribute__((vector_size(vector_bytes), aligned(8), may_alias));
  typedef std::int64_t Integers __attribute__((vector_size(vector_bytes)));
};

template <class T>
using Vec = typename VectorTypes<T>::Value;
template <class T>
using IntVec = typename VectorTypes<T>::Integers;

template <class T>
ELMAN_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VectorTypes<T>::Unaligned*>(p);
}

template <class T>
ELMAN_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VectorTypes<T>::Unaligned*>(p) = v;
}

template <class T>
ELMAN_INLINE Vec<T> broadcast(T a) {
  return a - Vec<T>{};  // the scalar is spread over the vector, and x - 0 is x for every x
}

template <class T>
ELMAN_INLINE Vec<T> zeros() {
  return Vec<T>{};
}

// The first `count` elements, 0 <= count <= lanes; the rest of the vector is zero.
template <class T>
ELMAN_INLINE Vec<T> load_part(const T* p, Index count) {
  if (count >= lanes<T>) return load(p);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return Vec<T>(_mm512_maskz_loadu_ps(__mmask16((1u << count) - 1), p));
  else return Vec<T>(_mm512_maskz_loadu_pd(__mmask8((1u << count) - 1), p));
#else
  alignas(vector_bytes) T part[lanes<T>] = {};
  for (Index i = 0; i < count; i++) part[i] = p[i];
  return load(part);
#endif
}

// The first `count` elements of a vector; the rest is zero, whatever it was.
template <class T>
ELMAN_INLINE Vec<T> first_of(Vec<T> v, Index count) {
  if (count >= lanes<T>) return v;
  alignas(vector_bytes) T part[lanes<T>];
  store(part, v);
  return load_part(part, count);
}

// Asks for the lines of `count` elements some time before they are read, or written.  The rows of a block are far apart,
// which no processor foresees.
template <bool written, class T>
ELMAN_INLINE void ask_for(const T* p, Index count) {
  for (Index i = 0; i < count; i += 64 / Index(sizeof(T))) __builtin_prefetch(p + i, written);
}

// Stores the first `count` elements and touches nothing else.
template <class T>
ELMAN_INLINE void store_part(T* p, Vec<T> v, Index count) {
  if (count >= lanes<T>) return store(p, v);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) _mm512_mask_storeu_ps(p, __mmask16((1u << count) - 1), __m512(v));
  else _mm512_mask_storeu_pd(p, __mmask8((1u << count) - 1), __m512d(v));
#else
  alignas(vector_bytes) T part[lanes<T>];
  store(part, v);
  for (Index i = 0; i < count; i++) p[i] = part[i];
#endif
}

// a*b + c, rounded once where the instruction set has it, else twice.
ELMAN_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
#if defined(__AVX512F__)
  return Vec<float>(_mm512_fmadd_ps(__m512(a), __m512(b), __m512(c)));
#elif defined(__FMA__)
  return Vec<float>(_mm256_fmadd_ps(__m256(a), __m256(b), __m256(c)));
#else
  return a * b + c;
#endif
}

ELMAN_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
#if defined(__AVX512F__)
  return Vec<double>(_mm512_fmadd_pd(__m512d(a), __m512d(b), __m512d(c)));
#elif defined(__FMA__)
  return Vec<double>(_mm256_fmadd_pd(__m256d(a), __m256d(b), __m256d(c)));
#else
  return a * b + c;
#endif
}

// The numbers 0 .. n-1 as template arguments.
template <int... number>
struct Numbers {};

template <class T, int half, int... lane>
ELMAN_INLINE void exchange(Vec<T>& a, Vec<T>& b, Numbers<lane...>) {
  const Vec<T> low = __builtin_shufflevector(a, b, (lane & half ? lanes<T> + lane - half : lane)...);
  b = __builtin_shufflevector(a, b, (lane & half ? lanes<T> + lane : lane + half)...);
  a = low;
}

// Transposes a square of `lanes` vectors in registers: squares of half its size change places across the diagonal, and
// are transposed in turn.
template <class T, int half = lanes<T> / 2, int... lane>
ELMAN_INLINE void transpose(Vec<T> (&rows)[lanes<T>], Numbers<lane...> all) {
#pragma GCC unroll 16
  for (int i = 0; i < lanes<T>; i++)
    if (!(i & half)) exchange<T, half>(rows[i], rows[i + half], all);
  if constexpr (half > 1) transpose<T, half / 2>(rows, all);
}

template <class T>
ELMAN_INLINE void transpose(Vec<T> (&rows)[lanes<T>]) {
  if constexpr (lanes<T> == 16) transpose<T>(rows, Numbers<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>{});
  else if constexpr (lanes<T> == 8) transpose<T>(rows, Numbers<0, 1, 2, 3, 4, 5, 6, 7>{});
  else if constexpr (lanes<T> == 4) transpose<T>(rows, Numbers<0, 1, 2, 3>{});
  else transpose<T>(rows, Numbers<0, 1>{});
}

// The larger of x and `least`; NaN stays NaN.
ELMAN_INLINE Vec<float> at_least(Vec<float> x, Vec<float> least) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  return Vec<float>(_mm256_max_ps(__m256(least), __m256(x)));  // of NaN and a number this is the second
#else
  return x < least ? least : x;
#endif
}

ELMAN_INLINE Vec<double> at_least(Vec<double> x, Vec<double> least) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  return Vec<double>(_mm256_max_pd(__m256d(least), __m256d(x)));
#else
  return x < least ? least : x;
#endif
}

// The constants of exp for one floating type.
template <class T>
struct Exponential;

template <>
struct Exponential<float> {
  static constexpr float least = -88.f;  // exp is 0 from here: its power of two rounds to 2^-127, stored as zero
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f, ln2 = 0.69314718f;
  static constexpr float round = 12582912.f + 127.f;  // 1.5 * 2^23 + bias: adding it leaves round(x) + bias in the low bits
  static constexpr std::int32_t mantissa = 23;
  static constexpr float q[] = {0.5f, 0.16666576845993976f, 0.0416665544376859f, 0.008363203f, 0.0013926213f};
};

template <>
struct Exponential<double> {
  static constexpr double least = -709.1;
  static constexpr double ln2_high = 6.93145751953125e-1, ln2_low = 1.42860682030941723212e-6, ln2 = 0.6931471805599453094;
  static constexpr double round = 6755399441055744. + 1023.;  // 1.5 * 2^52 + bias
  static constexpr std::int64_t mantissa = 52;
  static constexpr double q[] = {0.5, 0.16666666666666671008, 0.041666666666666669767, 0.0083333333333261120526,
                                 0.0013888888888883731828, 0.00019841269874901259234, 0.000024801587325605322782,
                                 2.7557255297969644392e-6, 2.7557273570102139673e-7, 2.5105259538448493419e-8,
                                 2.0914717341716375952e-9};
};

// For x <= 0: exp(x) = power * (1 + fraction).
template <class T>
struct ExpParts {
  Vec<T> power, fraction;
};

// `relative`: to a few units in the last place however small the result; else to that of 1, with an instruction less.
template <class T, bool relative>
ELMAN_INLINE ExpParts<T> exp_parts(Vec<T> x) {
  using E = Exponential<T>;
  const Vec<T> round = broadcast<T>(E::round);
  x = at_least(x, broadcast<T>(E::least));
  const Vec<T> shifted = fma(x, broadcast<T>(T(1.44269504088896340736)), round);
  const Vec<T> n = shifted - round;
  Vec<T> r = fma(n, broadcast<T>(relative ? -E::ln2_high : -E::ln2), x);
  if (relative) r = fma(n, broadcast<T>(-E::ln2_low), r);
  constexpr int degree = int(sizeof(E::q) / sizeof(T)) - 1;
  Vec<T> q = broadcast<T>(E::q[degree]);
#pragma GCC unroll 16
  for (int i = degree - 1; i >= 0; i--) q = fma(q, r, broadcast<T>(E::q[i]));
  const IntVec<T> exponent = IntVec<T>(shifted) << E::mantissa;  // the low bits in the place of an exponent: 2^n
  return {Vec<T>(exponent), fma(r * r, q, r)};
}

template <class T>
ELMAN_INLINE IntVec<T> sign_bits() {
  using Integer = typename VectorTypes<T>::Integer;
  return IntVec<T>{} + Integer(Integer(1) << (8 * sizeof(T) - 1));
}

template <class T>
ELMAN_INLINE Vec<T> negative_magnitude(Vec<T> x) {
  return Vec<T>(IntVec<T>(x) | sign_bits<T>());
}

template <class T>
ELMAN_INLINE Vec<T> tanh(Vec<T> x) {
  const Vec<T> down = negative_magnitude<T>(x);
  const auto [power, fraction] = exp_parts<T, false>(down + down);
  const Vec<T> rest = fma(-power, fraction, broadcast<T>(1) - power);  // 1 - exp(-2|x|)
  const Vec<T> magnitude = rest / (broadcast<T>(2) - rest);
  return Vec<T>(IntVec<T>(magnitude) | (IntVec<T>(x) & sign_bits<T>()));
}

template <class T>
ELMAN_INLINE Vec<T> sigmoid(Vec<T> x) {
  const Vec<T> one = broadcast<T>(1);
  const auto [power, fraction] = exp_parts<T, true>(negative_magnitude<T>(x));
  const Vec<T> e = fma(power, fraction, power);  // exp(-|x|)
  return (IntVec<T>(x) < 0 ? e : one) / (one + e);  // by the sign bit, for which there is an instruction
}

template <class T>
ELMAN_INLINE Vec<T> relu(Vec<T> x) {
  return x < zeros<T>() ? zeros<T>() : x;  // NaN stays NaN
}

}  // namespace
}  // namespace elman
