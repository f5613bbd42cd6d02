// elman._kernels: translates Python calls.  Pointers are integers (tensor.data_ptr(), 0 for absent), sizes and strides
// count elements; elman.layers checks shapes, dtypes and devices before it calls.  The GIL is released while a layer
// runs.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <tuple>

#include "dispatch.h"
#include "memory.h"
#include "threads.h"

namespace nb = nanobind;
using namespace elman;

namespace {

using Address = std::uintptr_t;
using Addresses = std::vector<Address>;

std::atomic<long> forward_calls{0}, backward_calls{0};

template <class T>
T* at(Address address) {
  return reinterpret_cast<T*>(address);
}

template <class T>
Sequence<T> sequence(Address data, Index time, Index row) {
  return {at<T>(data), time, row};
}

// Fresh memory of a sequence [T, N, width] that a kernel is about to write.
template <class T>
void prefer_huge_pages_for(const Sequence<T>& to, const Shape& s, Index width) {
  if (to.data && s.T > 0 && s.N > 0)
    prefer_huge_pages(to.data, std::size_t((s.T - 1) * to.time + (s.N - 1) * to.row + width) * sizeof(T));
}

template <class T>
void read_weights(const Addresses& from, Index directions, Weights<T>* to) {
  if (Index(from.size()) != 4 * directions) throw std::invalid_argument("weights: expected 4 addresses a direction");
  for (Index d = 0; d < directions; d++)
    to[d] = {at<T>(from[4 * d]), at<T>(from[4 * d + 1]), at<T>(from[4 * d + 2]), at<T>(from[4 * d + 3])};
}

void check(int cell, int itemsize, int threads, const Shape& s) {
  if (cell < 0 || cell >= cell_kinds)
    throw std::invalid_argument("cell: expected 0 to " + std::to_string(cell_kinds - 1));
  if (itemsize != 4 && itemsize != 8) throw std::invalid_argument("itemsize: expected 4 or 8");
  if (threads < 1) throw std::invalid_argument("threads: expected at least 1");
  if (s.T < 0 || s.N < 0 || s.I < 1 || s.H < 1 || s.D < 1 || s.D > 2)
    throw std::invalid_argument("shape: expected T, N >= 0; I, H >= 1; D = 1 or 2");
}

// A backward pass looks again at what it was given: memory that is shared with other programs may have changed.
void check_lengths(const Index* lengths, const Shape& s) {
  for (Index row = 0; lengths && row < s.N; row++)
    if (lengths[row] < 0 || lengths[row] > s.T)
      throw std::invalid_argument("lengths[" + std::to_string(row) + "] is " + std::to_string(lengths[row]) +
                                  "; expected 0 <= length <= T = " + std::to_string(s.T));
}

// Looks at the codes of the steps that exist.
void check_codes(Codes codes, const Index* lengths, const Shape& s) {
  for (Index row = 0; row < s.N; row++)
    for (Index t = 0; t < (lengths ? lengths[row] : s.T); t++) {
      const Index code = *codes.at(t, row);
      if (code < 0 || code >= s.I)
        throw std::invalid_argument("input holds the code " + std::to_string(code) + " at step " + std::to_string(t) +
                                    " of row " + std::to_string(row) + "; expected 0 <= code < I = " +
                                    std::to_string(s.I));
    }
}

// The input as `x` or as `codes`; the other one is left null.
template <class Call>
void read_input(Call& call, Address x, Index time, Index row, bool coded) {
  if (coded) call.codes = sequence<const Index>(x, time, row);
  else call.x = {reinterpret_cast<decltype(call.x.data)>(x), time, row};
}

// Addresses with their strides over time and rows: nothing, or one a state.
using Places = std::vector<std::tuple<Address, Index, Index>>;

template <class T>
void read_zoneout(const Places& from, Zoneout<T>& to) {
  if (from.size() > 2) throw std::invalid_argument("zoneout: expected at most one place for each of h and c");
  Sequence<const T>* states[] = {&to.h, &to.c};
  for (std::size_t i = 0; i < from.size(); i++)
    *states[i] = sequence<const T>(std::get<0>(from[i]), std::get<1>(from[i]), std::get<2>(from[i]));
}

// Addresses of the recurrent mask and of the output mask, with their strides over rows.
using MaskPlaces = std::vector<std::tuple<Address, Index>>;

template <class Call>
void read_masks(const MaskPlaces& from, Call& call) {
  if (from.size() != 2) throw std::invalid_argument("masks: expected the recurrent and the output mask");
  call.mask = {reinterpret_cast<decltype(call.mask.data)>(std::get<0>(from[0])), std::get<1>(from[0])};
  call.output_mask = {reinterpret_cast<decltype(call.mask.data)>(std::get<0>(from[1])), std::get<1>(from[1])};
}

// The rows of a batch, longest first; equal lengths stay in their order.  No length and no code leads out of memory.
template <class Call>
std::vector<Index> checked_order(const Call& call) {
  const Index* lengths = call.batch.lengths;
  check_lengths(lengths, call.shape);
  if (call.codes.data) check_codes(call.codes, lengths, call.shape);
  std::vector<Index> order(lengths ? call.shape.N : 0);
  std::iota(order.begin(), order.end(), Index(0));
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return lengths[a] > lengths[b]; });
  return order;
}

