#pragma once

#include <cstdint>

#include "core/base/types.hpp"

namespace kifa {

// CRC-32C (Castagnoli, RFC 3720) of `bytes`, continuing from `crc` (0 to begin). Uses the SSE4.2
// instruction where the processor has it, a table elsewhere; the results are equal.
//
// Threads: any.
[[nodiscard]] std::uint32_t crc32c(std::uint32_t crc, ByteView bytes);

namespace detail {
[[nodiscard]] std::uint32_t crc32c_table(std::uint32_t crc,
                                         ByteView bytes);  // the portable way, for its test
}  // namespace detail

}  // namespace kifa
