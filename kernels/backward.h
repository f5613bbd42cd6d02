// The backward pass of a layer: the error terms step by step, newest first, then a chunk's sums over time.
#pragma once
#include "backward_plan.h"

namespace elman {
namespace {

// The rows of one backward step, and what they carry.
template <class T>
struct BackwardStep {
  const T* const* later;  // rows of delta_{t+1}
  const T* const* dy;     // rows of dE/dy_t, or null: zeros
  const T *const *h, *const *before, *const *save;
  const T *const *keep_h, *const *keep_c;  // rows of zoneout, or null
  const T* const* mask;   // rows of the recurrent mask, or null
  const T* const* output_mask;  // rows of what dy is multiplied by, or null
  T *dh, *dc;             // [n, Hp]
  T *delta, *delta_in;    // [n, stride]
  bool odd;               // as in ForwardStep
  Index dy_ahead = 0;     // from dE/dy_t to that of the next step, which is older

  // Asks for what the cell reads of some units of a row, while the product before it runs; dE/dy, which is read before
  // the product, a step ahead.
  template <class C>
  ELMAN_INLINE void ask(Index row, Index unit, Index count) const {
    if (C::saved) ask_for<false>(save[row] + unit * C::saved, count * C::saved);
    if (C::saved == 0) ask_for<false>(h[row] + unit, count);
    if (C::carries || keep_h) ask_for<false>(before[row] + unit, count);
    if (dy) ask_for<false>(dy[row] + dy_ahead + unit, count);
    if (keep_h) ask_for<false>(keep_h[row] + unit, count);
    if (keep_c) ask_for<false>(keep_c[row] + unit, count);
  }

  // The step without its first i rows.
  ELMAN_INLINE BackwardStep from(Index i, Index Hp, Index stride) const {
    const auto rows = [i](const T* const* from) { return from ? from + i : nullptr; };
    return {.later = later + i, .dy = rows(dy), .h = h + i, .before = before + i, .save = save + i,
            .keep_h = rows(keep_h), .keep_c = rows(keep_c), .mask = rows(mask), .output_mask = rows(output_mask),
            .dh = dh + i * Hp, .dc = dc ? dc + i * Hp : nullptr, .delta = delta + i * stride,
            .delta_in = delta_in + i * stride, .odd = odd, .dy_ahead = dy_ahead};
  }
};

// dE/dh_t = dE/dy_t + delta_{t+1} W + what is carried, for some vectors of units; then the cell's error terms.
// `recurs`: there is a step t+1.
template <class C, class T, bool zoned>
void backward_rows(const Layout<C, T>& at, const T* hh, Columns units, Index n, const BackwardStep<T>& step,
                   bool recurs) {
  constexpr int G = C::gates;
  const bool carries = C::carries || (zoned && step.keep_h), masked = recurs && step.mask;
  row_groups<T, panel_vectors>(n, units, step.odd, [&](Index unit, auto vectors, int most, auto product) {
    const Index column = unit * lanes<T>;
    strips(n, most, [&](Index begin, int rows) {
      const auto beside_w = [&](Index row, Index u) ELMAN_LAMBDA {
        Vec<T> sum = step.dy ? load_part(step.dy[row] + u, at.H - u) : zeros<T>();
        if (step.output_mask) sum *= load_part(step.output_mask[row] + u, at.H - u);
        if (carries || !recurs) sum += load(step.dh + row * at.Hp + u);
        return sum;
      };
      Block<T> block;
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++)
          block.sums[i * vectors + j] = masked ? zeros<T>() : beside_w(begin + i, column + j * lanes<T>);
      for (int i = 0; i < rows; i++) step.template ask<C>(begin + i, column, vectors * lanes<T>);
      if (recurs) product(block, rows, at.width, PointedRows<T>{step.later + begin}, hh + column * at.width);
      for (int i = 0; masked && i < rows; i++)  // what came through W is masked
        for (int j = 0; j < vectors; j++) {
          const Index u = column + j * lanes<T>;
          Vec<T>& sum = block.sums[i * vectors + j];
          sum = fma(load_part(step.mask[begin + i] + u, at.H - u), sum, beside_w(begin + i, u));
        }
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < vectors; j++) {
          const Index row = begin + i, u = column + j * lanes<T>, gate = row * at.stride + (unit + j) * G * lanes<T>;
          const Vec<T> dh = block.sums[i * vectors + j];
          StepGradient<T> d{dh, zeros<T>(), zeros<T>(), zeros<T>()};
          Vec<T> delta[G], h = zeros<T>(), before = zeros<T>(), dc = zeros<T>(), keep_h = dc, keep_c = dc;
          if constexpr (C::has_cell) d.c = dc = load(step.dc + row * at.Hp + u);
          if (carries) before = load_part(step.before[row] + u, at.H - u);
          if constexpr (C::saved == 0) h = load_part(step.h[row] + u, at.H - u);
          if (zoned && step.keep_h) {
            keep_h = load_part(step.keep_h[row] + u, at.H - u);
            d.h = (broadcast<T>(1) - keep_h) * dh;
            if constexpr (C::saved == 0) h = made_before_zoneout<T>(keep_h, before, h);
          }
          if (zoned && C::has_cell && step.keep_c) {
            keep_c = load_part(step.keep_c[row] + u, at.H - u);
            d.c = (broadcast<T>(1) - keep_c) * dc;
          }
          const T* kept = C::saved ? step.save[row] + (unit + j) * C::saved * lanes<T> : nullptr;
          C::template backward<T>(d, before, h, kept, delta);
          if (u + lanes<T> > at.H) {  // 0 times an infinite input or weight is NaN in padded units
            for (int g = 0; g < G; g++) delta[g] = first_of<T>(delta[g], at.H - u);
            d.last = first_of<T>(d.last, at.H - u);
          }
          for (int g = 0; g < G; g++) store(step.delta + gate + g * lanes<T>, delta[g]);
          if constexpr (C::apart)
            for (int g = 0; g < G; g++) store(step.delta_in + gate + g * lanes<T>, g < G - 1 ? delta[g] : d.last);
          if (zoned && step.keep_h) d.carry = C::carries ? fma(keep_h, dh, d.carry) : keep_h * dh;
          if (zoned && C::has_cell && step.keep_c) d.c = fma(keep_c, dc, d.c);
          if (carries) store(step.dh + row * at.Hp + u, d.carry);
          if constexpr (C::has_cell) store(step.dc + row * at.Hp + u, d.c);
        }
    });
  });
}

