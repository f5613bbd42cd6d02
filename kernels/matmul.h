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

// The sums of some rows and columns, [rows][vectors], on their way into and out of the registers of the micro-kernels.
inline constexpr int tall_rows = 32;
template <class T>
struct Block {
  Vec<T> sums[tall_rows * group_vectors];
};

// How much of K a block takes before the next rows have their turn: so much of a panel stays in the first cache, or with
// 64-byte vectors, which come with wide paths from a large second cache, in that.
constexpr Index depth(int vectors) {
  return vector_bytes == 64 ? 512 : 16384 / (panel_width(vectors) * vector_bytes);
}

// Splits n rows into strips of equal length, give or take one, and calls f(first row, rows) for each, or for those that
// `part` of `parts` takes.  17 rows in strips of at most 6 are 6 + 6 + 5; 7 are 4 + 3, not 6 and a tail that wastes its
// registers.
template <class F>
ELMAN_INLINE void strips(Index n, int most, const F& f, Index part = 0, Index parts = 1) {
  const Index count = (n + most - 1) / most, last = count * (part + 1) / parts;
  Index i = count * part / parts;
  for (Index begin = i ? n * i / count : 0; i < last; i++) {
    const Index end = n * (i + 1) / count;
    f(begin, int(end - begin));
    begin = end;
  }
}

