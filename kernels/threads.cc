#include "threads.h"

#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace elman {
namespace {

constexpr int spins = 2000;         // about 20 to 60 microseconds
constexpr int barrier_spins = 300;  // members arrive together, unless one has lost its core to another program

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace

// One parallel region at a time.  A region is announced by a new `round`; every worker takes part in every round, so
// that the caller knows that none still looks at the last one when it starts the next.
class Pool {
 public:
  explicit Pool(int workers) {
    try {
      for (int i = 0; i < workers; i++) threads_.emplace_back([this] { work(); });
    } catch (...) {
      finish();
      throw;
    }
  }

  ~Pool() { finish(); }

  int workers() const { return int(threads_.size()); }

  void run(int tasks, void (*body)(void*, int), void* context) {
    tasks_ = tasks;
    body_ = body;
    context_ = context;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(workers(), std::memory_order_relaxed);
    announce();
    take();
    for (int i = 0; busy_.load(std::memory_order_acquire) != 0; i++) {
      if (i < spins) pause();
      else std::this_thread::yield();
    }
  }

 private:
  void finish() {
    stop_.store(true, std::memory_order_relaxed);
    announce();
    for (auto& thread : threads_) thread.join();
  }

  void announce() {
    round_.fetch_add(1, std::memory_order_release);
    round_.notify_all();
  }

  void take() {
    for (int task; (task = next_.fetch_add(1, std::memory_order_relaxed)) < tasks_;) body_(context_, task);
  }

  void work() {
    for (unsigned seen = 0;; seen++) {
      for (int i = 0; i < spins && round_.load(std::memory_order_relaxed) == seen; i++) pause();
      round_.wait(seen, std::memory_order_acquire);
      if (stop_.load(std::memory_order_relaxed)) return;
      take();
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::vector<std::thread> threads_;
  std::atomic<unsigned> round_{0};
  std::atomic<int> next_{0}, busy_{0};
  std::atomic<bool> stop_{false};
  int tasks_ = 0;
  void (*body_)(void*, int) = nullptr;
  void* context_ = nullptr;
};

namespace {

// The pool and its lock are never destroyed: threads may outlive static destructors, and a child made by fork() has
// the pool's memory but none of its threads, so it leaves both behind and starts anew.
struct Shared {
  std::mutex lock;
  Pool* pool = nullptr;
};
Shared* shared = nullptr;

void start_anew() { shared = new Shared; }

Shared& the_shared() {
  static const bool once = [] {
    start_anew();
    pthread_atfork(nullptr, nullptr, start_anew);
    return true;
  }();
  (void)once;
  return *shared;
}

struct Scratch {
  void* data = nullptr;
  std::size_t size = 0;
  ~Scratch() { std::free(data); }
};

}  // namespace

Team::Team(int threads) {
  Shared& mine = the_shared();
  if (threads < 2 || !mine.lock.try_lock()) return;
  if (!mine.pool || mine.pool->workers() != threads - 1) {
    delete mine.pool;
    mine.pool = nullptr;
    try {
      mine.pool = new Pool(threads - 1);
    } catch (const std::system_error&) {  // the system gives no more threads
      mine.lock.unlock();
      return;
    }
  }
  pool_ = mine.pool;
  threads_ = threads;
}

Team::~Team() {
  if (pool_) the_shared().lock.unlock();
}

int Team::threads() const { return threads_; }

void Team::run(int tasks, void (*body)(void*, int), void* context) const {
  if (pool_ && tasks > 1) return pool_->run(tasks, body, context);
  for (int task = 0; task < tasks; task++) body(context, task);
}

class Barrier {
 public:
  explicit Barrier(int members) : members_(members) {}

  void meet() {
    const unsigned round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == members_ - 1) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int i = 0; round_.load(std::memory_order_acquire) == round; i++) {
      if (i < barrier_spins) pause();
      else std::this_thread::yield();
    }
  }

 private:
  const int members_;
  std::atomic<int> arrived_{0};
  std::atomic<unsigned> round_{0};
};

static_assert(sizeof(Barrier) <= barrier_bytes && std::is_trivially_destructible_v<Barrier>);

Barrier* make_barrier(void* memory, int members) { return new (memory) Barrier(members); }

void meet_at(Barrier* barrier) { barrier->meet(); }

void* scratch(std::size_t bytes) {
  thread_local Scratch own;
  if (bytes > own.size) {
    std::free(own.data);
    own = {};
    const std::size_t rounded = (bytes + 4095) / 4096 * 4096;
    own.data = std::aligned_alloc(64, rounded);
    if (!own.data) throw std::bad_alloc();
    own.size = rounded;
  }
  return own.data;
}

}  // namespace elman
