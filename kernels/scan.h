// The scan: a cell over time, forward and backward, for any lengths, direction and number of threads.
//
// Work.  U x + b for all steps of a chunk is one product before its steps; inside a step only W h is left, and the
// cell's formula runs on the sums of a block while they are in the first cache.  Backward, inside a step only delta W is left; the
// gradients of W and U (sums over time of outer products, equations 6 and 8 of docs/bptt.md) and of x are one product
// each a chunk.  A chunk is some hundred rows, so that what it leaves for the next product is still in cache.
//
// Threads.  A task takes some rows of the batch in one direction through all steps, and never meets the others until
// the end, where the weight gradients of all tasks are added in their order: the same number of threads gives the same
// bits.  The two directions are tasks side by side.  Where there are too few rows, or W is too large to be read by every
// task, the members of a crew take the same rows together, each some of the units, and meet at a barrier after every
// step.  No sum is divided between them, so that the bits are the same whether a crew has several members or, while
// another call has the pool, one.
//
// Lengths.  A task has its rows longest first, so the rows that exist at a step are the first ones, and padding costs
// nothing.  Step s of a row of length l is its time s, or l-1-s in the reverse direction.
//
// Columns of gates are stored by vectors of units, [unit vector][gate][lane], so that a block of the product holds all
// gates of its units; units are padded to whole vectors with zero weights.  What a padded unit computes is not stored, and
// its error terms are set to zero, for 0 times infinity is not.  Hp is H so padded.
//
// Memory, in scalars, besides the arguments, for R = max(n, 256) rows of a chunk (512 from H = 512 on; forward fewer
// where `rows_forward` says so), no more than there are, and a = 2 for GRU, else 1, for each crew.  Rows of G Hp numbers
// are kept 64 bytes further apart where G Hp is a multiple of 512 bytes.  A call: D G Hp (I + H) of packed weights.  A
// forward task of n rows: R G Hp, n Hp for c, and 2 n Hp where a mask drops parts of h.  A backward task: (a R + n) G Hp
// for the error terms of a chunk, R (I + H) for its packed inputs, 2 n Hp for what is carried, 4 R vectors for a panel,
// G Hp (H + I + a) for its share of the gradients; the reverse direction T N I for its part of dx.  With codes for x there
// is no R G Hp and no R I.  From 1 MiB on it is whole pages of 2 MiB.  `saved` has room for D T N Hp numbers, Hp for
// 64-byte vectors, for each number that a unit saves: 0 for RNN, 4 for GRU, 5 for LSTM.
#pragma once
#include "cells.h"
#include "matmul.h"
#include "memory.h"
#include "threads.h"

