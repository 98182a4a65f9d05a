#pragma once

#include <vector>

#include "tests/crash/workload.hpp"

namespace kifa::crash {

// The workloads whose crashes are tried, by name.
[[nodiscard]] const std::vector<Profile>& profiles();
[[nodiscard]] const Profile& profile(std::string_view name);

}  // namespace kifa::crash
