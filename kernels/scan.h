// The scan: a cell over time, forward and backward, for any lengths, direction and number of threads.
//
// Work.  U x + b for all steps of a chunk is one product before its steps; inside a step only W h is left, and the
// cell's formula runs on the sums while they are in registers.  Backward, inside a step only delta W is left; the
// gradients of W and U (sums over time of outer products, equations 6 and 8 of docs/bptt.md) and of x are one product
// each a chunk.  A chunk is about `chunk_rows` rows, so that what it leaves for the next product is still in cache.
//
// Threads.  A task takes some rows of the batch in one direction through all steps, and never meets the others until
// the end, where the weight gradients of all tasks are added in their order: the same number of threads gives the same
// bits.  The two directions are tasks side by side.
//
// Lengths.  A task has its rows longest first, so the rows that exist at a step are the first ones, and padding costs
// nothing.  Step s of a row of length l is its time s, or l-1-s in the reverse direction.
//
// Columns of gates are stored by vectors of units, [unit vector][gate][lane], so that a block of the product holds all
// gates of its units; units are padded to whole vectors with zero weights, which keep every padded number finite and
// every padded gradient zero.  Hp is H so padded, Ip is I.
//
// Memory, in scalars, besides the arguments.  A call: (2 in backward) G Hp (I + Hp) of packed weights.  A forward task
// of n rows: R G Hp for chunks of R = max(n, chunk_rows) rows, n Hp for c.  A backward task: a (2 R + n) G Hp for a
// chunk's error terms in two forms (a = 2 for GRU, else 1), 2 n Hp for what it carries, 4 R lanes for a panel, and
// G Hp (Hp + Ip + 2) for its share of the gradients; a reverse task also T N I for dx.  `saved` holds D T N Hp
// numbers for each number a unit saves: 0 for RNN, 4 for GRU, 5 for LSTM.
#pragma once
#include "cells.h"
#include "matmul.h"
#include "threads.h"

namespace elman {
namespace {

constexpr Index least_chunk_rows = 256;

// Hands out pieces of one block of memory.  A plan is run twice: first over no memory, to learn the size.
class Arena {
 public:
  explicit Arena(char* start) : start_(start) {}
  template <class U>
  U* take(Index count) {
    U* piece = start_ ? reinterpret_cast<U*>(start_ + used_) : nullptr;
    used_ += (count * Index(sizeof(U)) + 63) / 64 * 64;
    return piece;
  }
  Index used() const { return used_; }

 private:
  char* start_;
  Index used_ = 0;
};

template <class Plan>
void plan_scratch(Plan& plan) {
  Arena measure(nullptr);
  plan.place(measure);
  Arena memory(static_cast<char*>(scratch(std::size_t(measure.used()) + 64)));
  plan.place(memory);
}

template <class F>
void for_tasks(int threads, int tasks, const F& f) {
  run_tasks(threads, tasks, [](void* context, int task) { (*static_cast<const F*>(context))(task); },
            const_cast<F*>(&f));
}

template <class T>
void fill(T* to, T value, Index count) {
  for (Index i = 0; i < count; i++) to[i] = value;
}

template <class T>
void copy(T* to, const T* from, Index count) {
  for (Index i = 0; i < count; i++) to[i] = from[i];
}

// Copies H numbers into a padded row; null reads as zeros.
template <class T>
void copy_padded(T* to, const T* from, Index count) {
  const Index whole = padded<T>(count);
  if (from) copy(to, from, count);
  fill(to + (from ? count : 0), T(0), from ? whole - count : whole);
}

// Where the numbers of one direction of a layer with cell C stand.
template <class C, class T>
struct Layout {
  Index I, H, units, Hp, Ip, width;  // units: vectors of units; width = G*Hp

  explicit Layout(const Shape& s)
      : I(s.I), H(s.H), units(vectors_of<T>(s.H)), Hp(padded<T>(s.H)), Ip(padded<T>(s.I)), width(C::gates * Hp) {}

