// One recurrent layer, as the kernels see it: pointers, sizes and strides.
//
// Letters, here and in all kernels: T time steps, N batch rows, I inputs, H hidden units, D directions, G gates.
// Sizes and strides count elements.  No pointer may alias an output.
#pragma once
#include <cstdint>

#define ELMAN_INLINE inline __attribute__((always_inline))
#define ELMAN_LAMBDA __attribute__((always_inline))

namespace elman {

using Index = std::int64_t;

enum class CellKind : int { rnn_tanh, rnn_relu, gru, lstm };
inline constexpr int cell_kinds = 4;

struct Shape {
  Index T, N, I, H, D;
};

// A (T, N, ·) array whose last dimension is contiguous: element (t, n, j) lies at data + t*time + n*row + j.
template <class T>
struct Sequence {
  T* data;
  Index time, row;
  ELMAN_INLINE T* at(Index t, Index n) const { return data + t * time + n * row; }
};

// 1-of-N inputs: element (t, n) at data + t*time + n*row is the place 0 .. I-1 of the one 1 in a row of I numbers.  U x
// is then a column of U, and no product is needed.
using Codes = Sequence<const Index>;

// The weights of one direction, in torch's layout and gate order (r z n for GRU, i f g o for LSTM).
template <class T>
struct Weights {
  T* ih;    // [G*H, I]
  T* hh;    // [G*H, H]
  T* b_ih;  // [G*H] or null: zeros
  T* b_hh;  // [G*H] or null: zeros
};

// Which steps of which rows exist.  `order` lists the rows, longest first; null lengths: all rows have T steps.
struct Batch {
  const Index* lengths;  // [N] or null
  const Index* order;    // [N], given with lengths
};

// Zoneout: how much of a state [T, N, D*H] stays as it was before the step, 0 to 1; data null: nothing.
template <class T>
struct Zoneout {
  Sequence<const T> h, c;  // c for LSTM alone
};

// What the rows [N, D*H] of a step are multiplied by, at every step the same, as locked dropout does; rows `row` apart;
// data null: nothing.
template <class T>
struct RowMask {
  const T* data;
  Index row;
};

template <class T>
struct ForwardCall {
  CellKind cell;
  int threads;
  Shape shape;
  Batch batch;
  Sequence<const T> x;         // [T, N, I]; data null: `codes` instead
  Codes codes;
  const T *h0, *c0;            // [D, N, H]; c0 for LSTM alone
  Zoneout<T> zoneout;
  RowMask<T> mask;             // of h_{t-1} on its way through W
  RowMask<T> output_mask;
  Weights<const T> weights[2]; // a direction each
  Sequence<T> y;               // [T, N, D*H] out; zeros where t >= length
  Sequence<T> output;          // [T, N, D*H] out: output_mask * y; without the mask data is null
  T *h_n, *c_n;                // [D, N, H] out
  T* saved;                    // [saved_size] out, what the backward pass needs; null: inference
};

template <class T>
struct BackwardCall {
  CellKind cell;
  int threads;
  Shape shape;
  Batch batch;
  Sequence<const T> x;
  Codes codes;                 // as in ForwardCall; x then has no gradient
  const T *h0, *c0;
  Zoneout<T> zoneout;          // as in ForwardCall; has no gradient
  RowMask<T> mask, output_mask;  // as in ForwardCall; they have no gradient
  Weights<const T> weights[2];
  Sequence<const T> y;         // as forward wrote it
  const T* saved;
  Sequence<const T> dy;        // [T, N, D*H], of `output` where there is one; data null: zeros
  const T *dh_n, *dc_n;        // [D, N, H]; null: zeros
  Sequence<T> dx;              // [T, N, I] out; data null: not wanted
  T *dh0, *dc0;                // [D, N, H] out; null: not wanted
  Weights<T> dweights[2];      // out; null: not wanted
};

// One step of one layer for N streams, by weights that were packed before.
template <class T>
struct StepCall {
  CellKind cell;
  int threads;
  Index N, I, H;
  const T* x;          // [N, I]; null: codes instead
  const Index* codes;  // [N]
  const T* packed;     // as `pack` left it
  const T *h, *c;      // [N, H]; c for LSTM alone
  T *h_n, *c_n;        // [N, H] out
};

// What one instruction set offers.  Each is compiled from kernels.cc with its own flags.
struct Table {
  const char* isa;
  void (*forward_float)(const ForwardCall<float>&);
  void (*forward_double)(const ForwardCall<double>&);
  void (*backward_float)(const BackwardCall<float>&);
  void (*backward_double)(const BackwardCall<double>&);
  Index (*saved_size)(CellKind, int itemsize, const Shape&);
  // Packs the weights of a layer [G*H, I], [G*H, H] for `step`; `packed` is 64-byte aligned, null to learn the scalars.
  Index (*pack_float)(CellKind, Index I, Index H, bool coded, const Weights<const float>&, float* packed);
  Index (*pack_double)(CellKind, Index I, Index H, bool coded, const Weights<const double>&, double* packed);
  void (*step_float)(const StepCall<float>&);
  void (*step_double)(const StepCall<double>&);
  // y[i] = x[i] times number `begin` + i of a mask, each `value` with probability kept / 65536, else 0; x null: the mask.
  void (*drop_float)(Index begin, Index end, std::uint64_t seed, std::uint16_t kept, float value, const float* x, float* y);
  void (*drop_double)(Index begin, Index end, std::uint64_t seed, std::uint16_t kept, double value, const double* x,
                      double* y);
  // function 0 tanh, 1 sigmoid, 2 relu: what the cells use, for tests and benchmarks.
  void (*activate_float)(int function, Index count, const float* x, float* y);
  void (*activate_double)(int function, Index count, const double* x, double* y);
  // Multiply-adds in registers, for the peak; returns the number of operations.  `out` has room for 64 bytes.
  double (*multiply_adds_float)(Index rounds, float* out);
  double (*multiply_adds_double)(Index rounds, double* out);
};

}  // namespace elman
