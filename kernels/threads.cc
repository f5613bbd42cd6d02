#include "threads.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <exception>
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

// Tasks, and which of them is the next to be taken.  What the first that fails has thrown is kept for the caller: no
// exception may leave a worker.
struct Region {
  int tasks;
  void (*body)(void*, int);
  void* context;
  std::atomic<int> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr error{};

  void take() noexcept {
    for (int task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) {
      try {
        body(context, task);
      } catch (...) {
        if (!failed.exchange(true)) error = std::current_exception();
      }
    }
  }
};

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

  void run(Region& region) {
    region_ = &region;
    busy_.store(workers(), std::memory_order_relaxed);
    announce();
    region.take();
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

  void work() {
    for (unsigned seen = 0;; seen++) {
      for (int i = 0; i < spins && round_.load(std::memory_order_relaxed) == seen; i++) pause();
      round_.wait(seen, std::memory_order_acquire);
      if (stop_.load(std::memory_order_relaxed)) return;
      region_->take();
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }

  std::vector<std::thread> threads_;
  std::atomic<unsigned> round_{0};
  std::atomic<int> busy_{0};
  std::atomic<bool> stop_{false};
  Region* region_ = nullptr;
};

namespace {

// The functions that we use of the OpenMP runtime that torch has loaded: GNU's, or LLVM's and Intel's, which have this
// entry of GNU's too.  torch loads its runtime for all to see, so we need not link one, which might be another.
struct OpenMP {
  void (*parallel)(void (*body)(void*), void* context, unsigned threads, unsigned flags);
  int (*in_parallel)();
  int (*dynamic)();
  int (*thread_limit)();
  int (*levels)();

  OpenMP() {
    find(parallel, "GOMP_parallel");
    find(in_parallel, "omp_in_parallel");
    find(dynamic, "omp_get_dynamic");
    find(thread_limit, "omp_get_thread_limit");
    find(levels, "omp_get_max_active_levels");
  }
  // Whether there is a runtime that gives a region the threads it asks for: members of a crew wait for one another.
  bool usable() const { return parallel && in_parallel && dynamic && thread_limit && levels && !dynamic(); }
  // Whether that holds here and now for so many.
  bool gives(int threads) const { return !in_parallel() && levels() > 0 && thread_limit() >= threads; }

 private:
  template <class Function>
  static void find(Function& function, const char* name) {
    function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  }
};

// What all calls share is never destroyed: threads may outlive static destructors, and a child made by fork() has the
// memory of a pool but none of its threads, so it leaves this behind and starts anew, with a pool of ours: torch's
// runtime would wait for its lost threads for ever.
struct Shared {
  std::mutex lock;
  Pool* pool = nullptr;
  OpenMP openmp;
  bool forked = false;
};
Shared* shared = nullptr;

Shared& the_shared() {
  static const bool once = [] {
    shared = new Shared;
    pthread_atfork(nullptr, nullptr, [] {
      shared = new Shared;
      shared->forked = true;
    });
    return true;
  }();
  (void)once;
  return *shared;
}

}  // namespace

Team::Team(int threads) {
  Shared& mine = the_shared();
  if (threads < 2 || !mine.lock.try_lock()) return;
  locked_ = true;
  if (mine.openmp.usable() && !mine.forked) {
    if (mine.openmp.gives(threads)) threads_ = threads;
    return;
  }
  if (!mine.pool || mine.pool->workers() != threads - 1) {
    delete mine.pool;
    mine.pool = nullptr;
    try {
      mine.pool = new Pool(threads - 1);
    } catch (const std::system_error&) {
      return;  // the system gives no more threads
    }
  }
  pool_ = mine.pool;
  threads_ = threads;
}

Team::~Team() {
  if (locked_) the_shared().lock.unlock();
}

int Team::threads() const { return threads_; }

void Team::run(int tasks, void (*body)(void*, int), void* context) const {
  Region region{tasks, body, context};
  if (threads_ < 2 || tasks < 2) region.take();
  else if (pool_) pool_->run(region);
  else  // all threads, though there may be fewer tasks: the runtime would end those that a region does not use
    the_shared().openmp.parallel([](void* given) { static_cast<Region*>(given)->take(); }, &region, unsigned(threads_), 0);
  if (region.error) std::rethrow_exception(region.error);
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

}  // namespace elman