  // The place of gate g of unit u among the columns.
  ELMAN_INLINE Index column(int g, Index u) const {
    return (u / lanes<T> * C::gates + g) * lanes<T> + u % lanes<T>;
  }
};

// How a forward step groups vectors of columns into panels: all gates of one vector of units, or for a cell with a
// single gate, four vectors of units.
template <class C>
inline constexpr int units_per_panel = C::gates == 1 ? panel_vectors : 1;

// Splits the work of a layer into tasks: rows of one direction.
struct Division {
  int directions, groups;  // tasks = directions * groups

  Division(int threads, const Shape& s) : directions(int(s.D)) {
    const Index most = (threads + s.D - 1) / s.D;
    groups = int(s.N < most ? (s.N > 0 ? s.N : 1) : most);
  }
  int tasks() const { return directions * groups; }
  Index rows(int group, Index N) const { return N * (group + 1) / groups - N * group / groups; }
};

// The rows of one task, and where each of them is in time.
struct TaskRows {
  Index n, steps;        // rows; steps of the longest
  const Index* row;      // [n] their places in the batch, longest first
  const Index* length;   // [n] or null: all `steps`
  bool reverse;

  ELMAN_INLINE Index length_of(Index i) const { return length ? length[i] : steps; }
  ELMAN_INLINE Index time(Index i, Index s) const { return reverse ? length_of(i) - 1 - s : s; }

  // How many rows have a step s, given how many have the step before or after it.
  ELMAN_INLINE Index active(Index s, Index guess) const {
    if (s >= steps) return 0;
    if (!length) return n;
    while (guess > 0 && length[guess - 1] <= s) guess--;
    while (guess < n && length[guess] > s) guess++;
    return guess;
  }
};

// Deals the rows of a batch to the groups: in runs, or by turns where lengths differ, so that each has long and short.
inline TaskRows deal_rows(const Division& division, int group, const Shape& s, const Batch& batch, bool reverse,
                          Index* row, Index* length) {
  const Index first = s.N * group / division.groups;
  const Index n_even = division.rows(group, s.N);
  TaskRows mine{n_even, n_even ? s.T : 0, row, batch.lengths ? length : nullptr, reverse};
  for (Index i = 0; i < mine.n; i++) row[i] = first + i;
  if (batch.lengths) {
    Index n = 0;
    for (Index i = group; i < s.N; i += division.groups, n++) {
      row[n] = batch.order[i];
      length[n] = batch.lengths[row[n]];
    }
    mine.n = n;
    mine.steps = n ? length[0] : 0;
  }
  return mine;
}

// The most rows of a chunk, which has one step at least, and how many whole steps they are.
inline Index chunk_rows(Index n, Index H) {
  const Index rows = H >= 512 ? 2 * least_chunk_rows : least_chunk_rows;
  return n > rows ? n : rows;
}

inline Index chunk_steps(Index n, Index H) { return chunk_rows(n, H) / (n > 0 ? n : 1); }

inline Index scratch_rows(Index n, const Shape& s) {
  const Index all = n * s.T, chunk = chunk_rows(n, s.H);
  return all < chunk ? all : chunk;
}

// ---------------------------------------------------------------------------------------------------------- packing

// Packs columns [first, last) of a forward matrix [gate columns, K] given as torch has it, [G*H, K].
template <class C, class T>
void pack_forward(const Layout<C, T>& at, const T* w, Index K, Index first_unit, Index last_unit, T* packed) {
  constexpr int per_panel = units_per_panel<C>;
  for (Index unit = first_unit; unit < last_unit; unit++) {
    const Index panel = unit / per_panel * per_panel;  // its first vector of units
    const Index in_panel = at.units - panel < per_panel ? at.units - panel : per_panel;
    const Index width = in_panel * C::gates * lanes<T>;
    T* to = packed + panel * C::gates * lanes<T> * K + (unit - panel) * C::gates * lanes<T>;
    for (int g = 0; g < C::gates; g++)
      for (Index lane = 0; lane < lanes<T>; lane++) {
        const Index u = unit * lanes<T> + lane;
        T* column = to + g * lanes<T> + lane;
        if (u < at.H) {
          const T* from = w + (g * at.H + u) * K;
          for (Index k = 0; k < K; k++) column[k * width] = from[k];
        } else {
          for (Index k = 0; k < K; k++) column[k * width] = 0;
        }
      }
  }
}

// Packs panels [first, last) of a backward matrix: row k is the weights of gate column k, `columns` of them.
template <class C, class T>
void pack_backward(const Layout<C, T>& at, const T* w, Index columns, Index first_panel, Index last_panel, T* packed) {
  const Index vectors = vectors_of<T>(columns);
  for (Index panel = first_panel; panel < last_panel; panel++) {
    const Index vector = panel * panel_vectors, begin = vector * lanes<T>;
    const Index width = (vectors - vector < panel_vectors ? vectors - vector : panel_vectors) * lanes<T>;
    const Index real = columns - begin < width ? columns - begin : width;
    T* to = packed + begin * at.width;
    for (Index u = 0; u < at.Hp; u++)
      for (int g = 0; g < C::gates; g++) {
        T* row = to + at.column(g, u) * width;
        if (u < at.H) copy(row, w + (g * at.H + u) * columns + begin, real);
        fill(row + (u < at.H ? real : 0), T(0), u < at.H ? width - real : width);
      }
  }
}

inline Index panel_count(Index vectors) { return (vectors + panel_vectors - 1) / panel_vectors; }

// ---------------------------------------------------------------------------------------------------------- forward

template <class T>
struct ForwardWeights {
  T *ih, *hh;            // packed
  T *bias, *bias_apart;  // [width]: what the input's product starts from; [Hp]: b_hh of a gate kept apart
};

template <class T>
struct ForwardScratch {
  Index *row, *length;
  const T** x;        // [R] rows of x of a chunk
  T** nets;           // [R] rows of net
  const T** before;   // [n] rows of h_{t-1}
  T** after;          // [n] rows of h_t
  T* net;             // [R, width]
  T* c;               // [n, Hp]
};

template <class C, class T>
struct ForwardPlan {
  const ForwardCall<T>& call;
  Layout<C, T> at;
  Division division;
  ForwardWeights<T> weights[2];
  ForwardScratch<T>* tasks;

