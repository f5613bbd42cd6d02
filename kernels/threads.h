// The worker pool, and scratch memory that outlives a call.
//
// The pool sleeps unless it works: torch's own operators run on the same cores between ours, and two pools that spin
// against each other cost more than a wake-up.  A worker spins for a few microseconds after a task, for the next one
// often follows at once, then waits in the kernel.
#pragma once
#include <cstddef>

namespace elman {

// Runs body(context, task) for task = 0 .. tasks-1, on the calling thread and up to threads-1 others; returns when all
// are done.  A task is run by one thread from its start to its end; which thread is not said.  Calls from several
// threads at once are safe: one has the pool, the others run their tasks themselves.
void run_tasks(int threads, int tasks, void (*body)(void* context, int task), void* context);

// At least `bytes` bytes, aligned to 64, owned by the calling thread and valid until its next call.  It is kept and
// grows: a training step then meets no page fault.
void* scratch(std::size_t bytes);

}  // namespace elman
