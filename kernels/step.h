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

// Some vectors of units of streams [first, last), at most step_rows of them.
template <class C, class T>
void step_streams(const StepCall<T>& call, const Layout<C, T>& at, const ForwardWeights<T>& w, Columns units, Index first,
                  Index last, bool odd, const StepScratch<T>& mine) {
  constexpr int G = C::gates;
  const Index n = last - first;
  const Units own = Units::of<T>(units, at.H);
  for (Index i = 0; i < n; i++) {
    const Index stream = first + i;
    mine.before[i] = call.h + stream * at.H;
    mine.after[i] = call.h_n + stream * at.H;
    if (call.x) mine.x[i] = call.x + stream * at.I;
    mine.nets[i] = call.x ? mine.net + i * at.stride : w.ih + call.codes[stream] * at.stride;
    if (C::has_cell) copy_padded(mine.c + i * at.Hp + own.first, call.c + stream * at.H + own.first, own.count);
  }
  if (call.x)
    rows_times_panels<T, units_per_group<C> * G>(n, at.I, {mine.x}, w.ih, at.width, {units.first * G, units.last * G},
                                                 w.bias, mine.nets);
  forward_step<C, T>(at, w, units, n,
                     {.before = mine.before, .factors = mine.before, .after = mine.after, .net = mine.nets, .c = mine.c,
                      .odd = odd});
  if (C::has_cell)
    for (Index i = 0; i < n; i++)
      copy(call.c_n + (first + i) * at.H + own.first, mine.c + i * at.Hp + own.first, own.count);
}

// Tasks take streams or, of few streams, units.
template <class C, class T>
void step(const StepCall<T>& call) {
  const Shape shape{1, call.N, call.I, call.H, 1};
  const Layout<C, T> at(shape);
  Arena packed(const_cast<char*>(reinterpret_cast<const char*>(call.packed)));
  const ForwardWeights<T> w = place_weights(at, call.x == nullptr, packed);
  const Division division(call.threads, call.threads, shape, C::gates, sizeof(T));
  const Team team(division.tasks() > 1 ? call.threads : 1);
  for_tasks(team, division.tasks(), [&](int task) {
    const Place place(division, task);
    const Columns streams = share_of(call.N, 1, place.group, division.groups);
    const Columns units = share_of(at.units, units_per_group<C>, place.member, division.members);
    const Index count = streams.last - streams.first, rows = count < step_rows ? count : step_rows;
    Arena measure(nullptr);
    StepScratch<T>(measure, rows, at.stride, at.Hp);
    Arena memory(static_cast<char*>(scratch(std::size_t(measure.used()) + 64)));
    const StepScratch<T> mine(memory, rows, at.stride, at.Hp);
    static thread_local bool odd = false;
    odd = !odd;
    strips(count, int(step_rows), [&](Index first, int n) {
      step_streams<C, T>(call, at, w, units, streams.first + first, streams.first + first + n, odd, mine);
    });
  });
}

}  // namespace
}  // namespace elman
