// The kernels of every instruction set on random layers, to be built with sanitizers: `make sanitize`.
//
// Each array is a heap block of its own that ends with its last element, so that AddressSanitizer sees any access
// beyond it; outputs begin as NaN, so that what is not written shows, and so does what is written between their rows.
// Results are compared: every instruction set with the portable one, several threads with one, a call with the same
// call again, alone, beside another, and in a child made by fork(), and one step by packed weights with the layer.
//
//     sanitize [CASES [SEED]]
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "../../kernels/dispatch.h"
#include "../../kernels/memory.h"

using namespace elman;

namespace {

constexpr const char* cell_names[] = {"rnn_tanh", "rnn_relu", "gru", "lstm"};
constexpr Index cell_gates[] = {1, 1, 3, 4};

// Between orders of sums and fused or separate rounding, for numbers of size 1 through 12 steps.
template <class T>
constexpr double tolerance = sizeof(T) == 4 ? 5e-5 : 1e-13;

class Random {
 public:
  explicit Random(unsigned long seed) : engine_(seed) {}
  Index whole(Index least, Index most) { return std::uniform_int_distribution<Index>(least, most)(engine_); }
  bool chance(double p) { return std::bernoulli_distribution(p)(engine_); }
  double real(double bound) { return std::uniform_real_distribution<double>(-bound, bound)(engine_); }

 private:
  std::mt19937_64 engine_;
};

// `size` numbers that end where their heap block ends, and begin at its start or one number after it.
template <class T>
class Array {
 public:
  Array() = default;
  Array(Index size, T value, bool shifted = false)
      : block_(new char[std::size_t(size + shifted) * sizeof(T)]),
        data_(reinterpret_cast<T*>(block_.get()) + shifted), size_(size) {
    std::fill(begin(), end(), value);
  }
  static Array random(Random& random, Index size, double bound) {
    Array array(size, T(0), random.chance(0.5));
    for (T& number : array) number = T(random.real(bound));
    return array;
  }
  T* data() const { return data_; }  // null for an array that is absent
  T* begin() const { return data_; }
  T* end() const { return data_ + size_; }
  Index size() const { return size_; }

 private:
  std::unique_ptr<char[]> block_;
  T* data_ = nullptr;
  Index size_ = 0;
};

// How a (T, N, width) array lies in memory, its last dimension contiguous.
struct Strides {
  Index time, row, size;

  static Strides any(Random& random, const Shape& s, Index width, bool may_repeat) {
    Strides to{};
    switch (random.whole(0, may_repeat ? 4 : 2)) {
      case 0: to = {s.N * width, width, 0}; break;
      case 1: to = {width, s.T * width, 0}; break;
      case 2: to = {s.N * (width + 3) + 5, width + 3, 0}; break;
      case 3: to = {0, width, 0}; break;
      case 4: to = {width, 0, 0}; break;
    }
    to.size = s.T && s.N ? (s.T - 1) * to.time + (s.N - 1) * to.row + width : 0;
    return to;
  }
};

// Large layers are enough work for several threads; of few rows, threads share the units.
enum class Size { small, large, few_rows };

// A layer and all that its two passes are given.
template <class T>
struct Problem {
  CellKind cell;
  Shape shape;
  Array<Index> lengths, order;
  Strides at_x, at_y, at_output, at_dy, at_dx, at_keep;
  Index mask_row;
  Array<T> x, h0, c0, keep_h, keep_c, mask, output_mask, weights[2][4], dy, dh_n, dc_n;
  bool trains, wants_x, wants_h0, wants_c0, wants[2][4];

