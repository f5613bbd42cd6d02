// Masks of dropout: numbers that are 0 or one value, drawn independently.
//
// The bits are those of SplitMix64 (Steele, Lea and Flood, Fast splittable pseudorandom number generators, 2014), which
// counts: word i is a hash of seed + (i + 1) * increment.  Each word serves four numbers of the mask, 16 bits each as they
// lie in memory; a number is kept where its bits, as an integer, are below `kept`.
#pragma once
#include <cstring>

#include "layer.h"

namespace elman {
namespace {

inline std::uint64_t random_word(std::uint64_t seed, std::uint64_t i) {
  std::uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// y[i] = x[i] times number `begin` + i of the mask, 0 <= i < end - begin, which is `value` with probability kept / 65536,
// else 0; without x (null) the numbers themselves.  `begin` is a multiple of 4.
template <class T>
void drop(Index begin, Index end, std::uint64_t seed, std::uint16_t kept, T value, const T* x, T* y) {
  constexpr Index per_word = 4, block = 64 * per_word;
  std::uint64_t words[64];
  std::uint16_t bits[block];
  for (; begin < end; begin += block, y += block, x = x ? x + block : x) {
    for (Index i = 0; i < 64; i++) words[i] = random_word(seed, std::uint64_t(begin / per_word + i));
    std::memcpy(bits, words, sizeof(bits));
    const Index some = end - begin < block ? end - begin : block;
    if (x) for (Index i = 0; i < some; i++) y[i] = x[i] * (bits[i] < kept ? value : T(0));
    else for (Index i = 0; i < some; i++) y[i] = bits[i] < kept ? value : T(0);
  }
}

}  // namespace
}  // namespace elman