template <class C, class T>
void backward_step(const Layout<C, T>& at, const T* hh, Columns units, Index n, const BackwardStep<T>& step,
                   bool recurs) {
  if (step.keep_h || step.keep_c) backward_rows<C, T, true>(at, hh, units, n, step, recurs);
  else backward_rows<C, T, false>(at, hh, units, n, step, recurs);
}

template <class C, class T>
class BackwardTask {
 public:
  BackwardTask(const BackwardPlan<C, T>& plan, int task)
      : plan_(plan), call_(plan.call), at_(plan.at), shape_(plan.call.shape), keep_(plan.call.zoneout),
        place_(plan.division, task), d_(place_.d),
        units_(share_of(at_.units, panel_vectors, place_.member, plan.division.members)),
        own_(Units::of<T>(units_, at_.H)), w_(plan.weights[d_]), mine_(plan.tasks[task]),
        rows_(deal_rows(plan.division, place_.group, shape_, call_.batch, d_ == 1, mine_.row, mine_.length)) {}

  void run() {
    start();
    const Index steps = chunk_steps(rows_.n, rows_backward(shape_)), chunks = (rows_.steps + steps - 1) / steps;
    for (Index chunk = chunks - 1; chunk >= 0; chunk--) {
      const Index end = (chunk + 1) * steps < rows_.steps ? (chunk + 1) * steps : rows_.steps;
      const Index R = scan_chunk(chunk * steps, end);
      if (plan_.wants_weights(d_)) add_weight_gradients(chunk * steps, end, R);
      if (plan_.wants_x()) write_input_gradients(chunk * steps, end, R);
      mine_.crew.meet();  // `delta` is free again
    }
    finish();
  }

 private:
  T* state(const T* states, Index i) const {
    return const_cast<T*>(states) + (d_ * shape_.N + rows_.row[i]) * at_.H;
  }
  const T* y_row(Index i, Index s) const { return call_.y.at(rows_.time(i, s), rows_.row[i]) + d_ * at_.H; }
  const T* h_before(Index i, Index s) const { return s == 0 ? state(call_.h0, i) : y_row(i, s - 1); }
  const T* mask_row(const RowMask<T>& mask, Index i) const { return mask.data + rows_.row[i] * mask.row + d_ * at_.H; }
  T* dx_row(Index i, Index t) const {
    return d_ == 0 ? call_.dx.at(t, rows_.row[i]) : mine_.dx + (t * shape_.N + rows_.row[i]) * at_.I;
  }

