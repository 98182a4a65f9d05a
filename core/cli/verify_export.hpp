#pragma once

#include "core/cli/command_line.hpp"

namespace kifa::cli {

// `kifa verify --export FILE`: whether the file is, to the bit, what its manifest says was
// exported. Needs no store. Returns the exit code: 65 for a fault, which is a sentence on stdout.
//
// Memory: 1 MiB.
[[nodiscard]] int verify_export(const VerifyCommand& command);

}  // namespace kifa::cli