template <class T>
void run_forward(ForwardCall<T>& call, const Addresses& weights, void (*run)(const ForwardCall<T>&)) {
  read_weights(weights, call.shape.D, call.weights);
  nb::gil_scoped_release release;
  const std::vector<Index> order = checked_order(call);
  call.batch.order = order.data();
  run(call);
}

void forward(int cell, int itemsize, int threads, Index T, Index N, Index I, Index H, Index D, Address x, Index x_time,
             Index x_row, bool coded, Address lengths, Address h0, Address c0, const Places& zoneout,
             const MaskPlaces& masks, const Addresses& weights, Address y, Index y_time, Index y_row, Address output,
             Index output_time, Index output_row, Address h_n, Address c_n, Address saved) {
  const Shape shape{T, N, I, H, D};
  check(cell, itemsize, threads, shape);
  const Table& table = active_table();
  auto run = [&]<class Real>(Real, auto kernel) {
    ForwardCall<Real> call{};
    call.cell = CellKind(cell);
    call.threads = threads;
    call.shape = shape;
    call.batch.lengths = at<const Index>(lengths);
    read_input(call, x, x_time, x_row, coded);
    call.h0 = at<const Real>(h0);
    call.c0 = at<const Real>(c0);
    read_zoneout(zoneout, call.zoneout);
    read_masks(masks, call);
    call.y = sequence<Real>(y, y_time, y_row);
    call.output = sequence<Real>(output, output_time, output_row);
    call.h_n = at<Real>(h_n);
    call.c_n = at<Real>(c_n);
    call.saved = at<Real>(saved);
    prefer_huge_pages_for(call.y, shape, D * H);
    prefer_huge_pages_for(call.output, shape, D * H);
    if (saved) prefer_huge_pages(call.saved, std::size_t(table.saved_size(call.cell, itemsize, shape)) * sizeof(Real));
    run_forward<Real>(call, weights, kernel);
  };
  if (itemsize == 4) run(float(), table.forward_float);
  else run(double(), table.forward_double);
  forward_calls++;
}

template <class T>
void run_backward(BackwardCall<T>& call, const Addresses& weights, const Addresses& dweights,
                  void (*run)(const BackwardCall<T>&)) {
  read_weights(weights, call.shape.D, call.weights);
  read_weights(dweights, call.shape.D, call.dweights);
  nb::gil_scoped_release release;
  const std::vector<Index> order = checked_order(call);
  call.batch.order = order.data();
  run(call);
}

