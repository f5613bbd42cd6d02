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

// mask[i] = `value` with probability kept / 65536, else 0.
template <class T>
void draw_mask(Index count, std::uint64_t seed, std::uint16_t kept, T value, T* mask) {
  constexpr Index per_word = 4;
  std::uint64_t words[64];
  std::uint16_t bits[64 * per_word];
  for (Index begin = 0; begin < count; begin += 64 * per_word) {
    for (Index i = 0; i < 64; i++) words[i] = random_word(seed, std::uint64_t(begin / per_word + i));
    std::memcpy(bits, words, sizeof(bits));
    const Index left = count - begin, some = left < 64 * per_word ? left : 64 * per_word;
    for (Index i = 0; i < some; i++) mask[begin + i] = bits[i] < kept ? value : T(0);
  }
}

}  // namespace
}  // namespace elman