  Problem(Random& random, Size size) : cell(CellKind(random.whole(0, 3))) {
    switch (size) {
      case Size::small: shape = {random.whole(0, 9), random.whole(0, 9), random.whole(1, 36), random.whole(1, 36), 0}; break;
      case Size::large:
        shape = {random.whole(6, 12), random.whole(7, 20), random.whole(40, 70), random.whole(48, 80), 0};
        break;
      case Size::few_rows:
        shape = {random.whole(20, 40), random.whole(1, 3), random.whole(1, 70), random.whole(112, 230), 0};
        break;
    }
    shape.D = random.whole(1, 2);
    draw_lengths(random);
    const auto& s = shape;
    const Index rows = cell_gates[int(cell)] * s.H, state = s.D * s.N * s.H;
    auto maybe = [&](Index size, double p) { return random.chance(p) ? Array<T>::random(random, size, 1) : Array<T>(); };
    at_x = Strides::any(random, s, s.I, true);
    at_y = Strides::any(random, s, s.D * s.H, false);
    at_output = Strides::any(random, s, s.D * s.H, false);
    at_dy = Strides::any(random, s, s.D * s.H, true);
    at_dx = Strides::any(random, s, s.I, false);
    x = Array<T>::random(random, at_x.size, 1);
    h0 = Array<T>::random(random, state, 1);
    dy = maybe(at_dy.size, 0.8);
    dh_n = maybe(state, 0.7);
    if (cell == CellKind::lstm) {
      c0 = Array<T>::random(random, state, 1);
      dc_n = maybe(state, 0.7);
    }
    at_keep = Strides::any(random, s, s.D * s.H, true);
    if (random.chance(0.3)) keep_h = masks(random, at_keep.size);
    if (cell == CellKind::lstm && random.chance(0.3)) keep_c = masks(random, at_keep.size);
    mask_row = s.D * s.H + random.whole(0, 3);
    if (random.chance(0.3) && s.N) mask = masks(random, (s.N - 1) * mask_row + s.D * s.H);
    if (random.chance(0.3) && s.N) output_mask = masks(random, (s.N - 1) * mask_row + s.D * s.H);
    const bool biases[] = {random.chance(0.8), random.chance(0.8)};
    for (Index d = 0; d < s.D; d++) {
      weights[d][0] = Array<T>::random(random, rows * s.I, 1 / std::sqrt(double(s.I)));
      weights[d][1] = Array<T>::random(random, rows * s.H, 1 / std::sqrt(double(s.H)));
      for (int b = 0; b < 2; b++)
        if (biases[b]) weights[d][2 + b] = Array<T>::random(random, rows, 1);
      for (int w = 0; w < 4; w++) wants[d][w] = (w < 2 || biases[w - 2]) && random.chance(0.8);
    }
    trains = random.chance(0.8);
    wants_x = random.chance(0.8);
    wants_h0 = random.chance(0.8);
    wants_c0 = cell == CellKind::lstm && random.chance(0.8);
  }

  void draw_lengths(Random& random) {
    if (random.chance(0.5)) return;
    lengths = Array<Index>(shape.N, 0);
    order = Array<Index>(shape.N, 0);
    for (Index& length : lengths) length = random.whole(0, shape.T);
    std::iota(order.begin(), order.end(), Index(0));
    std::stable_sort(order.begin(), order.end(),
                     [&](Index a, Index b) { return lengths.data()[a] > lengths.data()[b]; });
  }

  // Numbers of 0, 1 and, as zoneout has them in evaluation, between.
  static Array<T> masks(Random& random, Index size) {
    Array<T> array(size, T(0), random.chance(0.5));
    for (T& number : array) number = T(random.whole(0, 2)) / 2;
    return array;
  }

  std::string text() const {
    return std::string(cell_names[int(cell)]) + (sizeof(T) == 4 ? " float" : " double") + " T " +
           std::to_string(shape.T) + " N " + std::to_string(shape.N) + " I " + std::to_string(shape.I) + " H " +
           std::to_string(shape.H) + " D " + std::to_string(shape.D) + (lengths.data() ? " with lengths" : "") +
           (keep_h.data() || keep_c.data() ? " with zoneout" : "") + (mask.data() ? " with a recurrent mask" : "") +
           (output_mask.data() ? " with an output mask" : "");
  }
};

// What the passes write; absent arrays are not wanted.
template <class T>
struct Results {
  Array<T> y, output, h_n, c_n, saved, dx, dh0, dc0, dweights[2][4];

