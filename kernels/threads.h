// The threads that share a call's work.
//
// They are torch's own, those of its OpenMP runtime.  Its operators run on the same cores between ours, and after each
// its threads spin for some milliseconds, in case another follows: threads of ours would share the cores with them, and
// be half as fast.  Where torch has no such runtime, and in a child made by fork(), a pool of our own takes their place.
// Its workers spin for a few microseconds after a task, then wait in the kernel.
//
// No function stands in this header: kernels.cc is compiled for several instruction sets, and would bring a copy of it
// for each.
#pragma once
#include <cstddef>

namespace elman {

class Pool;

// The threads of a call: the calling one and, unless another call has them at this moment, threads-1 workers.
class Team {
 public:
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // How many threads there are: 1 where another call has the others, in a parallel region of the caller's own, and where
  // no thread can be started.
  int threads() const;

  // Runs body(context, task) for task = 0 .. tasks-1, and returns when all are done; throws what one of them has thrown.
  // A task is run by one thread from its start to its end; which thread is not said.  Tasks may wait for one another if
  // there are no more of them than threads, and then must not throw.
  void run(int tasks, void (*body)(void* context, int task), void* context) const;

 private:
  bool locked_ = false;   // this call has the threads
  Pool* pool_ = nullptr;  // null: torch's runtime
  int threads_ = 1;
};

// Where tasks that run at the same time meet.
class Barrier;
inline constexpr std::size_t barrier_bytes = 64;

// Makes a barrier for so many tasks in `memory`, barrier_bytes aligned to 64; it need not be destroyed.
Barrier* make_barrier(void* memory, int members);

// Returns when all members have called it.
void meet_at(Barrier* barrier);

}  // namespace elman