void backward(int cell, int itemsize, int threads, Index T, Index N, Index I, Index H, Index D, Address x, Index x_time,
              Index x_row, bool coded, Address lengths, Address h0, Address c0, const Places& zoneout,
              const MaskPlaces& masks, const Addresses& weights, Address y, Index y_time, Index y_row,
              Address saved, Address dy, Index dy_time, Index dy_row, Address dh_n, Address dc_n, Address dx,
              Index dx_time, Index dx_row, Address dh0, Address dc0, const Addresses& dweights) {
  const Shape shape{T, N, I, H, D};
  check(cell, itemsize, threads, shape);
  const Table& table = active_table();
  auto run = [&]<class Real>(Real, auto kernel) {
    BackwardCall<Real> call{};
    call.cell = CellKind(cell);
    call.threads = threads;
    call.shape = shape;
    call.batch.lengths = at<const Index>(lengths);
    read_input(call, x, x_time, x_row, coded);
    call.h0 = at<const Real>(h0);
    call.c0 = at<const Real>(c0);
    read_zoneout(zoneout, call.zoneout);
    read_masks(masks, call);
    call.y = sequence<const Real>(y, y_time, y_row);
    call.saved = at<const Real>(saved);
    call.dy = sequence<const Real>(dy, dy_time, dy_row);
    call.dh_n = at<const Real>(dh_n);
    call.dc_n = at<const Real>(dc_n);
    call.dx = sequence<Real>(dx, dx_time, dx_row);
    call.dh0 = at<Real>(dh0);
    call.dc0 = at<Real>(dc0);
    prefer_huge_pages_for(call.dx, shape, I);
    run_backward<Real>(call, weights, dweights, kernel);
  };
  if (itemsize == 4) run(float(), table.backward_float);
  else run(double(), table.backward_double);
  backward_calls++;
}

Index saved_size(int cell, int itemsize, Index T, Index N, Index H, Index D) {
  const Shape shape{T, N, 1, H, D};
  check(cell, itemsize, 1, shape);
  return active_table().saved_size(CellKind(cell), itemsize, shape);
}

std::vector<std::string> isas() {
  std::vector<std::string> names;
  for (const Table* table : usable_tables()) names.emplace_back(table->isa);
  return names;
}

// The packed weights of a stack of layers of one direction, and the instruction set that they are packed for.  Nothing
// changes after the constructor, so any number of threads may step at once.
class Stepper {
 public:
  Stepper(const Stepper&) = delete;
  Stepper& operator=(const Stepper&) = delete;
  Stepper(int cell, int itemsize, bool coded, Index I, Index H, const std::vector<Addresses>& layers)
      : cell_(CellKind(cell)), itemsize_(itemsize), coded_(coded), I_(I), H_(H), table_(active_table()) {
    check(cell, itemsize, 1, {1, 1, I, H, 1});
    for (const Addresses& weights : layers) {
      const bool first = packed_.empty();
      if (itemsize == 4) pack<float>(weights, first ? I : H, first && coded, table_.pack_float);
      else pack<double>(weights, first ? I : H, first && coded, table_.pack_double);
    }
  }

  // Addresses of x [N, I] or codes [N], of h and c [L, N, H], of the states after, which h_n and c_n receive, and of y
  // [N, H], which receives h_n of the top layer.
  void step(int threads, Index N, Address x, Address h, Address c, Address h_n, Address c_n, Address y) const {
    if (N < 0 || threads < 1) throw std::invalid_argument("expected N >= 0, threads >= 1");
    nb::gil_scoped_release release;
    if (coded_) check_codes({at<const Index>(x), 1, 1}, nullptr, {1, N, I_, H_, 1});
    if (itemsize_ == 4) run<float>(threads, N, x, h, c, h_n, c_n, table_.step_float);
    else run<double>(threads, N, x, h, c, h_n, c_n, table_.step_double);
    const std::size_t size = std::size_t(N * H_ * itemsize_);
    if (size) std::memcpy(at<char>(y), at<const char>(h_n) + (packed_.size() - 1) * size, size);
  }

  std::size_t bytes() const {
    std::size_t sum = 0;
    for (const Packed& layer : packed_) sum += layer.bytes;
    return sum;
  }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  struct Packed {
    std::unique_ptr<void, Free> memory;
    std::size_t bytes;
  };

  template <class T, class Pack>
  void pack(const Addresses& addresses, Index I, bool coded, Pack pack_weights) {
    Weights<const T> weights;
    read_weights(addresses, 1, &weights);
    const std::size_t size = std::size_t(pack_weights(cell_, I, H_, coded, weights, nullptr)) * sizeof(T);
    packed_.push_back({std::unique_ptr<void, Free>(allocate(size)), size});
    pack_weights(cell_, I, H_, coded, weights, static_cast<T*>(packed_.back().memory.get()));
  }

