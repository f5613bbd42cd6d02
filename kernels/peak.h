// How fast a thread multiplies and adds when nothing else is in the way: what percentages of the peak are percentages of.
#pragma once
#include "vector.h"

namespace elman {
namespace {

// Does `rounds` times independent multiply-adds in registers, writes their results, [lanes], and returns how many
// operations that were.
template <class T>
double multiply_adds(Index rounds, T* out) {
  constexpr int chains = vector_registers == 32 ? 24 : 12;  // more than the units times their latency
  const Vec<T> a = broadcast<T>(T(0.75)), b = broadcast<T>(T(0.25));
  Vec<T> sums[chains];
#pragma GCC unroll 24
  for (int i = 0; i < chains; i++) sums[i] = broadcast<T>(T(i));
  for (Index round = 0; round < rounds; round++) {
#pragma GCC unroll 24
    for (int i = 0; i < chains; i++) sums[i] = fma(sums[i], a, b);
  }
#pragma GCC unroll 24
  for (int i = 1; i < chains; i++) sums[0] += sums[i];
  store(out, sums[0]);
  return 2.0 * double(rounds) * chains * lanes<T>;
}

}  // namespace
}  // namespace elman