  explicit ForwardPlan(const ForwardCall<T>& c) : call(c), at(c.shape), division(c.threads, c.shape) {}

  void place(Arena& arena) {
    for (int d = 0; d < division.directions; d++) {
      weights[d].ih = arena.take<T>(at.width * at.I);
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
                             arena.take<T*>(R),    arena.take<const T*>(n), arena.take<T*>(n),
                             arena.take<T>(R * at.width), C::has_cell ? arena.take<T>(n * at.Hp) : nullptr};
      if (all) all[i] = mine;
    }
  }
};

template <class C, class T>
void pack_bias(const Layout<C, T>& at, const Weights<const T>& w, ForwardWeights<T>& to) {
  for (int g = 0; g < C::gates; g++)
    for (Index u = 0; u < at.Hp; u++) {
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
                  T* const* after, const T* net, T* c, T* const* save) {
  constexpr int G = C::gates;
  panels(at.units, units_per_panel<C>, [&](Index unit, int count) {
    const Index column = unit * G * lanes<T>;
    const int vectors = count * G;
    strips(n, block_rows(vectors), [&](Index begin, int rows) {
      Block<T> block;
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
          block.sums[i * vectors + j] = C::apart && j % G == G - 1
                                            ? load(w.bias_apart + (unit + j / G) * lanes<T>)
                                            : load(net + (begin + i) * at.width + column + j * lanes<T>);
      multiply(block, rows, vectors, at.H, PointedRows<T>{before + begin}, w.hh + column * at.H);
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < count; j++) {
          const Index row = begin + i, u = (unit + j) * lanes<T>;
          const Vec<T>* sums = block.sums + i * vectors + j * G;
          Vec<T> gates[G], x_part = zeros<T>(), h = zeros<T>(), state = zeros<T>();
          for (int g = 0; g < G; g++) gates[g] = sums[g];
          if constexpr (C::apart) x_part = load(net + row * at.width + column + (j * G + G - 1) * lanes<T>);
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
  T** save = call.saved ? mine.nets : nullptr;  // free again once the product before a chunk's steps is done
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
        mine.x[R] = call.x.at(rows.time(i, s), rows.row[i]);
        mine.nets[R] = mine.net + R * at.width;
      }
    }
    rows_times_panels<T>(R, at.I, {mine.x}, w.ih, at.width, units_per_panel<C> * C::gates, w.bias, mine.nets);

    const T* net = mine.net;
    for (Index s = begin; s < end; s++) {
      n = rows.active(s, n);
      for (Index i = 0; i < n; i++) {
        const Index t = rows.time(i, s);
        mine.after[i] = y_row(i, t);
        if (save) save[i] = saved_row(at, call.saved, shape, d, t, rows.row[i]);
      }
      forward_step<C, T>(at, w, n, before, mine.after, net, mine.c, save);
      for (Index i = 0; i < n; i++) before[i] = mine.after[i];
      net += n * at.width;
    }
  }

  for (Index i = 0; i < rows.n; i++) {
    copy(const_cast<T*>(state(call.h_n, i)), before[i], at.H);
    if (C::has_cell) copy(const_cast<T*>(state(call.c_n, i)), mine.c + i * at.Hp, at.H);
    for (Index t = rows.length_of(i); t < shape.T; t++) fill(y_row(i, t), T(0), at.H);
  }
}

template <class C, class T>
void forward(const ForwardCall<T>& call) {
  ForwardPlan<C, T> plan(call);
  plan_scratch(plan);
  const Layout<C, T>& at = plan.at;
  const int parts = call.threads;
  for_tasks(parts, parts, [&](int part) {  // panels are packed whole: cut between them
    constexpr Index per_panel = units_per_panel<C>;
    const Index panels = (at.units + per_panel - 1) / per_panel;
    const Index first = panels * part / parts * per_panel, last = panels * (part + 1) / parts * per_panel;
    for (int d = 0; d < plan.division.directions; d++) {
      pack_forward<C, T>(at, call.weights[d].ih, at.I, first, last < at.units ? last : at.units, plan.weights[d].ih);
      pack_forward<C, T>(at, call.weights[d].hh, at.H, first, last < at.units ? last : at.units, plan.weights[d].hh);
      if (part == 0) pack_bias<C, T>(at, call.weights[d], plan.weights[d]);
    }
  });
  for_tasks(call.threads, plan.division.tasks(), [&](int task) { forward_task<C, T>(plan, task); });
}

// --------------------------------------------------------------------------------------------------------- backward

template <class T>
struct BackwardWeights {
  T *ih, *hh;  // packed: [width, I] and [width, H] in panels
};

// The weight gradients of one task, in the columns' order.
template <class T>
struct Share {
  T *ih, *hh;      // [width, Ip], [width, Hp]
  T *b_ih, *b_hh;  // [width]
};

template <class T>
struct BackwardScratch {
  Index *row, *length, *active;  // [n], [n], [R]
  const T** rows;       // [R] rows of one operand of a product
  T** out;              // [R] rows of its result
  const T** later;      // [n] rows of delta of step s+1
  const T **h, **before, **dy, **save;  // [n] rows of h_t, h_{t-1}, dE/dy_t, saved numbers of a step
  T *delta, *delta_in;  // [R, width] dE/d(W h + b_hh), dE/d(U x + b_ih): one buffer unless the cell keeps them apart
  T* next;              // [n, width] delta of the oldest step of the newer chunk
  T *dh, *dc;           // [n, Hp] carried: the part of dE/dh that does not go through W, and dE/dc
  T *strips, *panel;    // packed operands of the products
  T* dx;                // [T, N, I], the reverse direction's
  Share<T> share;
};

template <class C, class T>
struct BackwardPlan {
  const BackwardCall<T>& call;
  Layout<C, T> at;
  Division division;
  BackwardWeights<T> weights[2];
  BackwardScratch<T>* tasks;

  explicit BackwardPlan(const BackwardCall<T>& c) : call(c), at(c.shape), division(c.threads, c.shape) {}

  bool wants_x() const { return call.dx.data != nullptr; }
  bool wants_weights(int d) const {
    const Weights<T>& w = call.dweights[d];
    return w.ih || w.hh || w.b_ih || w.b_hh;
  }

  void place(Arena& arena) {
    const Shape& s = call.shape;
    T* reverse_dx = nullptr;
    for (int d = 0; d < division.directions; d++) {
      weights[d].ih = wants_x() ? arena.take<T>(at.width * at.Ip) : nullptr;
      weights[d].hh = arena.take<T>(at.width * at.Hp);
      if (d == 1 && wants_x()) reverse_dx = arena.take<T>(s.T * s.N * s.I);
    }
    BackwardScratch<T>* all = arena.take<BackwardScratch<T>>(division.tasks());
    tasks = all;
    const Index n = (s.N + division.groups - 1) / division.groups;
    const Index R = scratch_rows(n, s);
    const Index slack = lanes<T>;  // whole vectors are read past a packed strip and past delta
    for (int i = 0; i < division.tasks(); i++) {
      BackwardScratch<T> mine;
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
      mine.delta = arena.take<T>(R * at.width + slack);
      mine.delta_in = C::apart ? arena.take<T>(R * at.width + slack) : mine.delta;
      mine.next = arena.take<T>(n * at.width);
      mine.dh = arena.take<T>(n * at.Hp);
      mine.dc = C::has_cell ? arena.take<T>(n * at.Hp) : nullptr;
      mine.strips = arena.take<T>(R * at.width + slack);
      mine.panel = arena.take<T>(R * panel_vectors * lanes<T>);
      mine.dx = reverse_dx;
      mine.share.ih = arena.take<T>(at.width * at.Ip);
      mine.share.hh = arena.take<T>(at.width * at.Hp);
      mine.share.b_ih = arena.take<T>(at.width);
      mine.share.b_hh = C::apart ? arena.take<T>(at.width) : mine.share.b_ih;
      if (all) all[i] = mine;
    }
  }
};

// The rows of one backward step, and what they carry.
template <class T>
struct BackwardStep {
  const T* const* later;  // rows of delta_{t+1}
  const T* const* dy;     // rows of dE/dy_t, or null: zeros
  const T *const *h, *const *before, *const *save;
  T *dh, *dc;             // [n, Hp]
  T *delta, *delta_in;    // [n, width]

  ELMAN_INLINE BackwardStep from(Index i, Index Hp, Index width) const {
    return {later + i,  dy ? dy + i : nullptr, h + i, before + i, save + i, dh + i * Hp, dc ? dc + i * Hp : nullptr,
            delta + i * width, delta_in + i * width};
  }
};

// dE/dh_t = dE/dy_t + delta_{t+1} W + what is carried; then the cell's error terms.  `recurs`: there is a step t+1.
template <class C, class T>
void backward_step(const Layout<C, T>& at, const T* hh, Index n, const BackwardStep<T>& step, bool recurs) {
  constexpr int G = C::gates;
  panels(at.units, panel_vectors, [&](Index unit, int vectors) {
    const Index column = unit * lanes<T>;
    strips(n, block_rows(vectors), [&](Index begin, int rows) {
      Block<T> block;
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
          const Index u = column + j * lanes<T>;
          Vec<T> sum = step.dy ? load_part(step.dy[begin + i] + u, at.H - u) : zeros<T>();
          if (C::carries || !recurs) sum += load(step.dh + (begin + i) * at.Hp + u);
          block.sums[i * vectors + j] = sum;
        }
      if (recurs) multiply(block, rows, vectors, at.width, PointedRows<T>{step.later + begin}, hh + column * at.width);
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
          const Index row = begin + i, u = column + j * lanes<T>, gate = row * at.width + (unit + j) * G * lanes<T>;
          StepGradient<T> d{block.sums[i * vectors + j], zeros<T>(), zeros<T>(), zeros<T>()};
          Vec<T> delta[G], h = zeros<T>(), before = zeros<T>();
          if constexpr (C::has_cell) d.c = load(step.dc + row * at.Hp + u);
          if constexpr (C::carries) before = load_part(step.before[row] + u, at.H - u);
          if constexpr (C::saved == 0) h = load_part(step.h[row] + u, at.H - u);
          const T* kept = C::saved ? step.save[row] + (unit + j) * C::saved * lanes<T> : nullptr;
          C::template backward<T>(d, before, h, kept, delta);
          for (int g = 0; g < G; g++) store(step.delta + gate + g * lanes<T>, delta[g]);
          if constexpr (C::apart)
            for (int g = 0; g < G; g++) store(step.delta_in + gate + g * lanes<T>, g < G - 1 ? delta[g] : d.last);
          if constexpr (C::carries) store(step.dh + row * at.Hp + u, d.carry);
          if constexpr (C::has_cell) store(step.dc + row * at.Hp + u, d.c);
        }
    });
  });
}

// sums[column] += the columns of R rows.
template <class T>
void add_rows(Index R, Index width, const T* rows, T* sums) {
  for (Index c = 0; c < width; c += lanes<T>) {
    Vec<T> sum = load(sums + c);
    for (Index r = 0; r < R; r++) sum += load(rows + r * width + c);
    store(sums + c, sum);
  }
}

template <class C, class T>
class BackwardTask {
 public:
  BackwardTask(const BackwardPlan<C, T>& plan, int task)
      : plan_(plan), call_(plan.call), at_(plan.at), shape_(plan.call.shape), d_(task / plan.division.groups),
        w_(plan.weights[d_]), mine_(plan.tasks[task]),
        rows_(deal_rows(plan.division, task % plan.division.groups, shape_, call_.batch, d_ == 1, mine_.row,
                        mine_.length)) {}

