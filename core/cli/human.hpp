#pragma once

#include <cstdint>
#include <string>

// Numbers and times as people read them; independent of locale and time zone.
namespace kifa::cli {

[[nodiscard]] std::string with_separators(std::uint64_t number);  // 1,000,000
[[nodiscard]] std::string bytes_for_people(std::uint64_t bytes);  // 190.7 MiB
[[nodiscard]] std::string iso_text(std::int64_t unix_ns);         // 2026-01-31T18:30:00.123456789Z
[[nodiscard]] std::string utc_text(std::int64_t unix_ns);         // 2026-01-31 18:30:00.123 UTC

// "1 record", "2 records", "1,000 records"
[[nodiscard]] std::string counted(std::uint64_t number, const char* singular);

}  // namespace kifa::cli
