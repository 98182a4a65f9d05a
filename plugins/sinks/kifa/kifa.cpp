// Sink `kifa`: the durable store. The one bundled plugin that links more than the SDK.
//
// A batch is settled with its first LSN once it survives power loss, in every flush mode, and its
// checkpoints with it. Sinks that name one directory share one open store, whatever name they call
// it by, and must agree on its options.
//
// Exits of a start that fails: LOCKED when another process has the store, UNSUPPORTED when a newer
// kifa wrote it, CORRUPT when it is damaged and on_corruption is `refuse`, IO when the directory is
// not one or may not be used.

#include <kifa/sdk.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>

#include "core/base/size_text.hpp"
#include "core/store/store.hpp"
#include "core/store/store_options.hpp"
#include "plugins/sinks/kifa/batch_converter.hpp"
#include "plugins/sinks/kifa/store_pool.hpp"

namespace {

namespace sdk = kifa::sdk;
namespace store = kifa::store;
using kifa::exact_size;
using kifa::plugins::kifa_sink::BatchConverter;
using kifa::plugins::kifa_sink::process_stores;
using kifa::plugins::kifa_sink::StorePool;
using kifa::plugins::kifa_sink::StoreUser;
using kifa::plugins::kifa_sink::to_sdk;

class Kifa final : public sdk::Sink {
 public:
  using Sink::Sink;

  ~Kifa() override { ignore(give_back(), "destroyed without stop(): nobody is left to tell"); }

  sdk::Status configure(const sdk::Settings& settings) override {
    const std::int64_t segment_mib = settings.integer("segment_size_mib");
    if ((segment_mib & (segment_mib - 1)) != 0) {
      return sdk::Status::invalid("segment_size_mib " + std::to_string(segment_mib) +
                                  " is not a power of two; use 1, 2, 4, 8, 16, ...");
    }
    const kifa::Result<store::FlushMode> mode = store::flush_mode_from(settings.text("flush_mode"));
    if (!mode) {
      return to_sdk(mode.error());
    }
    options_.directory = settings.text("data_dir");
    options_.flush_mode = *mode;
    options_.segment_bytes = static_cast<std::uint64_t>(segment_mib) << 20U;
    options_.disk_budget_bytes = settings.size_bytes("disk_budget");
    options_.memtable_flush_bytes =
        static_cast<std::uint64_t>(settings.integer("memtable_flush_threshold_mib")) << 20U;
    options_.table_at_close = true;
    options_.compaction_enabled = settings.boolean("compaction_enabled");
    options_.compaction_threshold =
        static_cast<std::uint32_t>(settings.integer("compaction_threshold"));
    options_.log_backlog_bytes_max = settings.size_bytes("wal_backlog_max");
    options_.spare_segments = static_cast<std::uint32_t>(settings.integer("spare_segments"));
    options_.retention_age = std::chrono::nanoseconds(settings.duration_ns("retention_age"));
    options_.retention_bytes = settings.size_bytes("retention_bytes");
    options_.retention_records = static_cast<std::uint64_t>(settings.integer("retention_records"));
    options_.trust_clock = settings.boolean("trust_clock");
    options_.refuse_corruption = settings.text("on_corruption") == "refuse";
    options_.allow_network = settings.boolean("allow_network_fs");
    options_.sync_records = static_cast<std::uint32_t>(settings.integer("sync_records"));
    options_.sync_bytes = settings.size_bytes("sync_bytes");
    options_.sync_interval = std::chrono::ceil<std::chrono::milliseconds>(
        std::chrono::nanoseconds(settings.duration_ns("sync_interval")));
    options_.commit_delay = std::chrono::ceil<std::chrono::microseconds>(
        std::chrono::nanoseconds(settings.duration_ns("commit_delay")));
    options_.record_bytes_max = store::record_bytes_limit(options_);
    // The log may be as large as the threshold that is asked for.
    const std::uint64_t segment_bytes = store::effective_segment_bytes(options_);
    options_.flush_segments =
        std::max(options_.flush_segments,
                 static_cast<std::uint32_t>((options_.memtable_flush_bytes + segment_bytes - 1) /
                                            segment_bytes));
    for (const auto check : {store::check_options, store::check_effect}) {
      if (const kifa::Status possible = check(options_); !possible) {
        return to_sdk(possible);
      }
    }
    return check_record_limit(segment_mib);
  }

  sdk::Status start() override {
    kifa::Result<StorePool::Lease> lease = process_stores().acquire(host(), options_);
    if (!lease) {
      return to_sdk(lease.error());
    }
    lease_ = *lease;
    return {};
  }

  sdk::Status write(sdk::Batches batches, std::uint32_t& taken) override {
    if (lease_.store == nullptr) {
      return sdk::Status::internal("write() before start()");
    }
    StoreUser* const user = lease_.user;
    for (const sdk::BatchView batch : batches) {
      const std::uint64_t ticket = batch.ticket();
      const kifa::Status accepted = lease_.store->store().append(
          converter_.convert(batch, host().now_unix_ns()),
          [user, ticket](const store::Receipt& receipt) { user->settle(ticket, receipt); });
      if (!accepted.is_ok()) {
        return to_sdk(accepted);
      }
      ++taken;
    }
    return {};
  }

  sdk::Status flush(std::int64_t deadline_mono_ns) override {
    return lease_.store == nullptr
               ? sdk::Status()
               : to_sdk(lease_.store->store().flush(time_until(deadline_mono_ns)));
  }

