// The cells: one time step of one vector of units, forward and backward.  The gate formulas stand here, in
// layers/reference.py, and nowhere else; docs/layers.md prints them.
//
// A cell says
//   gates      how many blocks of H rows its weights have
//   saved      how many numbers a unit keeps for the backward pass
//   apart      the last gate keeps U x + b_ih and W h + b_hh apart (GRU's reset gate acts between them)
//   has_cell   it has a second state c
//   carries    dE/dh_{t-1} has a part that does not go through W
// and gives
//   forward    net (the gates' preactivations; with `apart` the last is W h + b_hh alone, and x_part the rest of it),
//              the state before, c in and out -> the state after; writes `saved` [saved][lanes] unless null
//   backward   dE/dh of this step in `d.h` -> the error terms of the gates, delta = dE/dnet
#pragma once
#include "vector.h"

namespace elman {
namespace {

template <class T>
struct StepGradient {
  Vec<T> h;      // in: dE/dh_t
  Vec<T> c;      // in: dE/dc_t from later steps; out: dE/dc_{t-1}
  Vec<T> carry;  // out: the part of dE/dh_{t-1} that does not go through W
  Vec<T> last;   // out, with `apart`: dE/d(U x + b_ih) of the last gate
};

// Zoneout (Krueger et al. 2017): `keep` of the state before the step stays, the rest is what the cell made.
template <class T>
ELMAN_INLINE Vec<T> zone_out(Vec<T> keep, Vec<T> before, Vec<T> made) {
  return fma(keep, before, (broadcast<T>(1) - keep) * made);
}

// What the cell had made; 0 where nothing of it is left, and so none of its gradient.
template <class T>
ELMAN_INLINE Vec<T> made_before_zoneout(Vec<T> keep, Vec<T> before, Vec<T> after) {
  const Vec<T> left = broadcast<T>(1) - keep;
  return left == zeros<T>() ? zeros<T>() : (after - keep * before) / left;
}

struct Tanh {
  template <class T>
  static ELMAN_INLINE Vec<T> apply(Vec<T> net) {
    return tanh<T>(net);
  }
  template <class T>
  static ELMAN_INLINE Vec<T> backward(Vec<T> dy, Vec<T> y) {  // f' = 1 - f^2
    return dy * fma(-y, y, broadcast<T>(1));
  }
};

struct Relu {
  template <class T>
  static ELMAN_INLINE Vec<T> apply(Vec<T> net) {
    return relu<T>(net);
  }
  template <class T>
  static ELMAN_INLINE Vec<T> backward(Vec<T> dy, Vec<T> y) {  // f' = 1 where f > 0
    return y <= zeros<T>() ? zeros<T>() : dy;
  }
};

// h' = f(U x + b_ih + W h + b_hh)            Elman, Finding structure in time, 1990
template <class Activation>
struct Elman {
  static constexpr int gates = 1, saved = 0;
  static constexpr bool apart = false, has_cell = false, carries = false;

  template <class T>
  static ELMAN_INLINE Vec<T> forward(const Vec<T> (&net)[1], Vec<T>, Vec<T>, Vec<T>&, T*) {
    return Activation::template apply<T>(net[0]);
  }
  template <class T>
  static ELMAN_INLINE void backward(StepGradient<T>& d, Vec<T>, Vec<T> h, const T*, Vec<T> (&delta)[1]) {
    delta[0] = Activation::template backward<T>(d.h, h);
  }
};

// r = s(net_r), z = s(net_z), n = tanh(x_n + r * h_n), h' = (1 - z) * n + z * h
// Cho et al. 2014 in the form of cuDNN and torch: the reset gate acts after the product with W.
struct Gru {
  static constexpr int gates = 3, saved = 4;
  static constexpr bool apart = true, has_cell = false, carries = true;

  template <class T>
  static ELMAN_INLINE Vec<T> forward(const Vec<T> (&net)[3], Vec<T> x_part, Vec<T> h, Vec<T>&, T* save) {
    const Vec<T> r = sigmoid<T>(net[0]), z = sigmoid<T>(net[1]), n = tanh<T>(fma(r, net[2], x_part));
    if (save) {
      store(save, r);
      store(save + lanes<T>, z);
      store(save + 2 * lanes<T>, n);
      store(save + 3 * lanes<T>, net[2]);
    }
    return fma(z, h - n, n);
  }
  template <class T>
  static ELMAN_INLINE void backward(StepGradient<T>& d, Vec<T> h_before, Vec<T>, const T* saved, Vec<T> (&delta)[3]) {
    const Vec<T> r = load(saved), z = load(saved + lanes<T>), n = load(saved + 2 * lanes<T>);
    const Vec<T> h_n = load(saved + 3 * lanes<T>), one = broadcast<T>(1);
    const Vec<T> dn = d.h * (one - z) * fma(-n, n, one);
    delta[0] = dn * h_n * (r * (one - r));
    delta[1] = d.h * (h_before - n) * (z * (one - z));
    delta[2] = dn * r;
    d.last = dn;
    d.carry = d.h * z;
  }
};

// i = s(net_i), f = s(net_f), g = tanh(net_g), o = s(net_o), c' = f * c + i * g, h' = o * tanh(c')
// Hochreiter and Schmidhuber 1997 with the forget gate of Gers, Schmidhuber and Cummins 2000.
struct Lstm {
  static constexpr int gates = 4, saved = 5;
  static constexpr bool apart = false, has_cell = true, carries = false;

  template <class T>
  static ELMAN_INLINE Vec<T> next_cell(Vec<T> i, Vec<T> f, Vec<T> g, Vec<T> c) {
    return fma(f, c, i * g);
  }
  template <class T>
  static ELMAN_INLINE Vec<T> forward(const Vec<T> (&net)[4], Vec<T>, Vec<T>, Vec<T>& c, T* save) {
    const Vec<T> i = sigmoid<T>(net[0]), f = sigmoid<T>(net[1]), g = tanh<T>(net[2]), o = sigmoid<T>(net[3]);
    if (save) {
      store(save, i);
      store(save + lanes<T>, f);
      store(save + 2 * lanes<T>, g);
      store(save + 3 * lanes<T>, o);
      store(save + 4 * lanes<T>, c);
    }
    c = next_cell<T>(i, f, g, c);
    return o * tanh<T>(c);
  }
  template <class T>
  static ELMAN_INLINE void backward(StepGradient<T>& d, Vec<T>, Vec<T>, const T* saved, Vec<T> (&delta)[4]) {
    const Vec<T> i = load(saved), f = load(saved + lanes<T>), g = load(saved + 2 * lanes<T>);
    const Vec<T> o = load(saved + 3 * lanes<T>), c_before = load(saved + 4 * lanes<T>), one = broadcast<T>(1);
    const Vec<T> squashed = tanh<T>(next_cell<T>(i, f, g, c_before));
    const Vec<T> dc = fma(d.h * o, fma(-squashed, squashed, one), d.c);
    delta[0] = dc * g * (i * (one - i));
    delta[1] = dc * c_before * (f * (one - f));
    delta[2] = dc * i * fma(-g, g, one);
    delta[3] = d.h * squashed * (o * (one - o));
    d.c = dc * f;
  }
};

}  // namespace
}  // namespace elman
