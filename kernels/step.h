// One time step for many streams, by weights that are packed once: what a stepper runs.
#pragma once
#include "forward.h"

namespace elman {
namespace {

constexpr Index step_rows = 64;  // at once: what they leave for the next product stays in cache

template <class C, class T>
Index pack(Index I, Index H, bool coded, const Weights<const T>& w, T* packed) {
  const Layout<C, T> at(Shape{1, 1, I, H, 1});
  Arena arena(reinterpret_cast<char*>(packed));
  const ForwardWeights<T> to = place_weights(at, coded, arena);
  if (packed) pack_weights(at, w, coded, Index(0), at.units, to);
  return arena.used() / Index(sizeof(T));
}

template <class T>
struct StepScratch {
  const T **x, **before;  // [step_rows]
  T **nets, **after;      // [step_rows]
  T *net, *c;             // [step_rows, stride], [step_rows, Hp]

  StepScratch(Arena& arena, Index rows, Index stride, Index Hp)
      : x(arena.take<const T*>(rows)), before(arena.take<const T*>(rows)), nets(arena.take<T*>(rows)),
        after(arena.take<T*>(rows)), net(arena.take<T>(rows * stride)), c(arena.take<T>(rows * Hp)) {}
};

// Streams [first, last), at most step_rows of them.
template <class C, class T>
void step_streams(const StepCall<T>& call, const Layout<C, T>& at, const ForwardWeights<T>& w, Index first, Index last,
                  const StepScratch<T>& mine) {
  const Index n = last - first;
  for (Index i = 0; i < n; i++) {
    const Index stream = first + i;
    mine.before[i] = call.h + stream * at.H;
    mine.after[i] = call.h_n + stream * at.H;
    if (call.x) mine.x[i] = call.x + stream * at.I;
    mine.nets[i] = call.x ? mine.net + i * at.stride : w.ih + call.codes[stream] * at.stride;
    if (C::has_cell) copy_padded(mine.c + i * at.Hp, call.c + stream * at.H, at.H);
  }
  if (call.x) rows_times_panels<T, units_per_group<C> * C::gates>(n, at.I, {mine.x}, w.ih, at.width, w.bias, mine.nets);
  forward_step<C, T>(at, w, n, mine.before, mine.after, mine.nets, mine.c, nullptr);
  if (C::has_cell)
    for (Index i = 0; i < n; i++) copy(call.c_n + (first + i) * at.H, mine.c + i * at.Hp, at.H);
}

template <class C, class T>
void step(const StepCall<T>& call) {
  const Layout<C, T> at(Shape{1, call.N, call.I, call.H, 1});
  Arena packed(const_cast<char*>(reinterpret_cast<const char*>(call.packed)));
  const ForwardWeights<T> w = place_weights(at, call.x == nullptr, packed);
  const Division division(call.threads, Shape{1, call.N, call.I, call.H, 1}, C::gates);
  for_tasks(call.threads, division.groups, [&](int task) {
    const Index begin = call.N * task / division.groups, end = call.N * (task + 1) / division.groups;
    const Index rows = end - begin < step_rows ? end - begin : step_rows;
    Arena measure(nullptr);
    StepScratch<T>(measure, rows, at.stride, at.Hp);
    Arena memory(static_cast<char*>(scratch(std::size_t(measure.used()) + 64)));
    const StepScratch<T> mine(memory, rows, at.stride, at.Hp);
    strips(end - begin, int(step_rows), [&](Index first, int count) {
      step_streams<C, T>(call, at, w, begin + first, begin + first + count, mine);
    });
  });
}

}  // namespace
}  // namespace elman
