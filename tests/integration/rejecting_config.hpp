#pragma once

#include <string>

#include "tests/integration/kifa_program.hpp"
#include "tests/support/temporary_directory.hpp"

namespace kifa::test {

// A configuration in `directory` that takes lines from stdin into the store `data` beside it, and
// rejects those of more than 64 bytes: each becomes an event.
inline std::string write_rejecting_config(const TemporaryDirectory& directory) {
  const std::string config = directory.file("reject.yaml");
  write_file(config,
             "version: 1\n"
             "store: { data_dir: data }\n"
             "pipelines:\n"
             "  till:\n"
             "    sources: { in: { type: stdin, framing: { type: newline, record_bytes_max: 64, "
             "oversize: reject } } }\n"
             "    sinks: { journal: { type: kifa } }\n");
  return config;
}

}  // namespace kifa::test
