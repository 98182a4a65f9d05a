#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/pipeline/acks.hpp"
#include "core/pipeline/batch.hpp"
#include "core/pipeline/filter.hpp"
#include "core/pipeline/log.hpp"
#include "core/pipeline/sink_writer.hpp"
#include "core/pipeline/stream_framer.hpp"
#include "core/pipeline/waker.hpp"
#include "core/plugin/instance.hpp"

namespace kifa::pipeline {

// What the host's options of one source say.
struct SourceOptions {
  BatchLimits batch;
  std::uint64_t intake_bytes_max = 4'194'304;
  std::int64_t linger_ns = 5'000'000;
  std::int64_t retry_min_ns = 1'000'000'000;
  std::int64_t retry_max_ns = 60'000'000'000;
  FramerOptions framer;
  AckOptions ack;
  std::int64_t idle_timeout_ns = 0;               // 0: off
  bool idle_timeout_explicit = false;             // written by the user: also for RESUMABLE streams
  std::int64_t stop_timeout_ns = 10'000'000'000;  // for stops that nobody asked for
};

// Counts of one source, for logs, the summary and `top`. Written by the source's thread only;
// `relaxed` is enough, as nothing else is derived from them.
struct SourceCounters {
  using Counter = std::atomic<std::uint64_t>;
  Counter bytes_in{0};         // handed over by the source
  Counter records_emitted{0};  // put into batches
  Counter records_acknowledged{0};
  Counter records_filtered{0};
  Counter records_failed{0};  // refused by the sink
  Counter records_truncated{0};
  Counter records_rejected{0};  // oversize
  Counter records_partial{0};
  Counter bytes_dropped{0};  // of truncated and rejected records
  Counter bytes_skipped{0};  // that belong to no record, delimiters not counted
  Counter gaps{0};
  Counter replies_failed{0};
  Counter restarts{0};

  static void add(Counter& counter, std::uint64_t more) {
    counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t unsettled() const;
};

// What the parts of one source's runtime share. All of it outlives them; `source` and `framing` are
// called on the source's thread only.
struct SourceParts {
  std::string pipeline;
  std::string name;
  std::string origin;  // "pipeline/name"
  SourceOptions options;
  plugin::Instance* source = nullptr;
  plugin::Instance* framing = nullptr;   // null: the source emits whole records
  const RecordFilter* filter = nullptr;  // null: none
  SinkWriter* sink = nullptr;            // the required one
  std::vector<SinkWriter*> copies;       // best-effort
  const Clock* clock = nullptr;
  std::shared_ptr<Waker> waker;
  SourceCounters* counters = nullptr;
  const Logger* log = nullptr;
  std::function<void()> tried;  // called once: it has been started, or that failed
};

}  // namespace kifa::pipeline