  void run() {
    start();
    const Index steps = chunk_steps(rows_.n, at_.H), chunks = (rows_.steps + steps - 1) / steps;
    for (Index chunk = chunks - 1; chunk >= 0; chunk--) {
      const Index end = (chunk + 1) * steps < rows_.steps ? (chunk + 1) * steps : rows_.steps;
      const Index R = scan_chunk(chunk * steps, end);
      if (plan_.wants_weights(d_)) add_weight_gradients(chunk * steps, end, R);
      if (plan_.wants_x()) write_input_gradients(chunk * steps, end, R);
    }
    finish();
  }

 private:
  T* state(const T* states, Index i) const {
    return const_cast<T*>(states) + (d_ * shape_.N + rows_.row[i]) * at_.H;
  }
  const T* y_row(Index i, Index s) const { return call_.y.at(rows_.time(i, s), rows_.row[i]) + d_ * at_.H; }
  const T* h_before(Index i, Index s) const { return s == 0 ? state(call_.h0, i) : y_row(i, s - 1); }
  T* dx_row(Index i, Index t) const {
    return d_ == 0 ? call_.dx.at(t, rows_.row[i]) : mine_.dx + (t * shape_.N + rows_.row[i]) * at_.I;
  }

  void start() {
    for (Index i = 0; i < rows_.n; i++) {
      copy_padded<T>(mine_.dh + i * at_.Hp, call_.dh_n ? state(call_.dh_n, i) : nullptr, at_.H);
      if (C::has_cell) copy_padded<T>(mine_.dc + i * at_.Hp, call_.dc_n ? state(call_.dc_n, i) : nullptr, at_.H);
    }
    if (plan_.wants_weights(d_)) {
      fill(mine_.share.ih, T(0), at_.width * at_.Ip);
      fill(mine_.share.hh, T(0), at_.width * at_.Hp);
      fill(mine_.share.b_ih, T(0), at_.width);
      if (C::apart) fill(mine_.share.b_hh, T(0), at_.width);
    }
  }