  // The gate columns of the member's units, by vectors and by numbers.
  Columns columns() const { return {units_.first * C::gates, units_.last * C::gates}; }
  void clear(T* numbers, Index per_column) const {
    const Columns mine = columns();
    fill(numbers + mine.first * lanes<T> * per_column, T(0), (mine.last - mine.first) * lanes<T> * per_column);
  }

  void start() {
    for (Index i = 0; i < rows_.n; i++) {
      const Index at = i * at_.Hp + own_.first;
      copy_padded<T>(mine_.dh + at, call_.dh_n ? state(call_.dh_n, i) + own_.first : nullptr, own_.count);
      if (C::has_cell)
        copy_padded<T>(mine_.dc + at, call_.dc_n ? state(call_.dc_n, i) + own_.first : nullptr, own_.count);
      if (plan_.masked()) mine_.mask[i] = mask_row(call_.mask, i);
      if (plan_.masks_dy()) mine_.output_mask[i] = mask_row(call_.output_mask, i);
    }
    if (plan_.wants_weights(d_)) {
      if (!plan_.coded()) clear(mine_.share.ih, at_.I);
      for (Index k = 0; plan_.coded() && k < at_.I; k++) clear(mine_.share.ih + k * at_.width, 1);
      clear(mine_.share.hh, at_.H);
      clear(mine_.share.b_ih, 1);
      if (C::apart) clear(mine_.share.b_hh, 1);
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
      const T* newer = s + 1 == end ? mine_.next : mine_.delta + (row + n) * at_.stride;
      for (Index i = 0; i < n; i++) {
        const Index t = rows_.time(i, s);
        mine_.later[i] = newer + i * at_.stride;
        mine_.h[i] = y_row(i, s);
        mine_.before[i] = h_before(i, s);
        if (call_.dy.data) mine_.dy[i] = call_.dy.at(t, rows_.row[i]) + d_ * at_.H;
        if (C::saved) mine_.save[i] = saved_row(at_, call_.saved, shape_, d_, t, rows_.row[i]);
        if (keep_.h.data) mine_.keep_h[i] = keep_.h.at(t, rows_.row[i]) + d_ * at_.H;
        if (keep_.c.data) mine_.keep_c[i] = keep_.c.at(t, rows_.row[i]) + d_ * at_.H;
      }
      const BackwardStep<T> step{
          .later = mine_.later, .dy = call_.dy.data ? mine_.dy : nullptr, .h = mine_.h, .before = mine_.before,
          .save = mine_.save, .keep_h = keep_.h.data ? mine_.keep_h : nullptr,
          .keep_c = keep_.c.data ? mine_.keep_c : nullptr, .mask = plan_.masked() ? mine_.mask : nullptr,
          .output_mask = plan_.masks_dy() ? mine_.output_mask : nullptr, .dh = mine_.dh, .dc = mine_.dc,
          .delta = mine_.delta + row * at_.stride, .delta_in = mine_.delta_in + row * at_.stride, .odd = (s & 1) != 0,
          .dy_ahead = s == 0 ? 0 : d_ == 0 ? -call_.dy.time : call_.dy.time};
      if (later > 0) backward_step<C, T>(at_, w_.hh, units_, later, step, true);
      if (n > later) backward_step<C, T>(at_, w_.hh, units_, n - later, step.from(later, at_.Hp, at_.stride), false);
      mine_.crew.meet();
      later = n;
    }
    const Columns mine = columns();
    for (Index i = 0; i < mine_.active[0]; i++) {
      const Index from = i * at_.stride + mine.first * lanes<T>;
      copy(mine_.next + from, mine_.delta + from, (mine.last - mine.first) * lanes<T>);
    }
    return R;
  }

  // Calls f(row of the chunk, row of the batch, step) for the rows of a chunk in their order.
  template <class F>
  void for_rows(Index begin, Index end, const F& f) const {
    Index r = 0;
    for (Index s = begin; s < end; s++)
      for (Index i = 0; i < mine_.active[s - begin]; i++) f(r++, i, s);
  }