namespace elman {
namespace {

constexpr Index near_sums = 256 << 10;  // bytes

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
void for_tasks(const Team& team, int tasks, const F& f) {
  team.run(tasks, [](void* context, int task) { (*static_cast<const F*>(context))(task); }, const_cast<F*>(&f));
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

// Units for which `saved` has room: whole vectors of the widest instruction set, whichever runs, since torch.compile
// keeps the shapes of its graphs on disk.
inline Index saved_width(Index H, Index itemsize) {
  const Index widest = 64 / itemsize;
  return (H + widest - 1) / widest * widest;
}

// Where the numbers of one direction of a layer with cell C stand.  Rows of gates are not a multiple of 512 bytes
// apart: the lines that a block reads of several rows would fall into the same few sets of the first cache.
template <class C, class T>
struct Layout {
  Index I, H, units, Hp, width;  // units: vectors of units; width = G*Hp
  Index stride;                  // between rows of `width` numbers

  explicit Layout(const Shape& s)
      : I(s.I), H(s.H), units(vectors_of<T>(s.H)), Hp(padded<T>(s.H)), width(C::gates * Hp),
        stride(width + (width * Index(sizeof(T)) % 512 == 0 ? 64 / Index(sizeof(T)) : 0)) {}

  // The place of gate g of unit u among the columns.
  ELMAN_INLINE Index column(int g, Index u) const {
    return (u / lanes<T> * C::gates + g) * lanes<T> + u % lanes<T>;
  }
};

// The numbers of a row of H that some vectors of units hold.
struct Units {
  Index first, count;
  template <class T>
  static ELMAN_INLINE Units of(Columns vectors, Index H) {
    const Index first = vectors.first * lanes<T>, last = vectors.last * lanes<T>;
    return {first, (last < H ? last : H) - first};
  }
};

// How a forward step groups vectors of columns into blocks: all gates of one vector of units, or for a cell with a
// single gate, several vectors of units.
template <class C>
inline constexpr int units_per_group = C::gates == 1 ? panel_vectors : 1;

// How many threads `work` is worth, if so much of it takes about as long as to wake a thread.
inline int worthwhile(int threads, Index work, Index waking) {
  return work / waking + 1 < threads ? int(work / waking) + 1 : threads;
}

constexpr Index least_share = 24 << 10, least_share_of_idle = 8 << 10;  // multiplications of a member in a step
constexpr Index far_weights = 8 << 20;            // bytes

// Splits the work of a layer into tasks, rows of one direction, each done by a crew; and what is done once for all,
// packing the weights and joining their gradients, into parts.
struct Division {
  int directions, groups, members;  // tasks = directions * groups * members
  int parts;

  // `threads` says how the sums are divided, `together` how many threads there are in fact.
  Division(int threads, int together, const Shape& s, Index gates, Index itemsize) : directions(int(s.D)) {
    const Index weights = gates * s.H * (s.I + s.H);
    parts = worthwhile(threads, s.D * weights, 1 << 18);  // numbers moved
    const Index most = (worthwhile(threads, s.D * s.T * s.N * weights, 1 << 20) + s.D - 1) / s.D;  // multiplications
    const int crew = crew_for(int(most), s, gates * s.H * s.H, itemsize);
    const Index left = most / crew;
    groups = int(s.N < left ? (s.N > 0 ? s.N : 1) : left);
    members = crew * groups * directions <= together ? crew : 1;
  }
  int tasks() const { return directions * groups * members; }
  Index rows(int group, Index N) const { return N * (group + 1) / groups - N * group / groups; }

 private:
  // Members wait for one another at every step, so they must save more than that: where so few rows are left for each
  // thread that most of a step is reading W, unless a step is short (less so where there are fewer rows than threads, of
  // which some would be idle); and where W is larger by far than the caches nearest to a core, so that reading it costs
  // more than to multiply by it.
  static int crew_for(int threads, const Shape& s, Index weights, Index itemsize) {
    if (weights * itemsize >= far_weights && s.N <= 64 * threads) return threads;
    if (s.N >= 3 * threads) return 1;
    const Index members = s.N * weights / (s.N < threads ? least_share_of_idle : least_share);
    return members < 2 ? 1 : members < threads ? int(members) : threads;
  }
};

// A task's place: which direction, which rows, which member of their crew.
struct Place {
  int d, group, member;
  Place(const Division& division, int task)
      : d(task / division.members / division.groups), group(task / division.members % division.groups),
        member(task % division.members) {}
};

// Where the members of a crew meet, if there are several.
struct Crew {
  Barrier* barrier;
  ELMAN_INLINE void meet() const {
    if (barrier) meet_at(barrier);
  }
};

inline Crew place_crew(const Division& division, Arena& arena) {
  char* memory = division.members > 1 ? arena.take<char>(barrier_bytes) : nullptr;
  return {memory ? make_barrier(memory, division.members) : nullptr};
}

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

// How many rows a chunk has at least.  Backward, what it leaves is multiplied at once for the gradients of W and U: the
// more, the better.  Forward, it leaves `gates` * H sums a row, which a near cache should hold, if that can be; but then
// all of U is read again for every chunk, which costs less only from about I rows on.
inline Index rows_backward(const Shape& s) { return s.H >= 512 ? 512 : 256; }

inline Index rows_forward(const Shape& s, Index gates, Index itemsize) {
  const Index row = gates * s.H * itemsize, near = near_sums / row, rows = near < s.I ? s.I : near;
  return rows * row > 2 * near_sums || rows > rows_backward(s) ? rows_backward(s) : rows;
}

// The most rows of a chunk, which has one step at least, and how many whole steps they are.
inline Index chunk_rows(Index n, Index least) { return n > least ? n : least; }

inline Index chunk_steps(Index n, Index least) { return chunk_rows(n, least) / (n > 0 ? n : 1); }

inline Index scratch_rows(Index n, Index T, Index least) {
  const Index all = n * T, chunk = chunk_rows(n, least);
  return all < chunk ? all : chunk;
}

}  // namespace
}  // namespace elman