  // The error terms of steps end-1 down to begin; returns how many rows they have.
  Index scan_chunk(Index begin, Index end) {
    Index R = 0, n = rows_.active(begin, rows_.n);
    for (Index s = begin; s < end; s++) R += mine_.active[s - begin] = n = rows_.active(s, n);
    Index row = R, later = rows_.active(end, n);
    for (Index s = end - 1; s >= begin; s--) {
      n = mine_.active[s - begin];
      row -= n;
      const T* newer = s + 1 == end ? mine_.next : mine_.delta + (row + n) * at_.width;
      for (Index i = 0; i < n; i++) {
        const Index t = rows_.time(i, s);
        mine_.later[i] = newer + i * at_.width;
        mine_.h[i] = y_row(i, s);
        mine_.before[i] = h_before(i, s);
        if (call_.dy.data) mine_.dy[i] = call_.dy.at(t, rows_.row[i]) + d_ * at_.H;
        if (C::saved) mine_.save[i] = saved_row(at_, call_.saved, shape_, d_, t, rows_.row[i]);
      }
      const BackwardStep<T> step{mine_.later, call_.dy.data ? mine_.dy : nullptr, mine_.h, mine_.before, mine_.save,
                                 mine_.dh, mine_.dc, mine_.delta + row * at_.width, mine_.delta_in + row * at_.width};
      if (later > 0) backward_step<C, T>(at_, w_.hh, later, step, true);
      if (n > later) backward_step<C, T>(at_, w_.hh, n - later, step.from(later, at_.Hp, at_.width), false);
      later = n;
    }
    copy(mine_.next, mine_.delta, mine_.active[0] * at_.width);
    return R;
  }

