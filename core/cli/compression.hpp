#pragma once

#include <cstdint>
#include <string_view>

namespace kifa::cli {

// How the file of an export is compressed.
enum class Compression : std::uint8_t { none, gzip, zstd };
[[nodiscard]] std::string_view to_string(Compression compression);

}  // namespace kifa::cli
