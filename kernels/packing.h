// The weights of a layer, packed into panels for the products of the scan.  A call packs them anew: a cache could not
// know that an optimiser has changed them.
#pragma once
#include "scan.h"

namespace elman {
namespace {

// Turns `real` rows of K numbers into one vector of columns, zeros beyond them: K vectors, `width` scalars apart.
template <class T>
void pack_columns(const T* rows, Index real, Index K, T* to, Index width) {
  for (Index k = 0; k < K; k += lanes<T>) {
    const Index count = K - k < lanes<T> ? K - k : lanes<T>;
    Vec<T> square[lanes<T>];
#pragma GCC unroll 16
    for (Index i = 0; i < lanes<T>; i++) square[i] = i < real ? load_part(rows + i * K + k, count) : zeros<T>();
    transpose<T>(square);
#pragma GCC unroll 16
    for (Index i = 0; i < lanes<T>; i++)
      if (i < count) store(to + (k + i) * width, square[i]);
  }
}

// Packs columns [first, last) of a forward matrix [gate columns, K] given as torch has it, [G*H, K].
template <class C, class T>
void pack_forward(const Layout<C, T>& at, const T* w, Index K, Index first_unit, Index last_unit, T* packed) {
  constexpr int per_group = units_per_group<C>;
  for (Index unit = first_unit; unit < last_unit; unit++) {
    const Index group = unit / per_group * per_group;  // its first vector of units
    const Index in_group = at.units - group < per_group ? at.units - group : per_group;
    const int width = panel_width(int(in_group) * C::gates);
    const Index real = at.H - unit * lanes<T> < lanes<T> ? at.H - unit * lanes<T> : lanes<T>;
    for (int g = 0; g < C::gates; g++) {
      const Index vector = (unit - group) * C::gates + g, panel = group * C::gates + vector / width * width;
      T* to = packed + panel * lanes<T> * K + vector % width * lanes<T>;
      pack_columns(w + (g * at.H + unit * lanes<T>) * K, real, K, to, width * lanes<T>);
    }
  }
}

// The table of U x + b for 1-of-N inputs, [I, stride]: vectors of units [first, last) of each row.
template <class C, class T>
void pack_table(const Layout<C, T>& at, const T* w, const T* bias, Index first_unit, Index last_unit, T* table) {
  for (Index unit = first_unit; unit < last_unit; unit++) {
    const Index real = at.H - unit * lanes<T> < lanes<T> ? at.H - unit * lanes<T> : lanes<T>;
    for (int g = 0; g < C::gates; g++) {
      const Index column = at.column(g, unit * lanes<T>);
      pack_columns(w + (g * at.H + unit * lanes<T>) * at.I, real, at.I, table + column, at.stride);
      const Vec<T> b = load(bias + column);
      for (Index k = 0; k < at.I; k++) store(table + k * at.stride + column, load(table + k * at.stride + column) + b);
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

}  // namespace
}  // namespace elman