  // Calls f(row of the chunk, row of the batch, step) for the rows of a chunk in their order.
  template <class F>
  void for_rows(Index begin, Index end, const F& f) const {
    Index r = 0;
    for (Index s = begin; s < end; s++)
      for (Index i = 0; i < mine_.active[s - begin]; i++) f(r++, i, s);
  }

  void add_weight_gradients(Index begin, Index end, Index R) {
    const Share<T>& share = mine_.share;
    pack_strips(R, at_.width, mine_.delta, at_.width, mine_.strips);
    for_rows(begin, end, [&](Index r, Index i, Index s) { mine_.rows[r] = h_before(i, s); });
    sums_of_products<T>(R, at_.width, mine_.strips, mine_.rows, at_.H, mine_.panel, share.hh);
    if (C::apart) pack_strips(R, at_.width, mine_.delta_in, at_.width, mine_.strips);
    for_rows(begin, end, [&](Index r, Index i, Index s) { mine_.rows[r] = call_.x.at(rows_.time(i, s), rows_.row[i]); });
    sums_of_products<T>(R, at_.width, mine_.strips, mine_.rows, at_.I, mine_.panel, share.ih);
    add_rows(R, at_.width, mine_.delta_in, share.b_ih);
    if (C::apart) add_rows(R, at_.width, mine_.delta, share.b_hh);
  }

