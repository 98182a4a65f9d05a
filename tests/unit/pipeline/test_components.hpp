#pragma once

#include <kifa/sdk.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/options.hpp"
#include "core/plugin/registry.hpp"

// Components for the tests of the pipeline runtime. Each does what its script says and writes down
// what it hears; the script is given to the component as the setting `script`.
namespace kifa::test {

// What a component was told, in order: "start", "ack 1 12 0", "reply 1 OK 1".
//
// Threads: any.
class Heard {
 public:
  void add(std::string what) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(what));
  }
  [[nodiscard]] std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }
  // Those that begin with `word`.
  [[nodiscard]] std::vector<std::string> of(std::string_view word) const;
  [[nodiscard]] std::size_t count(std::string_view word) const { return of(word).size(); }
  void clear() {
    const std::lock_guard lock(mutex_);
    all_.clear();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

struct SourceScript {
  using Poll = std::function<sdk::Status(sdk::Emitter)>;
  Heard heard;
  // What the next polls do; with none left: AGAIN, or END while draining.
  std::mutex mutex;
  std::deque<Poll> polls;
  Poll otherwise;  // instead of AGAIN
  std::function<sdk::Status()> start;
  std::vector<kifa_fd> fds;
  std::uint64_t last_room = 0;
  const kifa_host* host = nullptr;  // of the running instance

  void then(Poll poll) {
    const std::lock_guard lock(mutex);
    polls.push_back(std::move(poll));
  }
};

struct StoredRecord {
  std::uint64_t lsn = 0;
  std::string origin;
  std::string payload;
  std::uint32_t flags = 0;
  const kifa_attr* attrs = nullptr;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::uint64_t write = 0;  // in which write() it came, from 1
};
struct StoredGap {
  std::uint64_t after_lsn = 0;
  std::uint32_t reason = 0;
  std::uint64_t stream = 0, records = 0, bytes = 0;
  std::string detail;
};
struct StoredPosition {
  std::uint64_t position = 0;
  std::string state;
  bool operator==(const StoredPosition&) const = default;
};

// A sink that keeps everything in memory; what is settled counts as durable.
struct SinkScript {
  using Write = std::function<sdk::Status(sdk::Batches, std::uint32_t& taken)>;
  Heard heard;
  mutable std::mutex mutex;
  std::deque<Write> writes;  // what the next writes do; with none left: take all
  bool settles_at_once = true;
  bool stalled = false;  // AGAIN to every write
  std::function<sdk::Status()> start;
  std::function<sdk::Status()> flush;
  const kifa_host* host = nullptr;

  std::vector<StoredRecord> records;
  std::vector<StoredGap> gaps;
  std::map<std::string, StoredPosition> checkpoints;  // "origin key"
  std::vector<std::size_t> batch_sizes;
  std::string text;
  std::uint64_t next_lsn = 1;
  std::uint64_t write_calls = 0;
  std::deque<kifa_receipt> unsettled;  // when it does not settle at once

  void then(Write write) {
    const std::lock_guard lock(mutex);
    writes.push_back(std::move(write));
  }
  // Takes one batch in and gives its receipt.
  kifa_receipt keep(sdk::BatchView batch);
  // Settles the first `count` of what is unsettled.
  void settle(std::size_t count, kifa_status status = KIFA_OK);
  void settle_all(kifa_status status = KIFA_OK);
  [[nodiscard]] std::vector<std::string> payloads() const;
  [[nodiscard]] std::size_t record_count() const;
};

// Lines, with answers: at arrival, when durable, and a record from what is left after a silence.
struct FramingScript {
  Heard heard;
  std::string reply_at_arrival;     // empty: none
  bool reply_when_durable = false;  // "OK <lsn>\n" or "ERR <status>\n"
  std::int64_t silence_ns = 0;      // 0: no timer
  std::uint64_t feeds = 0;
  std::uint64_t bytes_shown = 0;  // fresh bytes
  std::string fails_at;           // a line that it fails at
};

[[nodiscard]] plugin::Component source_component(bool whole_records = false);
[[nodiscard]] plugin::Component live_source_component();
[[nodiscard]] plugin::Component sink_component(bool text = false);
// `answers`: with durable().
[[nodiscard]] plugin::Component framing_component(bool answers = false);
[[nodiscard]] plugin::Component formatter_component();

// The setting `script`.
[[nodiscard]] config::Setting script_setting(const void* script);

}  // namespace kifa::test
