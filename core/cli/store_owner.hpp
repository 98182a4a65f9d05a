#pragma once

#include <string>

#include "core/base/status.hpp"

namespace kifa::cli {

// What root makes in somebody's store has to be its owner's: a daemon that may not read a file of
// its store takes it for damaged, or does not start. Called by root, the process acts as the owner
// of `directory` from then on; for anybody else, or without such a directory, nothing changes.
//
// Threads: while there is one only.
Status act_as_owner_of(const std::string& directory);

}  // namespace kifa::cli
