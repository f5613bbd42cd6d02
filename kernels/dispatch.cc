#include "dispatch.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace elman {

extern const Table table_portable;
#if defined(ELMAN_HAS_avx2)
extern const Table table_avx2;
extern const Table table_avx512;
#endif

namespace {

// The compiler's check reads CPUID, and XGETBV for whether the system saves the wide registers.
std::vector<const Table*> find_usable() {
  std::vector<const Table*> found;
#if defined(ELMAN_HAS_avx2)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    found.push_back(&table_avx512);
  if (avx2) found.push_back(&table_avx2);
#endif
  found.push_back(&table_portable);
  return found;
}

std::string names(const std::vector<const Table*>& tables) {
  std::string text;
  for (const Table* table : tables) text += (text.empty() ? "" : ", ") + std::string(table->isa);
  return text;
}

std::atomic<const Table*>& active() {
  static std::atomic<const Table*> table{usable_tables().front()};
  return table;
}

}  // namespace

const std::vector<const Table*>& usable_tables() {
  static const std::vector<const Table*> usable = find_usable();
  return usable;
}

const Table& active_table() { return *active().load(std::memory_order_relaxed); }

void use_table(const std::string& isa) {
  for (const Table* table : usable_tables())
    if (isa == table->isa) return active().store(table);
  throw std::invalid_argument("instruction set '" + isa + "' is unknown or cannot run on this processor; valid here: " +
                              names(usable_tables()));
}

void read_environment() {
  const char* wanted = std::getenv("ELMAN_ISA");
  if (!wanted || !*wanted) return;
  try {
    use_table(wanted);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(std::string("ELMAN_ISA: ") + error.what());
  }
}

}  // namespace elman
