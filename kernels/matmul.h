// The products around and inside the scan: rows that are given by pointers, times a matrix packed once into panels.
//
// Panels.  A matrix B [K, columns] is stored as panels of one to four vectors of columns: a panel holds [K][width]
// scalars, all of them one after another, columns padded with zeros to whole vectors.  A panel is read from its first
// scalar to its last, whatever the rows; it stays in cache over the rows and over time.
//
// Order of additions.  Each number of the result is one chain of fma over k = 0, 1, ..., K-1 that starts from its
// given first value, however many rows or columns are computed beside it.  So a row has the same bits alone and in a
// batch, and a sequence the same bits whole and in chunks.
#pragma once
#include "vector.h"

namespace elman {
namespace {

// The registers hold the sums of a block, one row of B and one number of A: 6 x 4 and 8 x 3 sums of 32, 6 x 2 and 4 x 3
// of 16.  A wider panel than that would not stay in the first cache either.
inline constexpr int sum_registers = vector_registers * 3 / 4;
inline constexpr int panel_vectors = vector_registers == 32 ? 4 : 2;
inline constexpr int group_vectors = 4;  // the most columns that a block may have, in one panel or in two

// The width of the panels that `vectors` columns are stored in: 4 are two panels of 2 where 16 registers must do.
constexpr int panel_width(int vectors) { return vectors > 3 && panel_vectors < 4 ? panel_vectors : vectors; }

// How many rows a block of `vectors` columns may have.
constexpr int block_rows(int vectors) {
  const int rows = sum_registers / panel_width(vectors);
  return rows < 8 ? rows : 8;
}

// The sums of a block, [rows][vectors], on their way into and out of the registers of `multiply`.
template <class T>
struct Block {
  Vec<T> sums[24];
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

// The micro-kernel: block[i][j] += A[i][k] * panel[k][j] over k, the sums in registers.  Rows of the block are `stride`
// vectors apart.
template <class T, int rows, int vectors, int stride>
__attribute__((noinline)) void multiply_exactly(Vec<T>* block, Index K, PointedRows<T> a, const T* panel) {
  Vec<T> sums[rows][vectors];
  const T* row[rows];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) row[i] = a.row[i];
#pragma GCC unroll 32
  for (int i = 0; i < rows * vectors; i++) sums[i / vectors][i % vectors] = block[i / vectors * stride + i % vectors];
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
  for (int i = 0; i < rows * vectors; i++) block[i / vectors * stride + i % vectors] = sums[i / vectors][i % vectors];
}

template <class T, int rows, int vectors, int stride>
__attribute__((noinline)) void multiply_exactly(Vec<T>* block, Index K, PackedRows<T> a, const T* panel) {
  Vec<T> sums[rows][vectors];
  const T* numbers = a.data;
#pragma GCC unroll 32
  for (int i = 0; i < rows * vectors; i++) sums[i / vectors][i % vectors] = block[i / vectors * stride + i % vectors];
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
  for (int i = 0; i < rows * vectors; i++) block[i / vectors * stride + i % vectors] = sums[i / vectors][i % vectors];
}

template <class T, int vectors, int stride, int most, class A>
ELMAN_INLINE void multiply_rows(int rows, Vec<T>* block, Index K, A a, const T* panel) {
  if constexpr (most > 1) {
    if (rows < most) return multiply_rows<T, vectors, stride, most - 1>(rows, block, K, a, panel);
  }
  multiply_exactly<T, most, vectors, stride>(block, K, a, panel);
}

template <class T, int vectors, class A>
ELMAN_INLINE void multiply_panels(int rows, Vec<T>* block, Index K, A a, const T* panel) {
  constexpr int width = panel_width(vectors);
  for (int first = 0; first < vectors; first += width)
    multiply_rows<T, width, vectors, block_rows(vectors)>(rows, block + first, K, a, panel + first * lanes<T> * K);
}

// The micro-kernel for sizes known at run time: 1 <= vectors <= group_vectors, 1 <= rows <= block_rows(vectors).
template <class T, class A>
void multiply(Block<T>& block, int rows, int vectors, Index K, A a, const T* panel) {
  switch (vectors) {
    case 1: return multiply_panels<T, 1>(rows, block.sums, K, a, panel);
    case 2: return multiply_panels<T, 2>(rows, block.sums, K, a, panel);
    case 3: return multiply_panels<T, 3>(rows, block.sums, K, a, panel);
    case 4: return multiply_panels<T, 4>(rows, block.sums, K, a, panel);
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

// Sums of outer products, one operand of them: X [K, M], packed in strips of columns for `add_products`.
template <class T>
struct Strips {
  const T* data;  // strip after strip, [K][columns of the strip]
  Index M;
  T* sums;        // [vector of D's columns][M][lane]
};

inline constexpr int strip_columns = block_rows(panel_vectors);

// Packs rows of M numbers, given by K pointers.  Whole vectors are copied and their excess overwritten by the next:
// `packed` needs K*M + lanes scalars.
template <class T>
void pack_strips(Index K, Index M, const T* const* x, T* packed) {
  strips(M, strip_columns, [&](Index begin, int columns) {
    T* to = packed + begin * K;
    const Index left = M - begin;
    for (Index k = 0; k < K; k++, to += columns)  // from front to back: an excess must not outlive what it covers
      for (int done = 0; done < columns; done += lanes<T>) store(to + done, load_part(x[k] + begin + done, left - done));
  });
}

// sums += X[k]ᵀ D[k] over k for each X, and column_sums += D[k]: the gradients of weight matrices and of a bias, sums
// over time and rows.  D [K, columns], whole vectors, has its rows `stride` apart; `panel` is scratch for
// K * panel_vectors vectors.  A panel of D is packed once, and stays in the first cache for all strips of X.
template <class T, int operands>
void add_products(Index K, const T* d, Index columns, Index stride, const Strips<T> (&x)[operands], T* panel,
                  T* column_sums) {
  panels(columns / lanes<T>, panel_vectors, [&](Index vector, int vectors) {
    for (int j = 0; j < vectors; j++) {
      const Index column = (vector + j) * lanes<T>;
      Vec<T> sum = load(column_sums + column);
      for (Index k = 0; k < K; k++) {
        const Vec<T> row = load(d + k * stride + column);
        sum += row;
        store(panel + (k * vectors + j) * lanes<T>, row);
      }
      store(column_sums + column, sum);
    }
    for (const Strips<T>& operand : x)
      strips(operand.M, strip_columns, [&](Index begin, int rows) {
        T* at = operand.sums + (vector * operand.M + begin) * lanes<T>;
        const Index apart = operand.M * lanes<T>;
        Block<T> block;
        for (int i = 0; i < rows; i++)
          for (int j = 0; j < vectors; j++) block.sums[i * vectors + j] = load(at + j * apart + i * lanes<T>);
        multiply(block, rows, vectors, K, PackedRows<T>{operand.data + begin * K}, panel);
        for (int i = 0; i < rows; i++)
          for (int j = 0; j < vectors; j++) store(at + j * apart + i * lanes<T>, block.sums[i * vectors + j]);
      });
  });
}

}  // namespace
}  // namespace elman
