// The products around and inside the scan: rows that are given by pointers, times a matrix packed once into panels.
//
// Panels.  A matrix B [K, columns] is stored as panels of up to `panel_vectors` vectors of columns: panel p holds
// [K][width] scalars, all of them one after another, columns padded with zeros to whole vectors.  A panel is read from
// its first scalar to its last, whatever the rows; it stays in cache over the rows and over time.
//
// Order of additions.  Each number of the result is one chain of fma over k = 0, 1, ..., K-1 that starts from its
// given first value, however many rows or columns are computed beside it.  So a row has the same bits alone and in a
// batch, and a sequence the same bits whole and in chunks.
#pragma once
#include "vector.h"

namespace elman {
namespace {

// How many rows a block of `vectors` columns may have, so that its sums, one row of B and one number of A fit the
// registers: 6 x 4 and 8 x 3 of 32, 3 x 4 and 4 x 3 of 16.
inline constexpr int block_vectors = vector_registers * 3 / 4;
inline constexpr int panel_vectors = 4;

constexpr int block_rows(int vectors) { return block_vectors / vectors < 8 ? block_vectors / vectors : 8; }

// The sums of a block, [rows][vectors], on their way into and out of the registers of `multiply`.
template <class T>
struct Block {
  Vec<T> sums[block_vectors];
};

// Splits n rows into strips of equal length, give or take one, and calls f(first row, rows) for each.
// 17 rows in strips of at most 6 are 6 + 6 + 5; 7 are 4 + 3, not 6 and a tail that wastes its registers.
template <class F>
ELMAN_INLINE void strips(Index n, int most, const F& f) {
  const Index count = (n + most - 1) / most;
  for (Index i = 0, begin = 0; i < count; i++) {
    const Index end = n * (i + 1) / count;
    f(begin, int(end - begin));
    begin = end;
  }
}

// Calls f(first vector, vectors) for each panel of a matrix of so many vectors of columns.
template <class F>
ELMAN_INLINE void panels(Index vectors, int per_panel, const F& f) {
  for (Index first = 0; first < vectors; first += per_panel)
    f(first, int(vectors - first < per_panel ? vectors - first : per_panel));
}

template <class T>
ELMAN_INLINE Index vectors_of(Index columns) {
  return (columns + lanes<T> - 1) / lanes<T>;
}

template <class T>
ELMAN_INLINE Index padded(Index columns) {
  return vectors_of<T>(columns) * lanes<T>;
}

// Rows of A that lie anywhere, [rows] pointers.
template <class T>
struct PointedRows {
  const T* const* row;
  ELMAN_INLINE PointedRows from(Index i) const { return {row + i}; }
};

// Rows of A packed beside each other, [K][rows].
template <class T>
struct PackedRows {
  const T* data;
};

// The micro-kernel: block[i][j] += A[i][k] * panel[k][j] over k, the sums in registers.
template <class T, int rows, int vectors>
__attribute__((noinline)) void multiply_exactly(Vec<T>* block, Index K, PointedRows<T> a, const T* panel) {
  Vec<T> sums[rows][vectors];
  const T* row[rows];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) row[i] = a.row[i];
#pragma GCC unroll 32
  for (int i = 0; i < rows * vectors; i++) sums[i / vectors][i % vectors] = block[i];
  for (Index k = 0; k < K; k++, panel += vectors * lanes<T>) {
    Vec<T> b[vectors];
#pragma GCC unroll 8
    for (int j = 0; j < vectors; j++) b[j] = load(panel + j * lanes<T>);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const Vec<T> factor = broadcast<T>(row[i][k]);
#pragma GCC unroll 8
      for (int j = 0; j < vectors; j++) sums[i][j] = fma(factor, b[j], sums[i][j]);
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < rows * vectors; i++) block[i] = sums[i / vectors][i % vectors];
}

template <class T, int rows, int vectors>
__attribute__((noinline)) void multiply_exactly(Vec<T>* block, Index K, PackedRows<T> a, const T* panel) {
  Vec<T> sums[rows][vectors];
  const T* numbers = a.data;
#pragma GCC unroll 32
  for (int i = 0; i < rows * vectors; i++) sums[i / vectors][i % vectors] = block[i];
  for (Index k = 0; k < K; k++, panel += vectors * lanes<T>, numbers += rows) {
    Vec<T> b[vectors];
#pragma GCC unroll 8
    for (int j = 0; j < vectors; j++) b[j] = load(panel + j * lanes<T>);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      const Vec<T> factor = broadcast<T>(numbers[i]);
#pragma GCC unroll 8
      for (int j = 0; j < vectors; j++) sums[i][j] = fma(factor, b[j], sums[i][j]);
    }
  }
#pragma GCC unroll 32
  for (int i = 0; i < rows * vectors; i++) block[i] = sums[i / vectors][i % vectors];
}

