#pragma once

#include <string>

namespace kifa::cli {

// "0.1.0"
[[nodiscard]] std::string version();
// The day of the configuration of the build: "2026-01-31".
[[nodiscard]] std::string manual_date();
// What --version prints: the version, and how this kifa was built, a fact a line.
[[nodiscard]] std::string version_text();

}  // namespace kifa::cli
