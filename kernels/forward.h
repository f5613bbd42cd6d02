// The forward pass of a layer: U x + b for a chunk of steps, then step by step W h and the cell.
#pragma once
#include "packing.h"

namespace elman {
namespace {

template <class T>
struct ForwardWeights {
  T *ih, *hh;            // packed; of codes, `ih` is a table [I, stride] of U x + b
  T *bias, *bias_apart;  // [width]: what the input's product starts from; [Hp]: b_hh of a gate kept apart
};

template <class T>
struct ForwardScratch {
  Index *row, *length;
  const T** x;        // [R] rows of x of a chunk
  T** nets;           // [R] rows of net, or of the table
  T** save;           // [n] places for what a step saves
  const T** before;   // [n] rows of h_{t-1}
  T** after;          // [n] rows of h_t
  T* net;             // [R, stride]
  T* c;               // [n, Hp]
};

template <class C, class T>
struct ForwardPlan {
  const ForwardCall<T>& call;
  Layout<C, T> at;
  Division division;
  ForwardWeights<T> weights[2];
  ForwardScratch<T>* tasks;

  explicit ForwardPlan(const ForwardCall<T>& c) : call(c), at(c.shape), division(c.threads, c.shape, C::gates) {}

  bool coded() const { return call.codes.data != nullptr; }

