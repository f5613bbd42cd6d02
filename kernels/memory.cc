#include "memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>

namespace elman {
namespace {

constexpr std::size_t small_page = 4096, huge_page = 2 << 20;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

struct Scratch {
  void* data = nullptr;
  std::size_t size = 0;
  ~Scratch() { std::free(data); }
};

}  // namespace

void prefer_huge_pages(void* data, std::size_t bytes) {
#ifdef MADV_HUGEPAGE
  if (bytes < huge_page) return;
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const std::uintptr_t first = rounded_up(address, small_page), last = (address + bytes) / small_page * small_page;
  (void)madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);  // a wish: without it all works as well
#else
  (void)data, (void)bytes;
#endif
}

void* allocate(std::size_t bytes) {
  const bool large = bytes >= huge_page / 2;
  const std::size_t size = rounded_up(bytes, large ? huge_page : 64);
  void* data = std::aligned_alloc(large ? huge_page : 64, size);
  if (!data) throw std::bad_alloc();
  prefer_huge_pages(data, size);
  return data;
}

void* scratch(std::size_t bytes) {
  thread_local Scratch own;
  if (bytes > own.size) {
    std::free(own.data);
    own = {};
    const std::size_t size = rounded_up(bytes, small_page);
    own.data = allocate(size);
    own.size = size;
  }
  return own.data;
}

}  // namespace elman
