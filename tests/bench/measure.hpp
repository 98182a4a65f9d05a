#pragma once

#include <cstdint>
#include <string>

#include "core/base/status.hpp"
#include "tests/bench/statistics.hpp"

namespace kifa::bench {

// Where things are and how much is measured.
struct Setup {
  std::string directory;         // on the disk in question; made and emptied by the benchmark
  std::string kifa_path;         // the kifa executable
  std::string plugin_directory;  // folder with bench_till.kifa.so
  std::uint64_t bulk_bytes = 1ULL << 30U;
  std::uint32_t single_count = 2000;
  std::uint32_t record_bytes = 200;
};

struct BulkRate {
  double payload_bytes_per_second = 0;
  double records_per_second = 0;
};

// A whole `kifa daemon --stdin` in flush mode cautious, fed with lines through a pipe: from the
// first line after the daemon has stored one (start-up is over) to the moment when the last line
// is durable.
Result<BulkRate> measure_bulk_ingest(const Setup& setup);

// Store::append_durable of one record, flush mode cautious.
Result<Latency> measure_append_durable(const Setup& setup);

// From a source's read of one record to its acknowledgement, in a whole `kifa run` with framing
// newline and the kifa sink in flush mode cautious.
Result<Latency> measure_read_to_acknowledgement(const Setup& setup);

}  // namespace kifa::bench
