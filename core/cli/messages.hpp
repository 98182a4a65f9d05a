#pragma once

#include <string_view>

namespace kifa::cli {

// Tells the person one sentence on stderr: "kifa: <sentence>". Messages go to stderr, data to
// stdout.
//
// Threads: any; a message is one write.
void complain(std::string_view sentence);

// The same without "kifa: " and as it stands: for texts of several lines that name a file
// themselves.
void complain_verbatim(std::string_view text);

}  // namespace kifa::cli