  void write_input_gradients(Index begin, Index end, Index R) {
    for_rows(begin, end, [&](Index r, Index i, Index s) {
      mine_.rows[r] = mine_.delta_in + r * at_.width;
      mine_.out[r] = dx_row(i, rows_.time(i, s));
    });
    rows_times_panels<T>(R, at_.width, {mine_.rows}, w_.ih, at_.I, panel_vectors, nullptr, mine_.out);
  }

  // The gradients of the initial states, and zeros where there is no step.
  void finish() {
    const Index n = rows_.active(0, rows_.n);
    for (Index i = 0; i < rows_.n; i++) {
      if (call_.dh0 && (i >= n || C::carries)) copy(state(call_.dh0, i), mine_.dh + i * at_.Hp, at_.H);
      if (call_.dc0) copy(state(call_.dc0, i), mine_.dc + i * at_.Hp, at_.H);
      if (plan_.wants_x())
        for (Index t = rows_.length_of(i); t < shape_.T; t++) fill(dx_row(i, t), T(0), at_.I);
    }
    if (!call_.dh0 || n == 0) return;
    for (Index i = 0; i < n; i++) {
      mine_.rows[i] = mine_.next + i * at_.width;
      mine_.out[i] = state(call_.dh0, i);
    }
    T* through_w = mine_.delta;  // free by now; [n, H]
    for (Index i = 0; i < n; i++) mine_.out[i] = through_w + i * at_.H;
    rows_times_panels<T>(n, at_.width, {mine_.rows}, w_.hh, at_.H, panel_vectors, nullptr, mine_.out);
    for (Index i = 0; i < n; i++) {
      T* to = state(call_.dh0, i);
      for (Index u = 0; u < at_.H; u++) to[u] = (C::carries ? to[u] : T(0)) + through_w[i * at_.H + u];
    }
  }

