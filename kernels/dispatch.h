// Which instruction sets this build has, which this processor can run, and the one in use.
#pragma once
#include <string>
#include <vector>

#include "layer.h"

namespace elman {

// The instruction sets that can run here, best first; `portable` is always the last.
const std::vector<const Table*>& usable_tables();

// The table in use: the best one, or a lower one that ELMAN_ISA names.
const Table& active_table();

// Puts another usable table in use.  A layer's forward and backward must run under the same one.
void use_table(const std::string& isa);

// Reads ELMAN_ISA.  An unknown name is an error; one that cannot run here too, for it would silently measure or test
// something else.  Both say which names are valid.
void read_environment();

}  // namespace elman