  // h_{t-1} and x_t are packed once, by all members together; a panel of delta is packed for both, unless the cell keeps
  // two deltas apart.
  void add_weight_gradients(Index begin, Index end, Index R) {
    const Share<T>& share = mine_.share;
    const Strips<T> h{mine_.strips, at_.H, share.hh}, x{mine_.strips + R * at_.H, at_.I, share.ih};
    for_rows(begin, end, [&](Index r, Index i, Index s) {
      mine_.rows[r] = h_before(i, s);
      if (plan_.masked()) mine_.factors[r] = mine_.mask[i];
    });
    pack_strips(R, at_.H, mine_.rows, mine_.strips, place_.member, plan_.division.members,
                plan_.masked() ? mine_.factors : nullptr);
    if (!plan_.coded()) {
      for_rows(begin, end,
               [&](Index r, Index i, Index s) { mine_.rows[r] = call_.x.at(rows_.time(i, s), rows_.row[i]); });
      pack_strips(R, at_.I, mine_.rows, mine_.strips + R * at_.H, place_.member, plan_.division.members);
    }
    mine_.crew.meet();
    if (plan_.coded()) {
      add_to_codes(begin, end);
      add_products<T, 1>(R, mine_.delta, columns(), at_.stride, {h}, mine_.panel, share.b_hh);
    } else if (C::apart) {
      add_products<T, 1>(R, mine_.delta, columns(), at_.stride, {h}, mine_.panel, share.b_hh);
      add_products<T, 1>(R, mine_.delta_in, columns(), at_.stride, {x}, mine_.panel, share.b_ih);
    } else {
      add_products<T, 2>(R, mine_.delta, columns(), at_.stride, {h, x}, mine_.panel, share.b_hh);
    }
  }

  // The gradient of the column of U that a code picked: the sum of delta over the places where it did.
  void add_to_codes(Index begin, Index end) {
    const Columns mine = columns();
    for_rows(begin, end, [&](Index r, Index i, Index s) {
      T* to = mine_.share.ih + *call_.codes.at(rows_.time(i, s), rows_.row[i]) * at_.width;
      const T* delta = mine_.delta_in + r * at_.stride;
      for (Index c = mine.first * lanes<T>; c < mine.last * lanes<T>; c += lanes<T>) {
        store(to + c, load(to + c) + load(delta + c));
        if (C::apart) store(mine_.share.b_ih + c, load(mine_.share.b_ih + c) + load(delta + c));
      }
    });
  }

  // dE/dx = delta U: a member takes some of the chunk's rows, which keep their panels of U in its cache.
  void write_input_gradients(Index begin, Index end, Index R) {
    for_rows(begin, end, [&](Index r, Index i, Index s) {
      mine_.rows[r] = mine_.delta_in + r * at_.stride;
      mine_.out[r] = dx_row(i, rows_.time(i, s));
    });
    const Columns rows = share_of(R, 1, place_.member, plan_.division.members), all{0, vectors_of<T>(at_.I)};
    rows_times_panels<T, panel_vectors>(rows.last - rows.first, at_.width, {mine_.rows + rows.first}, w_.ih, at_.I, all,
                                        nullptr, mine_.out + rows.first);
  }

  // The gradients of the initial states, and zeros where there is no step.
  void finish() {
    const Index n = rows_.active(0, rows_.n), u = own_.first;
    const bool carries = C::carries || keep_.h.data;
    for (Index i = 0; i < rows_.n; i++) {
      if (call_.dh0 && (i >= n || carries)) copy(state(call_.dh0, i) + u, mine_.dh + i * at_.Hp + u, own_.count);
      if (call_.dc0) copy(state(call_.dc0, i) + u, mine_.dc + i * at_.Hp + u, own_.count);
      if (plan_.wants_x() && place_.member == 0)
        for (Index t = rows_.length_of(i); t < shape_.T; t++) fill(dx_row(i, t), T(0), at_.I);
    }
    if (!call_.dh0 || n == 0) return;
    T* through_w = mine_.delta;  // free by now; [n, H]
    for (Index i = 0; i < n; i++) {
      mine_.rows[i] = mine_.next + i * at_.stride;
      mine_.out[i] = through_w + i * at_.H;
    }
    rows_times_panels<T, panel_vectors>(n, at_.width, {mine_.rows}, w_.hh, at_.H, units_, nullptr, mine_.out);
    for (Index i = 0; i < n; i++) {
      T* to = state(call_.dh0, i);
      for (Index k = u; k < u + own_.count; k++)
        to[k] = (carries ? to[k] : T(0)) + (plan_.masked() ? mine_.mask[i][k] : T(1)) * through_w[i * at_.H + k];
    }
  }

  const BackwardPlan<C, T>& plan_;
  const BackwardCall<T>& call_;
  const Layout<C, T>& at_;
  const Shape& shape_;
  const Zoneout<T>& keep_;
  const Place place_;
  const int d_;
  const Columns units_;  // the member's
  const Units own_;
  const BackwardWeights<T>& w_;
  const BackwardScratch<T>& mine_;
  const TaskRows rows_;
};