  template <class T, class Step>
  void run(int threads, Index N, Address x, Address h, Address c, Address h_n, Address c_n, Step step) const {
    StepCall<T> call{cell_, threads, N, I_, H_, coded_ ? nullptr : at<const T>(x), coded_ ? at<const Index>(x) : nullptr,
                     nullptr, at<const T>(h), at<const T>(c), at<T>(h_n), at<T>(c_n)};
    for (const Packed& layer : packed_) {
      call.packed = static_cast<const T*>(layer.memory.get());
      step(call);
      call.x = call.h_n;
      call.codes = nullptr;
      call.I = H_;
      call.h += N * H_;
      call.h_n += N * H_;
      if (call.c) {
        call.c += N * H_;
        call.c_n += N * H_;
      }
    }
  }

  CellKind cell_;
  int itemsize_;
  bool coded_;
  Index I_, H_;
  const Table& table_;
  std::vector<Packed> packed_;
};

void activate(int function, int itemsize, Index count, Address x, Address y) {
  nb::gil_scoped_release release;
  if (itemsize == 4) active_table().activate_float(function, count, at<const float>(x), at<float>(y));
  else active_table().activate_double(function, count, at<const double>(x), at<double>(y));
}

// A mask of `count` numbers, drawn in `tasks` parts.
struct Dropout {
  int itemsize, tasks;
  Index count;
  std::uint64_t seed;
  std::uint16_t kept;
  double value;
  Address x, y;

  void part(int task) const {
    constexpr Index block = 1024;
    const Index blocks = (count + block - 1) / block;
    const Index begin = blocks * task / tasks * block, end = std::min(count, blocks * (task + 1) / tasks * block);
    const Address from = x ? x + Address(begin * itemsize) : 0, to = y + Address(begin * itemsize);
    if (itemsize == 4)
      active_table().drop_float(begin, end, seed, kept, float(value), at<const float>(from), at<float>(to));
    else
      active_table().drop_double(begin, end, seed, kept, value, at<const double>(from), at<double>(to));
  }
};

void drop(int itemsize, int threads, Index count, std::int64_t seed, int kept, double value, Address x, Address y) {
  if (kept < 0 || kept > 0xFFFF) throw std::invalid_argument("kept: expected 0 to 65535");
  if (itemsize != 4 && itemsize != 8) throw std::invalid_argument("itemsize: expected 4 or 8");
  if (threads < 1 || count < 0) throw std::invalid_argument("expected threads >= 1, count >= 0");
  nb::gil_scoped_release release;
  constexpr Index worth_a_thread = 8192;
  const Team team(int(std::clamp<Index>(count / worth_a_thread, 1, threads)));
  Dropout dropout{itemsize, team.threads(), count, std::uint64_t(seed), std::uint16_t(kept), value, x, y};
  team.run(dropout.tasks, [](void* context, int task) { static_cast<Dropout*>(context)->part(task); }, &dropout);
}

template <class T>
double multiply_adds(Index rounds) {
  alignas(64) T out[64 / sizeof(T)];
  if constexpr (sizeof(T) == 4) return active_table().multiply_adds_float(rounds, out);
  else return active_table().multiply_adds_double(rounds, out);
}

// Operations a second of `threads` threads at once: of each the best of some milliseconds, for others may have been in
// the way of a part of them.
template <class T>
double fma_peak(int threads) {
  const Team team(threads);
  std::vector<double> best(std::size_t(team.threads()));
  team.run(team.threads(), [](void* context, int task) {
    double& rate = static_cast<double*>(context)[task];
    for (int sample = 0; sample < 100; sample++) {
      const auto start = std::chrono::steady_clock::now();
      const double operations = multiply_adds<T>(20000);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      rate = std::max(rate, operations / seconds.count());
    }
  }, best.data());
  return std::accumulate(best.begin(), best.end(), 0.0);
}

double fma_peak_of(int threads, int itemsize) {
  if (threads < 1) throw std::invalid_argument("threads: expected at least 1");
  if (itemsize != 4 && itemsize != 8) throw std::invalid_argument("itemsize: expected 4 or 8");
  nb::gil_scoped_release release;
  return (itemsize == 4 ? fma_peak<float>(threads) : fma_peak<double>(threads)) / 1e9;
}

}  // namespace

