// Memory of the kernels, and pages for what they write.
//
// Fresh memory costs a page fault for each 4 KiB that is written first, at every call if `saved` is larger than what
// malloc keeps (32 MiB).  And where a page ends, the processor stops to read ahead.  Pages of 2 MiB,
// which Linux gives to who asks for them, have a five-hundredth of both.
//
// No function stands in this header: kernels.cc is compiled for several instruction sets, and would bring a copy of it
// for each.
#pragma once
#include <cstddef>

namespace elman {

// At least `bytes` bytes, aligned to 64, to be given to std::free; throws std::bad_alloc.  Large pieces are whole huge
// pages, where the system has them.
void* allocate(std::size_t bytes);

// Asks for huge pages for memory that is about to be written; in vain where it has been, or is small.
void prefer_huge_pages(void* data, std::size_t bytes);

// At least `bytes` bytes, aligned to 64, owned by the calling thread and valid until its next call.  It is kept and
// grows: a training step then meets no page fault.
void* scratch(std::size_t bytes);

}  // namespace elman
