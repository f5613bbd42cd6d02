// What the backward pass of a layer works with: packed weights, each task's scratch memory and share of the gradients.
#pragma once
#include "packing.h"

namespace elman {
namespace {

template <class T>
struct BackwardWeights {
  T *ih, *hh;  // packed: [width, I] and [width, H] in panels
};

// The weight gradients of one task, in the columns' order.
template <class T>
struct Share {
  T *ih, *hh;      // [vector of columns][I or H][lane]; of codes, `ih` is [I, width]
  T *b_ih, *b_hh;  // [width]
};

template <class T>
struct BackwardScratch {
  Index *row, *length, *active;  // [n], [n], [R]
  const T** rows;       // [R] rows of one operand of a product
  T** out;              // [R] rows of its result
  const T** later;      // [n] rows of delta of step s+1
  const T **h, **before, **dy, **save;  // [n] rows of h_t, h_{t-1}, dE/dy_t, saved numbers of a step
  const T **keep_h, **keep_c;           // [n] rows of zoneout
  const T **mask, **factors;            // [n] rows of the recurrent mask; [R] the same for the rows of a chunk
  const T** output_mask;                // [n] rows of the output mask
  T *delta, *delta_in;  // the crew's from here: [R, stride] dE/d(W h + b_hh), dE/d(U x + b_ih): one buffer unless the cell keeps them apart
  T* next;              // [n, stride] delta of the oldest step of the newer chunk
  T *dh, *dc;           // [n, Hp] carried: the part of dE/dh that does not go through W, and dE/dc
  T* strips;            // packed operands of the products
  T* dx;                // [T, N, I], the reverse direction's
  Share<T> share;
  Crew crew;
  T* panel;             // the member's
};

template <class C, class T>
struct BackwardPlan {
  const BackwardCall<T>& call;
  Layout<C, T> at;
  Division division;
  BackwardWeights<T> weights[2];
  BackwardScratch<T>* tasks;

  BackwardPlan(const BackwardCall<T>& c, const Team& team)
      : call(c), at(c.shape), division(c.threads, team.threads(), c.shape, C::gates, sizeof(T)) {}

  bool coded() const { return call.codes.data != nullptr; }
  bool masked() const { return call.mask.data != nullptr; }
  bool masks_dy() const { return call.output_mask.data && call.dy.data; }
  bool wants_x() const { return call.dx.data != nullptr; }
  const BackwardScratch<T>& of(int d, int group) const {  // a crew's
    return tasks[(d * division.groups + group) * division.members];
  }
  const Share<T>& share(int d, int group) const { return of(d, group).share; }
  bool wants_weights(int d) const {
    const Weights<T>& w = call.dweights[d];
    return w.ih || w.hh || w.b_ih || w.b_hh;
  }

  void place(Arena& arena) {
    const Shape& s = call.shape;
    T* reverse_dx = nullptr;
    for (int d = 0; d < division.directions; d++) {
      weights[d].ih = wants_x() ? arena.take<T>(at.width * padded<T>(at.I)) : nullptr;
      weights[d].hh = arena.take<T>(at.width * at.Hp);
      if (d == 1 && wants_x()) reverse_dx = arena.take<T>(s.T * s.N * s.I);
    }
    BackwardScratch<T>* all = arena.take<BackwardScratch<T>>(division.tasks());
    tasks = all;
    const Index n = (s.N + division.groups - 1) / division.groups;
    const Index R = scratch_rows(n, s.T, rows_backward(s));
    for (int i = 0; i < division.tasks();) {
      BackwardScratch<T> mine;
      mine.delta = arena.take<T>(R * at.stride);
      mine.delta_in = C::apart ? arena.take<T>(R * at.stride) : mine.delta;
      mine.next = arena.take<T>(n * at.stride);
      mine.dh = arena.take<T>(n * at.Hp);
      mine.dc = C::has_cell ? arena.take<T>(n * at.Hp) : nullptr;
      mine.strips = arena.take<T>(R * (at.H + (coded() ? 0 : at.I)));
      mine.dx = reverse_dx;
      mine.share.ih = arena.take<T>(at.width * at.I);
      mine.share.hh = arena.take<T>(at.width * at.H);
      mine.share.b_ih = arena.take<T>(at.width);
      mine.share.b_hh = C::apart ? arena.take<T>(at.width) : mine.share.b_ih;
      mine.crew = place_crew(division, arena);
      for (int member = 0; member < division.members; member++, i++) {
        mine.row = arena.take<Index>(n);
        mine.length = arena.take<Index>(n);
        mine.active = arena.take<Index>(R);
        mine.rows = arena.take<const T*>(R);
        mine.out = arena.take<T*>(R);
        mine.later = arena.take<const T*>(n);
        mine.h = arena.take<const T*>(n);
        mine.before = arena.take<const T*>(n);
        mine.dy = arena.take<const T*>(n);
        mine.save = arena.take<const T*>(n);
        mine.keep_h = arena.take<const T*>(n);
        mine.keep_c = arena.take<const T*>(n);
        mine.mask = masked() ? arena.take<const T*>(n) : nullptr;
        mine.factors = masked() ? arena.take<const T*>(R) : nullptr;
        mine.output_mask = masks_dy() ? arena.take<const T*>(n) : nullptr;
        mine.panel = arena.take<T>(R * panel_vectors * lanes<T>);
        if (all) all[i] = mine;
      }
    }
  }
};

}  // namespace
}  // namespace elman