NB_MODULE(_kernels, m) {
  m.doc() = "The compiled kernels of elman.layers: addresses, sizes and strides in, nothing out.";
  read_environment();
  m.def("isas", isas, "The instruction sets that can run here, best first.");
  m.def("active_isa", [] { return std::string(active_table().isa); }, "The instruction set in use.");
  m.def("set_isa", use_table, nb::arg("name"),
        "Use another instruction set (tests and benchmarks; never between a forward pass and its backward pass).");
  m.def("calls", [] { return nb::make_tuple(forward_calls.load(), backward_calls.load()); },
        "How often forward and backward have run.");
  m.def("saved_size", saved_size, nb::arg("cell"), nb::arg("itemsize"), nb::arg("T"), nb::arg("N"), nb::arg("H"),
        nb::arg("D"), "Scalars that a forward pass keeps for its backward pass.");
  nb::class_<Stepper>(m, "Stepper", "Packed weights of layers of one direction, and one step by them.")
      .def(nb::init<int, int, bool, Index, Index, const std::vector<Addresses>&>(), nb::arg("cell"),
           nb::arg("itemsize"), nb::arg("coded"), nb::arg("I"), nb::arg("H"), nb::arg("layers"))
      .def("step", &Stepper::step, nb::arg("threads"), nb::arg("N"), nb::arg("x"), nb::arg("h"), nb::arg("c"),
           nb::arg("h_n"), nb::arg("c_n"), nb::arg("y"),
           "h_n, c_n, y = the states after x, h and c, and the top layer's h_n; no output may be an input.")
      .def_prop_ro("bytes", &Stepper::bytes, "Memory of the packed weights.");
  m.def("activate", activate, nb::arg("function"), nb::arg("itemsize"), nb::arg("count"), nb::arg("x"), nb::arg("y"),
        "y = tanh (0), sigmoid (1) or relu (2) of x, as the cells compute it.");
  m.def("drop", drop, nb::arg("itemsize"), nb::arg("threads"), nb::arg("count"), nb::arg("seed"), nb::arg("kept"),
        nb::arg("value"), nb::arg("x"), nb::arg("y"),
        "y = x times a mask, each of its numbers `value` with probability kept / 65536, else 0.");
  m.def("fma_peak", fma_peak_of, nb::arg("threads"), nb::arg("itemsize") = 4,
        "Multiplications and additions, 10^9 a second, that so many threads do with nothing else in the way.");
  m.def("forward", forward, nb::arg("cell"), nb::arg("itemsize"), nb::arg("threads"), nb::arg("T"), nb::arg("N"),
        nb::arg("I"), nb::arg("H"), nb::arg("D"), nb::arg("x"), nb::arg("x_time_stride"), nb::arg("x_row_stride"),
        nb::arg("coded"), nb::arg("lengths"), nb::arg("h0"), nb::arg("c0"), nb::arg("zoneout"),
        nb::arg("masks"), nb::arg("weights"), nb::arg("y"), nb::arg("y_time_stride"), nb::arg("y_row_stride"),
        nb::arg("output"), nb::arg("output_time_stride"), nb::arg("output_row_stride"), nb::arg("h_n"), nb::arg("c_n"),
        nb::arg("saved"),
        "One layer over time; kernels/layer.h says what each argument holds.");
  m.def("backward", backward, nb::arg("cell"), nb::arg("itemsize"), nb::arg("threads"), nb::arg("T"), nb::arg("N"),
        nb::arg("I"), nb::arg("H"), nb::arg("D"), nb::arg("x"), nb::arg("x_time_stride"), nb::arg("x_row_stride"),
        nb::arg("coded"), nb::arg("lengths"), nb::arg("h0"), nb::arg("c0"), nb::arg("zoneout"),
        nb::arg("masks"), nb::arg("weights"), nb::arg("y"), nb::arg("y_time_stride"),
        nb::arg("y_row_stride"), nb::arg("saved"), nb::arg("dy"), nb::arg("dy_time_stride"), nb::arg("dy_row_stride"),
        nb::arg("dh_n"), nb::arg("dc_n"), nb::arg("dx"), nb::arg("dx_time_stride"), nb::arg("dx_row_stride"),
        nb::arg("dh0"), nb::arg("dc0"), nb::arg("dweights"), "The gradients of one layer.");
}