// Calls f(first vector, vectors) for each panel, from vector `begin` on, of a matrix of so many vectors of columns.
template <class F>
ELMAN_INLINE void panels(Index vectors, int per_panel, const F& f, Index begin = 0) {
  for (Index first = begin; first < vectors; first += per_panel)
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

// Rows of A that lie anywhere, [rows] pointers, each read from column `k` on.
template <class T>
struct PointedRows {
  const T* const* row;
  Index k = 0;
  ELMAN_INLINE PointedRows from(Index i) const { return {row + i, k}; }
  ELMAN_INLINE PointedRows at(Index column) const { return {row, column}; }
};

// Rows of A packed beside each other, [K][rows].
template <class T>
struct PackedRows {
  const T* data;
};

// The micro-kernel: block[i][j] += A[i][k] * panel[k][j] over k, the sums in registers.  Rows of the block are `stride`
// vectors apart.  Four k at a time, from an aligned address (CMakeLists.txt): where another program runs on the same core,
// as on most virtual machines, what is decoded besides the multiplications counts.
template <class T, int rows, int vectors, int stride>
__attribute__((noinline)) void multiply_exactly(Vec<T>* block, Index K, PointedRows<T> a, const T* panel) {
  Vec<T> sums[rows][vectors];
  const T* row[rows];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) row[i] = a.row[i] + a.k;
#pragma GCC unroll 32
  for (int i = 0; i < rows * vectors; i++) sums[i / vectors][i % vectors] = block[i / vectors * stride + i % vectors];
#pragma GCC unroll 4
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
#pragma GCC unroll 4
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

template <class T, int vectors, int stride, class A>
ELMAN_INLINE void multiply_panel(int rows, Vec<T>* block, Index K, A a, const T* panel) {
  multiply_rows<T, vectors, stride, block_rows(vectors)>(rows, block, K, a, panel);
}

// The sums of `rows` rows, any number up to tall_rows, and a group of columns: panel by panel, piece by piece of K, and
// for each piece all rows in strips, so that the piece is read from afar once.
template <class T, int vectors>
void multiply_tall(Block<T>& block, int rows, Index K, PointedRows<T> a, const T* panels) {
  constexpr int width = panel_width(vectors), most = block_rows(vectors);
  for (int first = 0; first < vectors; first += width)
    for (Index begin = 0; begin < K; begin += depth(vectors)) {
      const Index left = K - begin, piece = left < depth(vectors) ? left : depth(vectors);
      const T* panel = panels + (first * K + begin * width) * lanes<T>;
      strips(rows, most, [&](Index row, int count) {
        multiply_panel<T, width, vectors>(count, block.sums + row * vectors + first, piece, a.from(row).at(begin), panel);
      });
    }
}

// A single row has too few sums in a panel to hide the latency of fma, so it takes several panels of `width` vectors at
// once, `side` of them: sums += a · B.  Each sum is the chain that `multiply` makes.
template <class T, int width, int side>
__attribute__((noinline)) void multiply_row(Vec<T>* block, Index K, const T* a, const T* panel) {
  Vec<T> sums[side][width];
  const Index apart = width * lanes<T> * K;
#pragma GCC unroll 32
  for (int i = 0; i < side * width; i++) sums[i / width][i % width] = block[i];
#pragma GCC unroll 4
  for (Index k = 0; k < K; k++, panel += width * lanes<T>) {
    const Vec<T> factor = broadcast<T>(a[k]);
#pragma GCC unroll 32
    for (int i = 0; i < side; i++)
#pragma GCC unroll 8
      for (int j = 0; j < width; j++)
        sums[i][j] = fma(factor, load(panel + i * apart + j * lanes<T>), sums[i][j]);
  }
#pragma GCC unroll 32
  for (int i = 0; i < side * width; i++) block[i] = sums[i / width][i % width];
}

template <class T, int group, int most>
ELMAN_INLINE void multiply_row_groups(int groups, Vec<T>* block, Index K, const T* a, const T* panel) {
  if constexpr (most > 1) {
    if (groups < most) return multiply_row_groups<T, group, most - 1>(groups, block, K, a, panel);
  }
  constexpr int width = panel_width(group);
  multiply_row<T, width, most * group / width>(block, K, a, panel);
}

// Columns by vectors, from the first up to, not including, the last.
struct Columns {
  Index first, last;
};

// The part of `count` things that `part` of `parts` takes; dealt in runs of `whole`.
inline Columns share_of(Index count, Index whole, Index part, Index parts) {
  const Index runs = (count + whole - 1) / whole, end = runs * (part + 1) / parts * whole;
  return {runs * part / parts * whole, end < count ? end : count};
}

// A number that is known when the kernels are compiled: loops that end at it are unrolled.
template <int value>
struct Number {
  ELMAN_INLINE constexpr operator int() const { return value; }
};

// Calls f(first, Number) for a group of 1 to `most` vectors.
template <int most, class F>
ELMAN_INLINE void with_number(int count, const F& f) {
  if constexpr (most > 1) {
    if (count < most) return with_number<most - 1>(count, f);
  }
  f(Number<most>{});
}

// Stores the first `count` elements of so many vectors, and touches nothing else.
template <class T, class Vectors>
ELMAN_INLINE void store_vectors(T* p, const Vec<T>* v, Vectors vectors, Index count) {
  if (count >= vectors * lanes<T>)
    for (int j = 0; j < vectors; j++) store(p + j * lanes<T>, v[j]);
  else
    for (int j = 0; j < vectors; j++) store_part(p + j * lanes<T>, v[j], count - j * lanes<T>);
}

// Covers some columns of a matrix in groups of `group` vectors, from the first or from the last: calls f(first vector,
// vectors, rows at once, product), where product(block, rows, K, a, panel) is `multiply_tall`, or for a single row the
// product with several groups side by side.
template <class T, int group, class F>
ELMAN_INLINE void row_groups(Index n, Columns columns, bool from_last, const F& f) {
  constexpr int most = sum_registers / group;
  const Index groups = (columns.last - columns.first) / group, rest = columns.first + groups * group;
  const Index sides = n == 1 ? (groups + most - 1) / most : 0;
  const Index pieces = (n == 1 ? sides : groups) + (rest < columns.last);
  for (Index i = 0; i < pieces; i++) {
    const Index piece = from_last ? pieces - 1 - i : i;
    if (piece < sides) {
      const Index begin = groups * piece / sides, side = groups * (piece + 1) / sides - begin;
      f(columns.first + begin * group, int(side) * group, 1,
        [side](Block<T>& block, int, Index K, PointedRows<T> a, const T* panel) {
          multiply_row_groups<T, group, most>(int(side), block.sums, K, a.row[0], panel);
        });
    } else {
      const Index first = n == 1 ? rest : columns.first + piece * group;
      with_number<group>(int(columns.last - first < group ? columns.last - first : group), [&](auto vectors) {
        f(first, vectors, tall_rows, [](Block<T>& block, int rows, Index K, PointedRows<T> a, const T* panel) {
          multiply_tall<T, decltype(vectors){}>(block, rows, K, a, panel);
        });
      });
    }
  }
}

// out[row] = first + A[row] · B for rows given by pointers; `first` is one value a column (null: zeros).
// B [K, width] in groups of `group` vectors, of which `columns` are wanted; the rows of `out` have `width` numbers, not
// padded.
template <class T, int group>
void rows_times_panels(Index n, Index K, PointedRows<T> a, const T* b, Index width, Columns columns, const T* first,
                       T* const* out) {
  row_groups<T, group>(n, columns, false, [&](Index vector, auto vectors, int most, auto product) {
    const Index column = vector * lanes<T>;
    Vec<T> start[sum_registers];
    for (int j = 0; j < vectors; j++) start[j] = first ? load(first + column + j * lanes<T>) : zeros<T>();
    strips(n, most, [&](Index begin, int rows) {
      Block<T> block;
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) block.sums[i * vectors + j] = start[j];
      product(block, rows, K, a.from(begin), b + column * K);
      for (int i = 0; i < rows; i++)
        store_vectors(out[begin + i] + column, block.sums + i * vectors, vectors, width - column);
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

// A strip times a panel of at most `most` vectors.
template <class T, int most>
ELMAN_INLINE void multiply_packed(int rows, int vectors, Vec<T>* block, Index K, PackedRows<T> a, const T* panel) {
  if constexpr (most > 1) {
    if (vectors < most) return multiply_packed<T, most - 1>(rows, vectors, block, K, a, panel);
  }
  multiply_panel<T, most, most>(rows, block, K, a, panel);
}

// Packs rows of M numbers, given by K pointers, each times its row of `factors` unless that is null; `part` of `parts`
// packs some of the strips.  Whole vectors are copied, their excess overwritten by the next row, from front to back.
template <class T>
void pack_strips(Index K, Index M, const T* const* x, T* packed, Index part, Index parts,
                 const T* const* factors = nullptr) {
  const auto pack = [&](Index begin, int columns) {
    T* to = packed + begin * K;
    for (Index k = 0; k < K; k++, to += columns)
      for (int done = 0; done < columns; done += lanes<T>) {
        Vec<T> numbers = load_part(x[k] + begin + done, M - begin - done);
        if (factors) numbers *= load_part(factors[k] + begin + done, M - begin - done);
        if ((K - k) * columns - done >= lanes<T>) store(to + done, numbers);
        else store_part(to + done, numbers, columns - done);  // the next strip may be another thread's
      }
  };
  strips(M, strip_columns, pack, part, parts);
}

// sums += X[k]ᵀ D[k] over k for each X, and column_sums += D[k]: the gradients of weight matrices and of a bias, sums
// over time and rows.  D [K, whole vectors], of which `columns` are wanted, has its rows `stride` apart; `panel` is
// scratch for K * panel_vectors vectors.  A panel of D is packed once, and stays in the first cache for all strips of X.
template <class T, int operands>
void add_products(Index K, const T* d, Columns columns, Index stride, const Strips<T> (&x)[operands], T* panel,
                  T* column_sums) {
  panels(columns.last, panel_vectors, [&](Index vector, int vectors) {
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
        Vec<T> sums[strip_columns * panel_vectors];
        for (int i = 0; i < rows; i++)
          for (int j = 0; j < vectors; j++) sums[i * vectors + j] = load(at + j * apart + i * lanes<T>);
        multiply_packed<T, panel_vectors>(rows, vectors, sums, K, PackedRows<T>{operand.data + begin * K}, panel);
        for (int i = 0; i < rows; i++)
          for (int j = 0; j < vectors; j++) store(at + j * apart + i * lanes<T>, sums[i * vectors + j]);
      });
  }, columns.first);
}

}  // namespace
}  // namespace elman