  void place(Arena& arena) {
    for (int d = 0; d < division.directions; d++) {
      weights[d].ih = arena.take<T>((coded() ? at.stride : at.width) * at.I);
      weights[d].hh = arena.take<T>(at.width * at.H);
      weights[d].bias = arena.take<T>(at.width);
      weights[d].bias_apart = C::apart ? arena.take<T>(at.Hp) : nullptr;
    }
    ForwardScratch<T>* all = arena.take<ForwardScratch<T>>(division.tasks());
    tasks = all;
    const Index n = (call.shape.N + division.groups - 1) / division.groups;
    const Index R = scratch_rows(n, call.shape);
    for (int i = 0; i < division.tasks(); i++) {
      ForwardScratch<T> mine{arena.take<Index>(n), arena.take<Index>(n), arena.take<const T*>(R),
                             arena.take<T*>(R),    arena.take<T*>(n), arena.take<const T*>(n), arena.take<T*>(n),
                             coded() ? nullptr : arena.take<T>(R * at.stride), C::has_cell ? arena.take<T>(n * at.Hp) : nullptr};
      if (all) all[i] = mine;
    }
  }
};

template <class C, class T>
void pack_bias(const Layout<C, T>& at, const Weights<const T>& w, Index first_unit, Index last_unit,
               const ForwardWeights<T>& to) {
  for (int g = 0; g < C::gates; g++)
    for (Index u = first_unit * lanes<T>; u < last_unit * lanes<T>; u++) {
      const Index from = g * at.H + u;
      const T input = u < at.H && w.b_ih ? w.b_ih[from] : T(0), hidden = u < at.H && w.b_hh ? w.b_hh[from] : T(0);
      const bool apart = C::apart && g == C::gates - 1;
      to.bias[at.column(g, u)] = apart ? input : input + hidden;
      if (apart) to.bias_apart[u] = hidden;
    }
}

// One step of n rows.  A block holds all gates of some vectors of units: the product leaves its sums there, and the
// cell's formula takes them up at once.
template <class C, class T>
void forward_step(const Layout<C, T>& at, const ForwardWeights<T>& w, Index n, const T* const* before,
                  T* const* after, T* const* net, T* c, T* const* save) {
  constexpr int G = C::gates;
  panels(at.units, units_per_group<C>, [&](Index unit, int count) {
    const Index column = unit * G * lanes<T>;
    const int vectors = count * G;
    strips(n, block_rows(vectors), [&](Index begin, int rows) {
      Block<T> block;
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
          block.sums[i * vectors + j] = C::apart && j % G == G - 1
                                            ? load(w.bias_apart + (unit + j / G) * lanes<T>)
                                            : load(net[begin + i] + column + j * lanes<T>);
      multiply(block, rows, vectors, at.H, PointedRows<T>{before + begin}, w.hh + column * at.H);
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < count; j++) {
          const Index row = begin + i, u = (unit + j) * lanes<T>;
          const Vec<T>* sums = block.sums + i * vectors + j * G;
          Vec<T> gates[G], x_part = zeros<T>(), h = zeros<T>(), state = zeros<T>();
          for (int g = 0; g < G; g++) gates[g] = sums[g];
          if constexpr (C::apart) x_part = load(net[row] + column + (j * G + G - 1) * lanes<T>);
          if constexpr (C::carries) h = load_part(before[row] + u, at.H - u);
          if constexpr (C::has_cell) state = load(c + row * at.Hp + u);
          T* kept = C::saved && save ? save[row] + (unit + j) * C::saved * lanes<T> : nullptr;
          const Vec<T> next = C::template forward<T>(gates, x_part, h, state, kept);
          if constexpr (C::has_cell) store(c + row * at.Hp + u, state);
          store_part(after[row] + u, next, at.H - u);
        }
    });
  });
}

// What a unit keeps of step t of a row: [unit vector][number][lane].
template <class C, class T, class Saved>
Saved* saved_row(const Layout<C, T>& at, Saved* saved, const Shape& s, Index d, Index t, Index row) {
  return saved + ((d * s.T + t) * s.N + row) * C::saved * at.Hp;
}

template <class C, class T>
void forward_task(const ForwardPlan<C, T>& plan, int task) {
  const auto& call = plan.call;
  const auto& at = plan.at;
  const Shape& shape = call.shape;
  const int d = task / plan.division.groups;
  const ForwardWeights<T>& w = plan.weights[d];
  const ForwardScratch<T>& mine = plan.tasks[task];
  const TaskRows rows =
      deal_rows(plan.division, task % plan.division.groups, shape, call.batch, d == 1, mine.row, mine.length);
  auto state = [&](const T* states, Index i) { return states + (d * shape.N + rows.row[i]) * at.H; };
  auto y_row = [&](Index i, Index t) { return call.y.at(t, rows.row[i]) + d * at.H; };

  const T** before = mine.before;
  T** save = call.saved ? mine.save : nullptr;
  for (Index i = 0; i < rows.n; i++) {
    before[i] = state(call.h0, i);
    if (C::has_cell) copy_padded(mine.c + i * at.Hp, state(call.c0, i), at.H);
  }

  const Index steps = chunk_steps(rows.n, at.H);
  Index n = rows.n;
  for (Index begin = 0; begin < rows.steps; begin += steps) {
    const Index end = begin + steps < rows.steps ? begin + steps : rows.steps;
    Index R = 0;
    Index first = n;
    for (Index s = begin; s < end; s++) {
      first = rows.active(s, first);
      for (Index i = 0; i < first; i++, R++) {
        const Index t = rows.time(i, s);
        if (plan.coded()) {
          mine.nets[R] = w.ih + *call.codes.at(t, rows.row[i]) * at.stride;
        } else {
          mine.x[R] = call.x.at(t, rows.row[i]);
          mine.nets[R] = mine.net + R * at.stride;
        }
      }
    }
    if (!plan.coded())
      rows_times_panels<T>(R, at.I, {mine.x}, w.ih, at.width, units_per_group<C> * C::gates, w.bias, mine.nets);

    T* const* net = mine.nets;
    for (Index s = begin; s < end; s++) {
      n = rows.active(s, n);
      for (Index i = 0; i < n; i++) {
        const Index t = rows.time(i, s);
        mine.after[i] = y_row(i, t);
        if (save) save[i] = saved_row(at, call.saved, shape, d, t, rows.row[i]);
      }
      forward_step<C, T>(at, w, n, before, mine.after, net, mine.c, save);
      for (Index i = 0; i < n; i++) before[i] = mine.after[i];
      net += n;
    }
  }

  for (Index i = 0; i < rows.n; i++) {
    copy(const_cast<T*>(state(call.h_n, i)), before[i], at.H);
    if (C::has_cell) copy(const_cast<T*>(state(call.c_n, i)), mine.c + i * at.Hp, at.H);
    for (Index t = rows.length_of(i); t < shape.T; t++) {
      fill(y_row(i, t), T(0), at.H);
      if (C::saved && call.saved) fill(saved_row(at, call.saved, shape, d, t, rows.row[i]), T(0), C::saved * at.Hp);
    }
  }
}

// Narrow vectors leave the end of `saved` unused; it is zeroed, so that equal calls have equal outputs.
template <class C, class T>
void clear_unused(const Layout<C, T>& at, const ForwardCall<T>& call) {
  const Index rows = call.shape.D * call.shape.T * call.shape.N * C::saved;
  if (call.saved) fill(call.saved + rows * at.Hp, T(0), rows * (saved_width(at.H, sizeof(T)) - at.Hp));
}

template <class C, class T>
void forward(const ForwardCall<T>& call) {
  ForwardPlan<C, T> plan(call);
  plan_scratch(plan);
  const Layout<C, T>& at = plan.at;
  clear_unused(at, call);
  const int parts = plan.division.parts;
  for_tasks(parts, parts, [&](int part) {  // groups are packed whole: cut between them
    constexpr Index per_group = units_per_group<C>;
    const Index groups = (at.units + per_group - 1) / per_group, end = groups * (part + 1) / parts * per_group;
    const Index first = groups * part / parts * per_group, last = end < at.units ? end : at.units;
    for (int d = 0; d < plan.division.directions; d++) {
      const Weights<const T>& w = call.weights[d];
      pack_bias<C, T>(at, w, first, last, plan.weights[d]);
      pack_forward<C, T>(at, w.hh, at.H, first, last, plan.weights[d].hh);
      if (plan.coded()) pack_table<C, T>(at, w.ih, plan.weights[d].bias, first, last, plan.weights[d].ih);
      else pack_forward<C, T>(at, w.ih, at.I, first, last, plan.weights[d].ih);
    }
  });
  for_tasks(call.threads, plan.division.tasks(), [&](int task) { forward_task<C, T>(plan, task); });
}

}  // namespace
}  // namespace elman