  std::vector<const Array<T>*> outputs() const { return {&y, &output, &h_n, &c_n}; }
  std::vector<const Array<T>*> gradients() const {
    std::vector<const Array<T>*> all{&dx, &dh0, &dc0};
    for (const auto& direction : dweights)
      for (const Array<T>& gradient : direction) all.push_back(&gradient);
    return all;
  }
};

[[noreturn]] void fail(const std::string& what, const std::string& problem) {
  std::fprintf(stderr, "sanitize: %s: %s\n", problem.c_str(), what.c_str());
  std::exit(1);
}

template <class T>
void run_forward(const Table& table, const ForwardCall<T>& call) {
  if constexpr (sizeof(T) == 4) table.forward_float(call);
  else table.forward_double(call);
}

template <class T>
void run_backward(const Table& table, const BackwardCall<T>& call) {
  if constexpr (sizeof(T) == 4) table.backward_float(call);
  else table.backward_double(call);
}

// Outputs are written whole, and nothing is written between their rows.
template <class T>
void check_written(const Array<T>& array, const Strides& at, const Shape& s, Index width, const std::string& problem) {
  std::vector<bool> inside(std::size_t(array.size()));
  for (Index t = 0; t < s.T; t++)
    for (Index n = 0; n < s.N; n++)
      for (Index j = 0; j < width; j++) inside[std::size_t(t * at.time + n * at.row + j)] = true;
  for (Index i = 0; i < array.size(); i++)
    if (std::isnan(array.data()[i]) == inside[std::size_t(i)])
      fail(inside[std::size_t(i)] ? "a number is not written" : "written between the rows", problem);
}

template <class T>
Results<T> run(const Table& table, const Problem<T>& p, int threads) {
  constexpr T nan = std::numeric_limits<T>::quiet_NaN();
  const Shape& s = p.shape;
  const Index state = s.D * s.N * s.H;
  const bool lstm = p.cell == CellKind::lstm;
  Results<T> r;
  r.y = Array<T>(p.at_y.size, nan);
  if (p.output_mask.data()) r.output = Array<T>(p.at_output.size, nan);
  r.h_n = Array<T>(state, nan);
  if (lstm) r.c_n = Array<T>(state, nan);
  if (p.trains) r.saved = Array<T>(table.saved_size(p.cell, sizeof(T), s), nan);

  const Batch batch{p.lengths.data(), p.order.data()};
  // A third of the problems has codes of 1-of-N inputs instead of x, row after row.
  const bool coded = (s.T + s.N + s.H) % 3 == 0, wants_x = p.wants_x && !coded;
  std::vector<Index> numbers(std::size_t(coded ? s.T * s.N : 0));
  for (std::size_t i = 0; i < numbers.size(); i++) numbers[i] = Index(i * i + 3 * i) % s.I;
  const Sequence<const T> x{coded ? nullptr : p.x.data(), p.at_x.time, p.at_x.row};
  const Codes codes{coded ? numbers.data() : nullptr, 1, s.T};
  const Zoneout<T> zoneout{{p.keep_h.data(), p.at_keep.time, p.at_keep.row}, {p.keep_c.data(), p.at_keep.time, p.at_keep.row}};
  const RowMask<T> mask{p.mask.data(), p.mask_row}, output_mask{p.output_mask.data(), p.mask_row};
  ForwardCall<T> forward{p.cell, threads, s, batch, x, codes, p.h0.data(), p.c0.data(), zoneout, mask, output_mask, {},
                         {r.y.data(), p.at_y.time, p.at_y.row}, {r.output.data(), p.at_output.time, p.at_output.row},
                         r.h_n.data(), r.c_n.data(), r.saved.data()};
  for (Index d = 0; d < s.D; d++) {
    const auto& w = p.weights[d];
    forward.weights[d] = {w[0].data(), w[1].data(), w[2].data(), w[3].data()};
  }
  run_forward(table, forward);
  check_written(r.y, p.at_y, s, s.D * s.H, p.text());
  if (p.output_mask.data()) check_written(r.output, p.at_output, s, s.D * s.H, p.text());
  for (const T& number : r.saved)
    if (std::isnan(number)) fail("a saved number is not written", p.text());
  if (!p.trains) return r;

  if (wants_x) r.dx = Array<T>(p.at_dx.size, nan);
  if (p.wants_h0) r.dh0 = Array<T>(state, nan);
  if (p.wants_c0) r.dc0 = Array<T>(state, nan);
  BackwardCall<T> backward{p.cell, threads, s, batch, x, codes, p.h0.data(), p.c0.data(), zoneout, mask, output_mask, {},
                           {r.y.data(), p.at_y.time, p.at_y.row}, r.saved.data(),
                           {p.dy.data(), p.at_dy.time, p.at_dy.row}, p.dh_n.data(), p.dc_n.data(),
                           {r.dx.data(), p.at_dx.time, p.at_dx.row}, r.dh0.data(), r.dc0.data(), {}};
  for (Index d = 0; d < s.D; d++) {
    for (int w = 0; w < 4; w++)
      if (p.wants[d][w]) r.dweights[d][w] = Array<T>(p.weights[d][w].size(), nan);
    auto& to = r.dweights[d];
    backward.weights[d] = forward.weights[d];
    backward.dweights[d] = {to[0].data(), to[1].data(), to[2].data(), to[3].data()};
  }
  run_backward(table, backward);
  if (wants_x) check_written(r.dx, p.at_dx, s, s.I, p.text());
  return r;
}

template <class T>
void check_close(const std::vector<const Array<T>*>& found, const std::vector<const Array<T>*>& expected,
                 double limit, const std::string& what) {
  for (std::size_t i = 0; i < found.size(); i++) {
    double largest = 1, error = 0;
    for (Index j = 0; j < found[i]->size(); j++) {
      const double a = found[i]->data()[j], b = expected[i]->data()[j];
      if (std::isnan(a) && std::isnan(b)) continue;  // between the rows; `run` has looked
      largest = std::max(largest, std::abs(b));
      error = std::isnan(a - b) ? 1e300 : std::max(error, std::abs(a - b));
    }
    if (error > limit * largest) fail("array " + std::to_string(i) + " is off by " + std::to_string(error), what);
  }
}

template <class T>
void check_same_bits(const Results<T>& found, const Results<T>& expected, const std::string& what) {
  check_close(found.outputs(), expected.outputs(), 0, what);
  check_close(found.gradients(), expected.gradients(), 0, what);
}

// In float a sum before a ReLU may be so near 0 that rounding chooses its sign, and so the gradient.
template <class T>
bool has_kinks(const Problem<T>& problem) {
  return sizeof(T) == 4 && problem.cell == CellKind::rnn_relu;
}

template <class T>
void check_one(Random& random, Size size) {
  const Problem<T> problem(random, size);
  const Results<T> portable = run(*usable_tables().back(), problem, 1);
  for (const Table* table : usable_tables()) {
    const int threads = int(random.whole(2, 4));
    const std::string what = problem.text() + ", " + table->isa + ", " + std::to_string(threads) + " threads";
    const Results<T> one = run(*table, problem, 1), several = run(*table, problem, threads);
    check_close(one.outputs(), portable.outputs(), tolerance<T>, what + ", beside portable");
    if (!has_kinks(problem)) check_close(one.gradients(), portable.gradients(), tolerance<T>, what + ", beside portable");
    check_close(several.outputs(), one.outputs(), 0, what + ", beside one thread");
    check_close(several.gradients(), one.gradients(), tolerance<T>, what + ", beside one thread");
    check_same_bits(run(*table, problem, threads), several, what + ", again");
    check_step(random, problem, *table);
  }
}

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

// One step by packed weights has the bits of a layer over one step.
template <class T>
void check_step(Random& random, const Problem<T>& p, const Table& table) {
  const Shape s{1, p.shape.N, p.shape.I, p.shape.H, 1};
  const int threads = int(random.whole(1, 4));
  const std::string what = p.text() + ", " + table.isa + ", a step on " + std::to_string(threads) + " threads";
  const bool lstm = p.cell == CellKind::lstm, coded = random.chance(0.3);
  const auto* w = p.weights[0];
  const Weights<const T> weights{w[0].data(), w[1].data(), w[2].data(), w[3].data()};
  const auto x = Array<T>::random(random, s.N * s.I, 1), h = Array<T>::random(random, s.N * s.H, 1);
  const auto c = lstm ? Array<T>::random(random, s.N * s.H, 1) : Array<T>();
  Array<Index> codes(s.N, 0);
  for (Index& code : codes) code = random.whole(0, s.I - 1);

  const auto room = [&] { return Array<T>(s.N * s.H, std::numeric_limits<T>::quiet_NaN()); };
  const auto y = room(), h_n = room(), h_step = room();
  const auto c_n = lstm ? room() : Array<T>(), c_step = lstm ? room() : Array<T>();
  ForwardCall<T> layer{.cell = p.cell, .threads = threads, .shape = s, .batch = {}, .x = {}, .codes = {}, .h0 = h.data(),
                       .c0 = c.data(), .zoneout = {}, .mask = {}, .output_mask = {}, .weights = {weights},
                       .y = {y.data(), s.N * s.H, s.H}, .output = {}, .h_n = h_n.data(), .c_n = c_n.data(),
                       .saved = nullptr};
  if (coded) layer.codes = {codes.data(), s.N, 1};
  else layer.x = {x.data(), s.N * s.I, s.I};
  run_forward(table, layer);

  const auto pack = [&](T* to) {
    if constexpr (sizeof(T) == 4) return table.pack_float(p.cell, s.I, s.H, coded, weights, to);
    else return table.pack_double(p.cell, s.I, s.H, coded, weights, to);
  };
  const std::unique_ptr<void, Free> packed(allocate(std::size_t(pack(nullptr)) * sizeof(T)));
  pack(static_cast<T*>(packed.get()));
  const StepCall<T> step{p.cell, threads, s.N, s.I, s.H, coded ? nullptr : x.data(), coded ? codes.data() : nullptr,
                         static_cast<const T*>(packed.get()), h.data(), c.data(), h_step.data(), c_step.data()};
  if constexpr (sizeof(T) == 4) table.step_float(step);
  else table.step_double(step);
  check_close<T>({&h_step, &c_step}, {&h_n, &c_n}, 0, what);
}

// Runs problems on several threads at once, of which one has the pool, and compares with what each gives alone.
void check_at_once(Random& random) {
  const Table& table = *usable_tables().front();
  std::vector<Problem<float>> problems;
  std::vector<Results<float>> expected;
  for (int i = 0; i < 4; i++) {
    problems.emplace_back(random, i < 2 ? Size::large : Size::few_rows);
    expected.push_back(run(table, problems.back(), 3));
  }
  std::vector<std::thread> callers;
  for (std::size_t i = 0; i < problems.size(); i++)
    callers.emplace_back([&, i] {
      for (int again = 0; again < 4; again++)
        check_same_bits(run(table, problems[i], 3), expected[i], problems[i].text() + ", beside other calls");
    });
  for (std::thread& caller : callers) caller.join();
}

// A child made by fork() has the memory of the pool, but none of its threads.
void check_child(Random& random) {
  const Table& table = *usable_tables().front();
  const Problem<float> problem(random, random.chance(0.5) ? Size::large : Size::few_rows);
  const Results<float> expected = run(table, problem, 3);
  const pid_t child = fork();
  if (child == 0) {
    check_same_bits(run(table, problem, 3), expected, problem.text() + ", in a child");
    _exit(0);
  }
  int status = 1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) fail("the child failed", problem.text());
}