  sdk::Status load_checkpoints(std::string_view origin, sdk::CheckpointOut out) override {
    if (lease_.store == nullptr) {
      return sdk::Status::internal("load_checkpoints() before start()");
    }
    for (const store::Checkpoint& checkpoint : lease_.store->store().checkpoints(origin)) {
      const kifa_status status = out.entry({.key = checkpoint.key,
                                            .position = checkpoint.position,
                                            .state = sdk::bytes_of(checkpoint.state)});
      if (status != KIFA_OK) {
        return status;
      }
    }
    return {};
  }

  sdk::Status shift_mode(std::int32_t step, std::uint64_t request) override {
    return lease_.store == nullptr ? sdk::Status()
                                   : to_sdk(lease_.store->shift_mode(step, request));
  }

  sdk::Status stop(std::int64_t deadline_mono_ns) override {
    if (lease_.store == nullptr) {
      return {};
    }
    const kifa::Status flushed = lease_.store->store().flush(time_until(deadline_mono_ns));
    const kifa::Status closed = give_back();
    return to_sdk(flushed.is_ok() ? closed : flushed);
  }

 private:
  // A record that the framings let through has to fit: finding out at the first long one would stop
  // the pipeline.
  [[nodiscard]] sdk::Status check_record_limit(std::int64_t segment_mib) const {
    const std::uint64_t kept = options_.record_bytes_max;
    const std::uint64_t framed = host().record_bytes_max();
    if (framed <= kept) {
      return {};
    }
    std::string why = "segment_size_mib " + std::to_string(segment_mib);
    if (options_.disk_budget_bytes != 0) {
      why += " with disk_budget " + exact_size(options_.disk_budget_bytes);
    }
    const std::string most = exact_size(kept);
    return sdk::Status::invalid(why + " allows records of at most " + most +
                                ", but the framings of this pipeline let through " +
                                exact_size(framed) + ": write `record_bytes_max: " + most +
                                "` in each `framing:`, or make the store larger");
  }

  kifa::Status give_back() {
    if (lease_.store == nullptr) {
      return {};
    }
    const StorePool::Lease lease = lease_;
    lease_ = {};
    return process_stores().release(lease);
  }

  [[nodiscard]] std::chrono::nanoseconds time_until(std::int64_t deadline_mono_ns) const {
    return std::chrono::nanoseconds(
        std::max<std::int64_t>(0, deadline_mono_ns - host().now_mono_ns()));
  }

  store::StoreOptions options_;
  StorePool::Lease lease_;  // from start() to stop()
  BatchConverter converter_;
};

constexpr auto kOptions = sdk::options(
    sdk::option::path("data_dir", "The store's directory; made if it is not there.").required(),
    sdk::option::choice(
        "flush_mode",
        "When records reach the disk: gathered for a moment, with each commit, or with each commit "
        "while background work rests.",
        "normal|cautious|emergency")
        .by_default("cautious"),
    sdk::option::integer("segment_size_mib", "Size of one log file; a power of two.")
        .unit("MiB")
        .by_default("16")
        .range(1, 1024),
    sdk::option::size("disk_budget", "All files of the store together; 0: as much as the disk has.")
        .by_default("0"),
    sdk::option::integer("memtable_flush_threshold_mib",
                         "Records move from the log into a table when this much has come.")
        .unit("MiB")
        .by_default("4")
        .range(1, 1024),
    sdk::option::boolean("compaction_enabled",
                         "Joins small tables into larger ones that are compressed better.")
        .by_default("true"),
    sdk::option::integer("compaction_threshold", "So many neighbouring tables are joined.")
        .unit("tables")
        .by_default("4")
        .range(2, 64),
    sdk::option::size("wal_backlog_max",
                      "Input waits when the log that is not in tables has grown to this; 0: 1 GiB, "
                      "at most half of disk_budget.")
        .by_default("0"),
    sdk::option::integer("spare_segments",
                         "So many log files are kept for the next burst instead of being removed; "
                         "a burst into them is about half as fast again as into new ones.")
        .unit("files")
        .by_default("8")
        .range(1, 1024),
    sdk::option::duration("retention_age",
                          "Tables whose records are all older are removed; 0: none is.")
        .by_default("0s"),
    sdk::option::size("retention_bytes",
                      "The oldest tables are removed when all together are larger; 0: none is.")
        .by_default("0"),
    sdk::option::integer("retention_records",
                         "The oldest tables are removed when all of their records are older than "
                         "the last so many; 0: none is.")
        .unit("records")
        .by_default("0")
        .range(0, 1e15),
    sdk::option::boolean(
        "trust_clock",
        "Age counts although no time server confirms the clock: it is set by hand, "
        "or a clock chip is known to be right.")
        .by_default("false"),
    sdk::option::choice("on_corruption",
                        "Damaged records become a gap and the store works on, or it does not open.",
                        "continue|refuse")
        .by_default("continue"),
    sdk::option::integer("sync_records", "Flush mode normal: the most records between two syncs.")
        .unit("records")
        .by_default("50")
        .range(1, 1'000'000),
    sdk::option::size("sync_bytes", "Flush mode normal: the most bytes between two syncs.")
        .by_default("1MiB")
        .range(4096, 1 << 30),
    sdk::option::duration("sync_interval",
                          "Flush mode normal: the longest time between a record and its sync.")
        .by_default("200ms")
        .range(1e6, 60e9),
    sdk::option::duration("commit_delay",
                          "How long a commit waits for more records when nobody else writes.")
        .by_default("0s")
        .range(0, 1e9),
    sdk::option::boolean("allow_network_fs",
                         "Writes to a network file system although its syncs cannot be trusted.")
        .by_default("false"));

constexpr kifa_component kComponents[] = {sdk::sink<Kifa>(
    "kifa", "Keeps records so that they survive power loss.", kOptions, KIFA_SINK_CHECKPOINTS)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.sink.kifa", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
