#pragma once

#include <string>

#include "core/store/records.hpp"

// Events of a store among the records of `kifa query --events`.
namespace kifa::cli {

// One line that no record can imitate, because records begin with '[':
// "-- event 3 after [17]: gap, 2026-01-31 18:30:00.123 UTC, 2 records lost: the sentence".
// What reading has found itself is no event of the store: "-- found after [17]: gap, ...".
[[nodiscard]] std::string event_line(const store::Event& event);

// One object a line; has "event" where records have "lsn". Without "number" it was found by
// reading, without "timestamp" no time is known. A purge has "removed_" where a gap has "lost_".
[[nodiscard]] std::string event_json(const store::Event& event);

}  // namespace kifa::cli