void check_activations(Random& random) {
  for (const Table* table : usable_tables())
    for (Index count = 0; count < 70; count++) {
      const auto x = Array<float>::random(random, count, 10), y = Array<float>(count, 0);
      const auto u = Array<double>::random(random, count, 10), v = Array<double>(count, 0);
      for (int function = 0; function < 3; function++) {
        table->activate_float(function, count, x.data(), y.data());
        table->activate_double(function, count, u.data(), v.data());
      }
      for (Index i = 0; i < count; i++)
        if (y.data()[i] != std::max(x.data()[i], 0.f) || v.data()[i] != std::max(u.data()[i], 0.))
          fail("relu is wrong", table->isa);
      table->drop_float(0, count, std::uint64_t(count), 1 << 15, 2, nullptr, y.data());
      table->drop_double(4, 4 + count, std::uint64_t(count), 1 << 15, 2, u.data(), v.data());
      for (Index i = 4; i < count; i++)
        if (u.data()[i - 4] * y.data()[i] != v.data()[i - 4]) fail("masks differ", table->isa);
    }
}

}  // namespace

int main(int arguments, char** words) {
  const int cases = arguments > 1 ? std::atoi(words[1]) : 1000;
  const unsigned long seed = arguments > 2 ? std::strtoul(words[2], nullptr, 10) : 1;
  Random random(seed);
  check_activations(random);
  for (int i = 0; i < cases; i++) {
    const Size size = i % 8 == 0 ? Size::large : i % 24 == 1 ? Size::few_rows : Size::small;
    if (random.chance(0.5)) check_one<float>(random, size);
    else check_one<double>(random, size);
    if (i % 50 == 0) check_at_once(random);
    if (i % 50 == 25) check_child(random);
  }
  std::string names;
  for (const Table* table : usable_tables()) names += std::string(" ") + table->isa;
  std::printf("%d layers, seed %lu, instruction sets:%s: clean\n", cases, seed, names.c_str());
}
