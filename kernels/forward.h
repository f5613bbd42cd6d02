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
  const T **keep_h, **keep_c;  // [n] rows of zoneout
  const T **mask, **dropped;   // [n] rows of the recurrent mask, and of mask * h_{t-1}
  const T** output_mask;       // [n] rows of the output mask
  T** output;                  // [n] rows of output_mask * h_t
  T* net;             // [R, stride], the crew's
  T* c;               // [n, Hp], the crew's
  T* masked[2];       // [n, Hp], the crew's: mask * h of the step before, and of this one, by turns
  Crew crew;
};

template <class C, class T>
ForwardWeights<T> place_weights(const Layout<C, T>& at, bool coded, Arena& arena) {
  ForwardWeights<T> weights;
  weights.ih = arena.take<T>((coded ? at.stride : at.width) * at.I);
  weights.hh = arena.take<T>(at.width * at.H);
  weights.bias = arena.take<T>(at.width);
  weights.bias_apart = C::apart ? arena.take<T>(at.Hp) : nullptr;
  return weights;
}

template <class C, class T>
struct ForwardPlan {
  const ForwardCall<T>& call;
  Layout<C, T> at;
  Division division;
  ForwardWeights<T> weights[2];
  ForwardScratch<T>* tasks;

  ForwardPlan(const ForwardCall<T>& c, const Team& team)
      : call(c), at(c.shape), division(c.threads, team.threads(), c.shape, C::gates, sizeof(T)) {}

  bool coded() const { return call.codes.data != nullptr; }
  bool masked() const { return call.mask.data != nullptr; }
  bool masks_output() const { return call.output_mask.data != nullptr; }
  Index chunk() const { return rows_forward(call.shape, C::gates, sizeof(T)); }