  const BackwardPlan<C, T>& plan_;
  const BackwardCall<T>& call_;
  const Layout<C, T>& at_;
  const Shape& shape_;
  const int d_;
  const BackwardWeights<T>& w_;
  const BackwardScratch<T>& mine_;
  const TaskRows rows_;
};

// Adds the tasks' shares of one gradient, task by task, for the gate rows of one part of the work.
template <class C, class T>
void join_rows(const BackwardPlan<C, T>& plan, int d, int part, int parts, T* Share<T>::*of, Index columns,
               Index stride, T* out) {
  if (!out) return;
  const Layout<C, T>& at = plan.at;
  const int groups = plan.division.groups;
  const BackwardScratch<T>* tasks = plan.tasks + d * groups;
  const Index first = at.H * part / parts, last = at.H * (part + 1) / parts;
  for (int g = 0; g < C::gates; g++)
    for (Index u = first; u < last; u++) {
      T* to = out + (g * at.H + u) * columns;
      const Index from = at.column(g, u) * stride;
      copy(to, tasks[0].share.*of + from, columns);
      for (int group = 1; group < groups; group++) {
        const T* add = tasks[group].share.*of + from;
        for (Index k = 0; k < columns; k++) to[k] += add[k];
      }
    }
}

template <class C, class T>
void join(const BackwardPlan<C, T>& plan, int part, int parts) {
  const Layout<C, T>& at = plan.at;
  const Shape& s = plan.call.shape;
  for (int d = 0; d < plan.division.directions; d++) {
    const Weights<T>& w = plan.call.dweights[d];
    join_rows(plan, d, part, parts, &Share<T>::hh, at.H, at.Hp, w.hh);
    join_rows(plan, d, part, parts, &Share<T>::ih, at.I, at.Ip, w.ih);
    join_rows(plan, d, part, parts, &Share<T>::b_ih, Index(1), Index(1), w.b_ih);
    join_rows(plan, d, part, parts, &Share<T>::b_hh, Index(1), Index(1), w.b_hh);
  }
  if (plan.division.directions == 2 && plan.wants_x())
    for (Index t = s.T * part / parts; t < s.T * (part + 1) / parts; t++)
      for (Index row = 0; row < s.N; row++) {
        T* to = plan.call.dx.at(t, row);
        const T* add = plan.tasks[plan.division.groups].dx + (t * s.N + row) * s.I;
        for (Index k = 0; k < s.I; k++) to[k] += add[k];
      }
}

template <class C, class T>
void backward(const BackwardCall<T>& call) {
  BackwardPlan<C, T> plan(call);
  plan_scratch(plan);
  const Layout<C, T>& at = plan.at;
  const int parts = call.threads;
  for_tasks(parts, parts, [&](int part) {
    const Index hidden = panel_count(at.units), inputs = panel_count(vectors_of<T>(at.I));
    for (int d = 0; d < plan.division.directions; d++) {
      pack_backward<C, T>(at, call.weights[d].hh, at.H, hidden * part / parts, hidden * (part + 1) / parts,
                          plan.weights[d].hh);
      if (plan.wants_x())
        pack_backward<C, T>(at, call.weights[d].ih, at.I, inputs * part / parts, inputs * (part + 1) / parts,
                            plan.weights[d].ih);
    }
  });
  for_tasks(call.threads, plan.division.tasks(), [&](int task) { BackwardTask<C, T>(plan, task).run(); });
  for_tasks(parts, parts, [&](int part) { join(plan, part, parts); });
}

}  // namespace
}  // namespace elman
