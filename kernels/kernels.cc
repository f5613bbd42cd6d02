// Everything for one instruction set: the build compiles this file once for each, with its flags and its name in
// ELMAN_ISA_NAME.  All else here has internal linkage, so that the linker can never give an old processor the copy of
// an inline function that was compiled for a new one; tests/kernels/test_symbols.py reads the symbols.
#include "backward.h"
#include "masks.h"
#include "peak.h"
#include "step.h"

namespace elman {
namespace {

template <class T>
void forward_any(const ForwardCall<T>& call) {
  switch (call.cell) {
    case CellKind::rnn_tanh: return forward<Elman<Tanh>, T>(call);
    case CellKind::rnn_relu: return forward<Elman<Relu>, T>(call);
    case CellKind::gru: return forward<Gru, T>(call);
    case CellKind::lstm: return forward<Lstm, T>(call);
  }
}

template <class T>
void backward_any(const BackwardCall<T>& call) {
  switch (call.cell) {
    case CellKind::rnn_tanh: return backward<Elman<Tanh>, T>(call);
    case CellKind::rnn_relu: return backward<Elman<Relu>, T>(call);
    case CellKind::gru: return backward<Gru, T>(call);
    case CellKind::lstm: return backward<Lstm, T>(call);
  }
}

template <class T>
Index pack_any(CellKind cell, Index I, Index H, bool coded, const Weights<const T>& w, T* packed) {
  switch (cell) {
    case CellKind::rnn_tanh: return pack<Elman<Tanh>, T>(I, H, coded, w, packed);
    case CellKind::rnn_relu: return pack<Elman<Relu>, T>(I, H, coded, w, packed);
    case CellKind::gru: return pack<Gru, T>(I, H, coded, w, packed);
    case CellKind::lstm: return pack<Lstm, T>(I, H, coded, w, packed);
  }
  return 0;
}

template <class T>
void step_any(const StepCall<T>& call) {
  switch (call.cell) {
    case CellKind::rnn_tanh: return step<Elman<Tanh>, T>(call);
    case CellKind::rnn_relu: return step<Elman<Relu>, T>(call);
    case CellKind::gru: return step<Gru, T>(call);
    case CellKind::lstm: return step<Lstm, T>(call);
  }
}

Index saved_size(CellKind cell, int itemsize, const Shape& s) {
  const Index numbers = cell == CellKind::gru ? Gru::saved : cell == CellKind::lstm ? Lstm::saved : 0;
  return s.D * s.T * s.N * saved_width(s.H, itemsize) * numbers;
}

template <class T>
void activate(int function, Index count, const T* x, T* y) {
  for (Index i = 0; i < count; i += lanes<T>) {
    const Vec<T> v = load_part(x + i, count - i);
    store_part(y + i, function == 0 ? tanh<T>(v) : function == 1 ? sigmoid<T>(v) : relu<T>(v), count - i);
  }
}

#define ELMAN_TEXT_(word) #word
#define ELMAN_TEXT(word) ELMAN_TEXT_(word)
#define ELMAN_JOIN_(a, b) a##b
#define ELMAN_JOIN(a, b) ELMAN_JOIN_(a, b)

}  // namespace

extern const Table ELMAN_JOIN(table_, ELMAN_ISA_NAME);
const Table ELMAN_JOIN(table_, ELMAN_ISA_NAME) = {
    ELMAN_TEXT(ELMAN_ISA_NAME), forward_any<float>, forward_any<double>, backward_any<float>,
    backward_any<double>,       saved_size,         pack_any<float>,     pack_any<double>,    step_any<float>,
    step_any<double>,           drop<float>,        drop<double>,        activate<float>,
    activate<double>,           multiply_adds<float>, multiply_adds<double>,
};

}  // namespace elman