  void place(Arena& arena) {
    for (int d = 0; d < division.directions; d++) weights[d] = place_weights(at, coded(), arena);
    ForwardScratch<T>* all = arena.take<ForwardScratch<T>>(division.tasks());
    tasks = all;
    const Index n = (call.shape.N + division.groups - 1) / division.groups;
    const Index R = scratch_rows(n, call.shape.T, chunk());
    for (int i = 0; i < division.tasks();) {
      T* net = coded() ? nullptr : arena.take<T>(R * at.stride);
      T* c = C::has_cell ? arena.take<T>(n * at.Hp) : nullptr;
      T* even = masked() ? arena.take<T>(n * at.Hp) : nullptr;
      T* odd = masked() ? arena.take<T>(n * at.Hp) : nullptr;
      const Crew crew = place_crew(division, arena);
      for (int member = 0; member < division.members; member++, i++) {
        ForwardScratch<T> mine;
        mine.row = arena.take<Index>(n);
        mine.length = arena.take<Index>(n);
        mine.x = arena.take<const T*>(R);
        mine.nets = arena.take<T*>(R);
        mine.save = arena.take<T*>(n);
        mine.before = arena.take<const T*>(n);
        mine.after = arena.take<T*>(n);
        mine.keep_h = arena.take<const T*>(n);
        mine.keep_c = arena.take<const T*>(n);
        mine.mask = masked() ? arena.take<const T*>(n) : nullptr;
        mine.dropped = masked() ? arena.take<const T*>(n) : nullptr;
        mine.output_mask = masks_output() ? arena.take<const T*>(n) : nullptr;
        mine.output = masks_output() ? arena.take<T*>(n) : nullptr;
        mine.net = net;
        mine.c = c;
        mine.masked[0] = even;
        mine.masked[1] = odd;
        mine.crew = crew;
        if (all) all[i] = mine;
      }
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

// Packs the vectors of units [first, last) of the weights of one direction.
template <class C, class T>
void pack_weights(const Layout<C, T>& at, const Weights<const T>& w, bool coded, Index first, Index last,
                  const ForwardWeights<T>& to) {
  pack_bias<C, T>(at, w, first, last, to);
  pack_forward<C, T>(at, w.hh, at.H, first, last, to.hh);
  if (coded) pack_table<C, T>(at, w.ih, to.bias, first, last, to.ih);
  else pack_forward<C, T>(at, w.ih, at.I, first, last, to.ih);
}

// The rows of one step; what may be null is not there.
template <class T>
struct ForwardStep {
  const T* const* before;   // [n] rows of h_{t-1}
  const T* const* factors;  // [n] rows of what is multiplied by W: h_{t-1}, or mask * h_{t-1}
  T* const* after;          // [n] rows of h_t
  T* const* net;            // [n]
  T* c;                     // [n, Hp] in and out
  bool odd;  // every second step goes through W from its end, which the step before has left in the caches
  T* const* save = nullptr;  // [n] or null: inference
  const T *const *keep_h = nullptr, *const *keep_c = nullptr;  // [n] rows of zoneout, or null
  const T* const* mask = nullptr;         // [n] rows of the recurrent mask, or null
  T* masked = nullptr;                    // [n, Hp] out, with a mask: mask * h_t
  const T* const* output_mask = nullptr;  // [n] rows of the output mask, or null
  T* const* output = nullptr;             // [n] rows, with an output mask: output_mask * h_t

  // Asks for what the cell reads and writes of some units of a row, while the product before it runs; for h_t only
  // where the formula is so short that its stores are all there is to wait for.
  template <class C>
  ELMAN_INLINE void ask(Index row, Index unit, Index count) const {
    if (C::gates == 1) ask_for<true>(after[row] + unit, count);
    if (output_mask) ask_for<true>(output[row] + unit, count);
    if (C::saved && save) ask_for<true>(save[row] + unit * C::saved, count * C::saved);
    if (keep_h) ask_for<false>(keep_h[row] + unit, count);
    if (keep_c) ask_for<false>(keep_c[row] + unit, count);
  }

  // Masks some units of h_t, for the next step or for the output; by itself, so that no other step pays for it.
  template <class C>
  ELMAN_INLINE void drop(const Layout<C, T>& at, Index row, Index unit, Index count, const T* factors, T* to) const {
    const T* h = after[row];
    for (Index u = unit; u < unit + count; u += lanes<T>)
      store_part(to + u, load_part(factors + u, at.H - u) * load_part(h + u, at.H - u), at.H - u);
  }
};

// One step of n rows for some vectors of units.  A block holds all gates of some vectors of units: the product leaves
// its sums there, and the cell's formula takes them up at once.
template <class C, class T, bool zoned>
void forward_rows(const Layout<C, T>& at, const ForwardWeights<T>& w, Columns units, Index n, const ForwardStep<T>& step) {
  constexpr int G = C::gates, group = units_per_group<C> * G;
  row_groups<T, group>(n, {units.first * G, units.last * G}, step.odd, [&](Index vector, auto vectors, int most, auto product) {
    const Index column = vector * lanes<T>, unit = vector / G;
    const int count = vectors / G;
    strips(n, most, [&](Index begin, int rows) {
      Block<T> block;
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
          block.sums[i * vectors + j] = C::apart && j % G == G - 1
                                            ? load(w.bias_apart + (unit + j / G) * lanes<T>)
                                            : load(step.net[begin + i] + column + j * lanes<T>);
      for (int i = 0; i < rows; i++) step.template ask<C>(begin + i, unit * lanes<T>, count * lanes<T>);
      product(block, rows, at.H, PointedRows<T>{step.factors + begin}, w.hh + column * at.H);
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < count; j++) {
          const Index row = begin + i, u = (unit + j) * lanes<T>, left = at.H - u;
          const Vec<T>* sums = block.sums + i * vectors + j * G;
          Vec<T> gates[G], x_part = zeros<T>(), h = zeros<T>(), state = zeros<T>();
          for (int g = 0; g < G; g++) gates[g] = sums[g];
          if constexpr (C::apart) x_part = load(step.net[row] + column + (j * G + G - 1) * lanes<T>);
          if constexpr (C::carries) h = load_part(step.before[row] + u, left);
          if constexpr (C::has_cell) state = load(step.c + row * at.Hp + u);
          T* kept = C::saved && step.save ? step.save[row] + (unit + j) * C::saved * lanes<T> : nullptr;
          const Vec<T> c_before = state;
          Vec<T> next = C::template forward<T>(gates, x_part, h, state, kept);
          if (zoned && step.keep_h) next = zone_out<T>(load_part(step.keep_h[row] + u, left), load_part(step.before[row] + u, left), next);
          if (zoned && C::has_cell && step.keep_c) state = zone_out<T>(load_part(step.keep_c[row] + u, left), c_before, state);
          if constexpr (C::has_cell) store(step.c + row * at.Hp + u, state);
          store_part(step.after[row] + u, next, left);
        }
      for (Index row = begin; step.mask && row < begin + rows; row++)
        step.drop(at, row, unit * lanes<T>, count * lanes<T>, step.mask[row], step.masked + row * at.Hp);
      for (Index row = begin; step.output_mask && row < begin + rows; row++)
        step.drop(at, row, unit * lanes<T>, count * lanes<T>, step.output_mask[row], step.output[row]);
    });
  });
}

template <class C, class T>
void forward_step(const Layout<C, T>& at, const ForwardWeights<T>& w, Columns units, Index n, const ForwardStep<T>& step) {
  if (step.keep_h || step.keep_c) forward_rows<C, T, true>(at, w, units, n, step);
  else forward_rows<C, T, false>(at, w, units, n, step);
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
  const Place place(plan.division, task);
  const int d = place.d;
  const ForwardWeights<T>& w = plan.weights[d];
  const ForwardScratch<T>& mine = plan.tasks[task];
  const TaskRows rows = deal_rows(plan.division, place.group, shape, call.batch, d == 1, mine.row, mine.length);
  constexpr int G = C::gates, per_group = units_per_group<C>;
  const Columns units = share_of(at.units, per_group, place.member, plan.division.members);
  const Units own = Units::of<T>(units, at.H);
  auto state = [&](const T* states, Index i) { return states + (d * shape.N + rows.row[i]) * at.H; };
  auto y_row = [&](Index i, Index t) { return call.y.at(t, rows.row[i]) + d * at.H; };
  auto output_row = [&](Index i, Index t) { return call.output.at(t, rows.row[i]) + d * at.H; };

  const T** before = mine.before;
  T** save = call.saved ? mine.save : nullptr;
  const Zoneout<T>& keep = call.zoneout;
  const bool masked = plan.masked(), masks_output = plan.masks_output();
  for (Index i = 0; i < rows.n; i++) {
    before[i] = state(call.h0, i);
    if (C::has_cell) copy_padded(mine.c + i * at.Hp + own.first, state(call.c0, i) + own.first, own.count);
    if (masks_output) mine.output_mask[i] = call.output_mask.data + rows.row[i] * call.output_mask.row + d * at.H;
    if (masked) {
      mine.mask[i] = call.mask.data + rows.row[i] * call.mask.row + d * at.H;
      T* to = mine.masked[0] + i * at.Hp;
      for (Index u = own.first; u < own.first + own.count; u++) to[u] = mine.mask[i][u] * before[i][u];
    }
  }
  if (masked) mine.crew.meet();

  const Index steps = chunk_steps(rows.n, plan.chunk());
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
      rows_times_panels<T, per_group * G>(R, at.I, {mine.x}, w.ih, at.width, {units.first * G, units.last * G}, w.bias,
                                          mine.nets);

    T* const* net = mine.nets;
    for (Index s = begin; s < end; s++) {
      n = rows.active(s, n);
      for (Index i = 0; i < n; i++) {
        const Index t = rows.time(i, s);
        mine.after[i] = y_row(i, t);
        if (save) save[i] = saved_row(at, call.saved, shape, d, t, rows.row[i]);
        if (keep.h.data) mine.keep_h[i] = keep.h.at(t, rows.row[i]) + d * at.H;
        if (keep.c.data) mine.keep_c[i] = keep.c.at(t, rows.row[i]) + d * at.H;
        if (masked) mine.dropped[i] = mine.masked[s & 1] + i * at.Hp;
        if (masks_output) mine.output[i] = output_row(i, t);
      }
      forward_step<C, T>(at, w, units, n,
                         {.before = before, .factors = masked ? mine.dropped : before, .after = mine.after, .net = net,
                          .c = mine.c, .odd = (s & 1) != 0, .save = save, .keep_h = keep.h.data ? mine.keep_h : nullptr,
                          .keep_c = keep.c.data ? mine.keep_c : nullptr, .mask = masked ? mine.mask : nullptr,
                          .masked = mine.masked[(s + 1) & 1], .output_mask = masks_output ? mine.output_mask : nullptr,
                          .output = mine.output});
      if (s + 1 < rows.steps) mine.crew.meet();
      for (Index i = 0; i < n; i++) before[i] = mine.after[i];
      net += n;
    }
  }

  for (Index i = 0; i < rows.n; i++) {
    copy(const_cast<T*>(state(call.h_n, i)) + own.first, before[i] + own.first, own.count);
    if (C::has_cell)
      copy(const_cast<T*>(state(call.c_n, i)) + own.first, mine.c + i * at.Hp + own.first, own.count);
    for (Index t = rows.length_of(i); t < shape.T; t++) {
      fill(y_row(i, t) + own.first, T(0), own.count);
      if (masks_output) fill(output_row(i, t) + own.first, T(0), own.count);
      if (C::saved && call.saved)
        fill(saved_row(at, call.saved, shape, d, t, rows.row[i]) + units.first * C::saved * lanes<T>, T(0),
             (units.last - units.first) * C::saved * lanes<T>);
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
  const Team team(call.threads);
  ForwardPlan<C, T> plan(call, team);
  plan_scratch(plan);
  const Layout<C, T>& at = plan.at;
  clear_unused(at, call);
  const int parts = plan.division.parts;
  for_tasks(team, parts, [&](int part) {  // groups are packed whole: cut between them
    const Columns units = share_of(at.units, units_per_group<C>, part, parts);
    for (int d = 0; d < plan.division.directions; d++)
      pack_weights<C, T>(at, call.weights[d], plan.coded(), units.first, units.last, plan.weights[d]);
  });
  for_tasks(team, plan.division.tasks(), [&](int task) { forward_task<C, T>(plan, task); });
}

}  // namespace
}  // namespace elman