template <class T, int vectors, int most, class A>
ELMAN_INLINE void multiply_rows(int rows, Vec<T>* block, Index K, A a, const T* panel) {
  if constexpr (most > 1) {
    if (rows < most) return multiply_rows<T, vectors, most - 1>(rows, block, K, a, panel);
  }
  multiply_exactly<T, most, vectors>(block, K, a, panel);
}

// The micro-kernel for sizes known at run time: 1 <= vectors <= panel_vectors, 1 <= rows <= block_rows(vectors).
template <class T, class A>
void multiply(Block<T>& block, int rows, int vectors, Index K, A a, const T* panel) {
  switch (vectors) {
    case 1: return multiply_rows<T, 1, block_rows(1)>(rows, block.sums, K, a, panel);
    case 2: return multiply_rows<T, 2, block_rows(2)>(rows, block.sums, K, a, panel);
    case 3: return multiply_rows<T, 3, block_rows(3)>(rows, block.sums, K, a, panel);
    case 4: return multiply_rows<T, 4, block_rows(4)>(rows, block.sums, K, a, panel);
  }
}

// out[row] = first + A[row] · B for rows given by pointers; `first` is one value a column (null: zeros).
// B [K, columns] in panels of `per_panel` vectors; the rows of `out` have `columns` numbers, not padded.
template <class T>
void rows_times_panels(Index n, Index K, PointedRows<T> a, const T* b, Index columns, int per_panel, const T* first,
                       T* const* out) {
  panels(vectors_of<T>(columns), per_panel, [&](Index vector, int vectors) {
    const Index column = vector * lanes<T>;
    strips(n, block_rows(vectors), [&](Index begin, int rows) {
      Block<T> block;
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
          block.sums[i * vectors + j] = first ? load(first + column + j * lanes<T>) : zeros<T>();
      multiply(block, rows, vectors, K, a.from(begin), b + column * K);
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
          const Index at = column + j * lanes<T>;
          store_part(out[begin + i] + at, block.sums[i * vectors + j], columns - at);
        }
    });
  });
}

// Packs M columns of D [K, M] (rows `stride` apart) into strips [K][rows] for sums_of_products.  Whole vectors are
// copied and their excess overwritten by the next: `packed` needs K*M + lanes scalars, and D one vector past its end.
template <class T>
void pack_strips(Index K, Index M, const T* d, Index stride, T* packed) {
  strips(M, block_rows(panel_vectors), [&](Index begin, int rows) {
    T* to = packed + begin * K;
    for (Index k = 0; k < K; k++)
      for (int done = 0; done < rows; done += lanes<T>) store(to + k * rows + done, load(d + k * stride + begin + done));
  });
}

// Sum over k of D[k]ᵀ X[k]: the gradient of a weight matrix, a sum over time and rows of outer products.
// sums [M, padded columns] += Dᵀ · X, with D packed in strips and X [K, columns] given by row pointers.
// `panel` is scratch for K * panel_vectors vectors.
template <class T>
void sums_of_products(Index K, Index M, const T* strips_of_d, const T* const* x, Index columns, T* panel, T* sums) {
  const Index stride = padded<T>(columns);
  panels(vectors_of<T>(columns), panel_vectors, [&](Index vector, int vectors) {
    const Index column = vector * lanes<T>;
    for (Index k = 0; k < K; k++)
      for (int j = 0; j < vectors; j++) {
        const Index at = column + j * lanes<T>;
        store(panel + (k * vectors + j) * lanes<T>, load_part(x[k] + at, columns - at));
      }
    strips(M, block_rows(panel_vectors), [&](Index begin, int rows) {
      T* at = sums + begin * stride + column;
      Block<T> block;
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) block.sums[i * vectors + j] = load(at + i * stride + j * lanes<T>);
      multiply(block, rows, vectors, K, PackedRows<T>{strips_of_d + begin * K}, panel);
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) store(at + i * stride + j * lanes<T>, block.sums[i * vectors + j]);
    });
  });
}

}  // namespace
}  // namespace elman