// Adds the tasks' shares of a bias, task by task.
template <class C, class T>
void join_bias(const BackwardPlan<C, T>& plan, int d, Index first_unit, Index last_unit, T* Share<T>::*of, T* out) {
  if (!out) return;
  const Layout<C, T>& at = plan.at;
  const auto share = [&](int group) -> const Share<T>& { return plan.share(d, group); };
  for (int g = 0; g < C::gates; g++)
    for (Index u = first_unit * lanes<T>; u < last_unit * lanes<T> && u < at.H; u++) {
      T sum = (share(0).*of)[at.column(g, u)];
      for (int group = 1; group < plan.division.groups; group++) sum += (share(group).*of)[at.column(g, u)];
      out[g * at.H + u] = sum;
    }
}

// Adds the tasks' shares of a weight's gradient, task by task, and turns them into torch's [G*H, inputs].  In a share,
// vector v of columns of input k lies at v * vector + k * input.
template <class C, class T>
void join_weights(const BackwardPlan<C, T>& plan, int d, Index first_unit, Index last_unit, T* Share<T>::*of,
                  Index inputs, Index vector, Index input, T* out) {
  if (!out) return;
  const Layout<C, T>& at = plan.at;
  const auto share = [&](int group) -> const Share<T>& { return plan.share(d, group); };
  for (Index unit = first_unit; unit < last_unit; unit++)
    for (int g = 0; g < C::gates; g++)
      for (Index k = 0; k < inputs; k += lanes<T>) {
        const Index from = (unit * C::gates + g) * vector + k * input;
        Vec<T> square[lanes<T>];
#pragma GCC unroll 16
        for (Index i = 0; i < lanes<T>; i++) {
          square[i] = k + i < inputs ? load(share(0).*of + from + i * input) : zeros<T>();
          for (int group = 1; group < plan.division.groups && k + i < inputs; group++)
            square[i] += load(share(group).*of + from + i * input);
        }
        transpose<T>(square);
        T* to = out + (g * at.H + unit * lanes<T>) * inputs + k;
#pragma GCC unroll 16
        for (Index i = 0; i < lanes<T>; i++)
          if (unit * lanes<T> + i < at.H) store_part(to + i * inputs, square[i], inputs - k);
      }
}

template <class C, class T>
void join(const BackwardPlan<C, T>& plan, int part, int parts) {
  const Layout<C, T>& at = plan.at;
  const Shape& s = plan.call.shape;
  const Index first = at.units * part / parts, last = at.units * (part + 1) / parts;
  for (int d = 0; d < plan.division.directions; d++) {
    const Weights<T>& w = plan.call.dweights[d];
    join_weights(plan, d, first, last, &Share<T>::hh, at.H, at.H * lanes<T>, Index(lanes<T>), w.hh);
    if (plan.coded()) join_weights(plan, d, first, last, &Share<T>::ih, at.I, Index(lanes<T>), at.width, w.ih);
    else join_weights(plan, d, first, last, &Share<T>::ih, at.I, at.I * lanes<T>, Index(lanes<T>), w.ih);
    join_bias(plan, d, first, last, &Share<T>::b_ih, w.b_ih);
    join_bias(plan, d, first, last, &Share<T>::b_hh, w.b_hh);
  }
  if (plan.division.directions == 2 && plan.wants_x())
    for (Index t = s.T * part / parts; t < s.T * (part + 1) / parts; t++)
      for (Index row = 0; row < s.N; row++) {
        T* to = plan.call.dx.at(t, row);
        const T* add = plan.of(1, 0).dx + (t * s.N + row) * s.I;
        for (Index k = 0; k < s.I; k++) to[k] += add[k];
      }
}

template <class C, class T>
void backward(const BackwardCall<T>& call) {
  const Team team(call.threads);
  BackwardPlan<C, T> plan(call, team);
  plan_scratch(plan);
  const Layout<C, T>& at = plan.at;
  const int parts = plan.division.parts;
  for_tasks(team, parts, [&](int part) {
    const Columns hidden = share_of(panel_count(at.units), 1, part, parts);
    const Columns inputs = share_of(panel_count(vectors_of<T>(at.I)), 1, part, parts);
    for (int d = 0; d < plan.division.directions; d++) {
      const Weights<const T>& w = call.weights[d];
      pack_backward<C, T>(at, w.hh, at.H, hidden.first, hidden.last, plan.weights[d].hh);
      if (plan.wants_x()) pack_backward<C, T>(at, w.ih, at.I, inputs.first, inputs.last, plan.weights[d].ih);
    }
  });
  for_tasks(team, plan.division.tasks(), [&](int task) { BackwardTask<C, T>(plan, task).run(); });
  for_tasks(team, parts, [&](int part) { join(plan, part, parts); });
}

}  // namespace
}  // namespace elman
