#pragma once

#include <cstdint>
#include <string>

namespace kifa {

// A size as it would stand in a configuration: in the largest unit that it is a whole number of
// ("48MiB", "1KiB", "4097B"); nothing is "0".
[[nodiscard]] std::string exact_size(std::uint64_t bytes);

}  // namespace kifa
