#pragma once

#include <string_view>

#include "core/observability/log.hpp"

namespace kifa::cli {

// How messages stand on standard error from now on: as they are, one log line for each of their
// lines with the journal's priority, or as JSON. Until it is called: as they are.
//
// Threads: before others are started.
void set_message_format(observability::LogFormat format);

// Tells a person what went wrong: "kifa: <sentence>" on standard error.
//
// Threads: any.
// Errors:  none: when standard error does not take it there is nobody left to tell.
void complain(std::string_view sentence);

// The same for text that says itself what it is about: diagnostics, progress, warnings.
void complain_verbatim(std::string_view text);

// A message of kifa itself that is no complaint: what was done.
void tell(std::string_view sentence);

}  // namespace kifa::cli
