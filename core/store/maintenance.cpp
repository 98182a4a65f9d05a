#include "core/store/maintenance.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "core/store/checkpoints_file.hpp"
#include "core/store/cursors.hpp"
#include "core/store/log_scan_path.hpp"
#include "core/store/mutants.hpp"

namespace kifa::store {

namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
// So much waiting is compressed well at once: a second pass would only cost writes.
constexpr std::uint64_t kDirectBytes = 64_MiB;
constexpr std::uint64_t kParallelBytes = 16_MiB;  // for less, threads of their own do not pay
constexpr std::int64_t kSettleAfterNs = kSecondNs;
constexpr std::int64_t kBurstPollNs = kSecondNs / 10;
constexpr std::int64_t kRetryFirstNs = kSecondNs;
constexpr std::int64_t kRetryLastNs = 60 * kSecondNs;
constexpr std::int64_t kRetentionEveryNs = 60 * kSecondNs;
// With the waits between them 7 s: enough for a link that comes up again.
constexpr std::uint32_t kRefusedFlushesMax = 3;
constexpr std::chrono::seconds kFlushTimeout{10};
// After a burst there may be more in the log than can be made into tables while somebody waits for
// the end; it is as safe there, and goes on at the next open.
constexpr std::int64_t kCloseNs = 5 * kSecondNs;
// Less is left in the log when the store closes: a table for every short run would be too many.
constexpr std::uint64_t kCloseFlushPart = 4;  // of memtable_flush_bytes
// But once a day it may be one: a shop that closes gets the anchor of its day.
constexpr std::int64_t kCloseFlushEveryNs = std::int64_t{12} * 3600 * kSecondNs;

std::uint64_t flush_segments_of(const StoreOptions& options) {
  if (options.disk_budget_bytes == 0) {
    return options.flush_segments;
  }
  return std::clamp<std::uint64_t>(options.disk_budget_bytes / 4 / options.segment_bytes, 1,
                                   options.flush_segments);
}

CompactionPolicy compaction_policy_of(const StoreOptions& options) {
  CompactionPolicy policy{.threshold = options.compaction_threshold};
  if (options.disk_budget_bytes != 0) {
    policy.table_bytes_max = std::min(policy.table_bytes_max, options.disk_budget_bytes / 16);
  }
  if (options.retention_age.count() != 0) {
    // What is removed as a whole must not live much longer than its oldest record.
    constexpr std::int64_t kDayNs = 86'400 * kSecondNs;
    policy.span_ns_max = std::max(kDayNs, std::int64_t{options.retention_age.count()} / 16);
  }
  return policy;
}

bool has_retention(const StoreOptions& options) {
  return options.retention_age.count() != 0 || options.retention_bytes != 0 ||
         options.retention_records != 0;
}

// Retention takes whole tables: in a small store they have to be small.
std::uint64_t table_payload_max_of(const StoreOptions& options) {
  std::uint64_t bytes = kDirectBytes;
  for (const std::uint64_t kept : {options.disk_budget_bytes, options.retention_bytes}) {
    bytes = kept == 0 ? bytes : std::min(bytes, kept / 8);
  }
  return std::max<std::uint64_t>(bytes, 1_MiB);
}

std::string table_path(const std::string& directory, std::uint64_t number) {
  return fmt::format("{}/{}", directory, table_file_name(number));
}

}  // namespace

Maintenance::Maintenance(Parts parts, CheckpointMap flushed_checkpoints)
    : parts_(std::move(parts)),
      files_(parts_.environment.files),
      clock_(parts_.environment.clock),
      directory_(parts_.options.directory),
      flush_segments_(flush_segments_of(parts_.options)),
      compaction_(compaction_policy_of(parts_.options)),
      table_payload_max_(table_payload_max_of(parts_.options)),
      first_clock_(parts_.first_clock),
      checkpoints_(std::move(flushed_checkpoints)),
      known_damages_(parts_.known_damages),
      flushed_(parts_.keeper.current()->flushed.mark) {
  // Its clock may go wrong before the first edit.
  if (auto opened = next_trusted_clock(first_clock_, clock_facts(), false)) {
    first_clock_ = std::move(*opened);
  }
}

void Maintenance::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  ::pthread_setname_np(thread_.native_handle(), "kifa-tables");
}

void Maintenance::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    changed_.notify_all();
    thread_.join();
  }
}

void Maintenance::on_durable(const LogMark& mark) {
  const MutexLock lock(mutex_);
  const bool much = mark.totals.payload_bytes - flushed_.totals.payload_bytes >=
                        parts_.options.memtable_flush_bytes ||
                    mark.at.segment >= flushed_.at.segment + flush_segments_;
  if (much && !poked_) {
    poked_ = true;
    changed_.notify_all();
  }
}

void Maintenance::on_change() {
  const MutexLock lock(mutex_);
  poked_ = true;
  changed_.notify_all();
}

// ---- choosing what to do ----

bool Maintenance::do_some_work() {
  if (parts_.keeper.has_failed()) {
    // No table will be made any more: before the log is full of what nobody can move, say so.
    parts_.writer.stop_taking(
        {Code::io, fmt::format("{} cannot change its manifest any more; open the store again, "
                               "and look at its disk",
                               directory_)});
    return false;
  }
  if (clock_.now_mono_ns() < retry_at_ns_ || parts_.pool.has_burst()) {
    return false;
  }
  const std::shared_ptr<const Manifest> manifest = parts_.keeper.current();
  const LogMark mark = parts_.writer.durable_mark();
  if (flush_due(*manifest, mark)) {
    return settled("flushing the log", flush(*manifest, mark));
  }
  if (const auto answer = purge_due(*manifest)) {
    const Status purged = purge(*manifest, *answer);
    if (!purged) {
      retention_at_ns_ = 0;  // as soon as anything is tried again
    }
    return settled("retention", purged);
  }
  if (const auto plan = next_compaction(*manifest)) {
    return settled("compaction", compact(*manifest, *plan));
  }
  if (settle_due()) {
    return settled("letting go of old files", parts_.keeper.commit(SettleEdit{}, facts(0, 0)));
  }
  return false;
}

// A step has ended. After a failure there is nothing to do for a while.
bool Maintenance::settled(const char* what, const Status& status) {
  last_edit_ns_ = clock_.now_mono_ns();
  if (status) {
    retry_after_ns_ = 0;
    told_.clear();
    parts_.writer.set_manifest_version(parts_.keeper.current()->version);
    return true;
  }
  retry_after_ns_ = std::clamp(retry_after_ns_ * 2, kRetryFirstNs, kRetryLastNs);
  retry_at_ns_ = last_edit_ns_ + retry_after_ns_;
  const std::string text =
      fmt::format("{} of {} is put off: {}", what, directory_, status.message());
  if (text != told_) {
    told_ = text;
    const bool is_space = status.code() == Code::no_space;
    parts_.environment.report(is_space ? Severity::warning : Severity::error, text);
  }
  return false;
}

bool Maintenance::flush_due(const Manifest& manifest, const LogMark& mark) const {
  const LogMark& from = manifest.flushed.mark;
  if (mark.at <= from.at) {
    return false;
  }
  const std::size_t segments = parts_.index.between(from.at, mark.at).size();
  // Out of space, whole segments can be had back; and when the newest records are in a table, older
  // ones may go.
  const bool has_no_space = parts_.pool.failure().code() == Code::no_space;
  const bool is_short = !parts_.pool.has_backlog_room() || has_no_space;
  return mark.totals.payload_bytes - from.totals.payload_bytes >=
             parts_.options.memtable_flush_bytes ||
         segments >= flush_segments_ || (is_short && segments > 1) ||
         (has_no_space && has_retention(parts_.options));
}

// Short runs stay in the log, but not for ever: only what is in a table has an anchor.
bool Maintenance::close_flush_due(const Manifest& manifest, const LogMark& mark) const {
  const LogMark& from = manifest.flushed.mark;
  const std::uint64_t waiting = mark.totals.payload_bytes - from.totals.payload_bytes;
  if (waiting >= parts_.options.memtable_flush_bytes / kCloseFlushPart) {
    return true;
  }
  if (!parts_.options.table_at_close || mark.next_lsn == from.next_lsn) {
    return false;
  }
  if (manifest.tables.empty()) {
    return true;
  }
  std::int64_t due = 0;  // by the clock of the records: one that has jumped ends this at worst
  return !__builtin_add_overflow(manifest.tables.back().max_unix_ns, kCloseFlushEveryNs, &due) &&
         mark.totals.max_unix_ns >= due;
}

bool Maintenance::settle_due() const {
  return parts_.keeper.has_superseded() &&
         (clock_.now_mono_ns() >= last_edit_ns_ + kSettleAfterNs ||
          !parts_.pool.has_backlog_room() || parts_.pool.failure().code() == Code::no_space);
}

std::optional<CompactionPlan> Maintenance::next_compaction(const Manifest& manifest) const {
  if (!parts_.options.compaction_enabled || parts_.writer.flush_mode() == FlushMode::emergency) {
    return std::nullopt;
  }
  auto plan = plan_compaction(manifest, compaction_);
  if (plan) {
    plan->in_parallel = parts_.environment.background_threads;
  }
  const auto is_unreadable = [this](std::uint64_t number) {
    return unreadable_tables_.contains(number);
  };
  return plan && std::ranges::any_of(plan->inputs, is_unreadable) ? std::nullopt : plan;
}

// ---- the steps ----

EditFacts Maintenance::facts(std::uint64_t table_bytes, std::uint64_t other_bytes) {
  const std::uint64_t log_bytes = parts_.writer.counters().written_bytes;
  EditFacts facts;
  facts.written_more = {.log = log_bytes - std::exchange(log_bytes_told_, log_bytes),
                        .tables = table_bytes,
                        .manifests = other_bytes};
  facts.clock = next_clock();
  facts.highest_event = parts_.writer.durable_mark().next_event - 1;
  return facts;
}

Status Maintenance::flush(const Manifest& manifest, const LogMark& mark) {
  const std::uint64_t waiting =
      mark.totals.payload_bytes - manifest.flushed.mark.totals.payload_bytes;
  FlushPlan plan{.from = manifest.flushed,
                 .to = mark,
                 .store_id = manifest.store_id,
                 .previous_anchor = manifest.last_anchor,
                 .table_number = parts_.keeper.take_number(),
                 .payload_bytes_max = table_payload_max_,
                 .gives_up_refused = refused_flushes_ >= kRefusedFlushesMax};
  plan.in_parallel = parts_.environment.background_threads && waiting >= kParallelBytes;
  if (waiting >= kDirectBytes) {
    plan.level = 1;
    plan.codec = TableCodec::zstd;
  }
  plan.table_path = table_path(directory_, plan.table_number);
  CheckpointMap checkpoints = checkpoints_;
  std::uint64_t checkpoints_number = 0;
  const auto drop_numbers = [&] {
    parts_.keeper.drop_number(plan.table_number);
    parts_.keeper.drop_number(checkpoints_number);
  };
  auto outcome = Flusher(files_, directory_, parts_.index).run(plan, checkpoints);
  if (!outcome) {
    refused_flushes_ += outcome.error().code() == Code::unavailable ? 1 : 0;
    drop_numbers();
    return outcome.error();
  }
  const std::uint64_t table_bytes =
      outcome->edit.tables.empty() ? 0 : outcome->edit.tables.front().bytes;
  Status status = tell_damages(outcome->damages);
  if (status && outcome->checkpoints_changed) {
    checkpoints_number = parts_.keeper.take_number();
    const auto written =
        write_checkpoints(files_, directory_, manifest.store_id, checkpoints_number, checkpoints);
    status = written.status();
    if (written) {
      outcome->edit.checkpoints = *written;
    }
  }
  const std::uint64_t side_bytes = outcome->edit.checkpoints ? outcome->edit.checkpoints->bytes : 0;
  if (status && !mutant_is(Mutant::no_table_directory_sync)) {
    status = files_.sync_directory(directory_);
  }
  if (status) {
    status = parts_.keeper.commit(outcome->edit, facts(table_bytes, side_bytes));
  }
  if (status) {
    parts_.pool.add_bytes(static_cast<std::int64_t>(table_bytes + side_bytes));
  }
  drop_numbers();
  if (!status) {
    if (!parts_.keeper.has_failed() && !outcome->edit.tables.empty()) {
      ignore(files_.remove(plan.table_path), "the manifest does not know it");
    }
    return status;
  }
  checkpoints_ = std::move(checkpoints);
  refused_flushes_ = 0;
  const MutexLock lock(mutex_);
  flushed_ = outcome->edit.flushed.mark;
  return {};
}

// What the log has lost since it was written; at the open it was still there. Whoever misses the
// records finds out why: the events are durable before a manifest does without the log.
Status Maintenance::tell_damages(const std::vector<Damage>& damages) {
  for (const Damage& damage : damages) {
    for (const Damage& part : parts_not_in(known_damages_, damage)) {
      known_damages_.push_back(part);
      Event event = gap_event_of(part, directory_);
      parts_.environment.report(Severity::error,
                                event.text + put_aside(files_, directory_, part.segment));
      event.observed_unix_ns = clock_.now_unix_ns();
      parts_.writer.add_event(std::move(event));
    }
  }
  return damages.empty() ? Status() : make_events_durable();
}

// Where the log has no space the events come behind what is about to make some.
Status Maintenance::make_events_durable() {
  if (!parts_.pool.has_backlog_room()) {
    return {};
  }
  const Status durable = parts_.writer.flush(kFlushTimeout);
  return durable.code() == Code::no_space ? Status() : durable;
}

Status Maintenance::compact(const Manifest& manifest, const CompactionPlan& plan) {
  const std::uint64_t number = parts_.keeper.take_number();
  auto output = run_compaction(files_, directory_, manifest, plan, number);
  Status status = output.status();
  if (status && !mutant_is(Mutant::no_table_directory_sync)) {
    status = files_.sync_directory(directory_);
  }
  if (status) {
    status = parts_.keeper.commit(ReplaceEdit{.inputs = plan.inputs, .output = *output},
                                  facts(output->bytes, 0));
  }
  if (status) {
    parts_.pool.add_bytes(static_cast<std::int64_t>(output->bytes));
  }
  parts_.keeper.drop_number(number);
  if (!status && output && !parts_.keeper.has_failed()) {
    ignore(files_.remove(table_path(directory_, number)), "the manifest does not know it");
  }
  if (status.code() == Code::corrupt) {
    // Its records that can be read can still be read; joining it would lose the place of the fault.
    unreadable_tables_.insert(plan.inputs.begin(), plan.inputs.end());
  }
  return status;
}

std::optional<TrustedClock> Maintenance::next_clock() const {
  const TrustedClock known = parts_.keeper.current()->clock;
  const bool is_first = known.boot_id.empty();
  auto next = next_trusted_clock(is_first ? first_clock_ : known, clock_facts(),
                                 parts_.options.trust_clock);
  return !next && is_first ? std::optional(first_clock_) : next;
}

ClockFacts Maintenance::clock_facts() const {
  return {.unix_ns = clock_.now_unix_ns(),
          .boot_ns = clock_.now_boot_ns(),
          .boot_id = clock_.boot_id(),
          .is_synchronised = clock_.is_synchronised()};
}

// What retention may take now; nullopt: nothing.
std::optional<RetentionAnswer> Maintenance::purge_due(const Manifest& manifest) {
  const StoreOptions& options = parts_.options;
  const std::int64_t now = clock_.now_mono_ns();
  if (!has_retention(options) || manifest.tables.empty() ||
      (now < retention_at_ns_ && manifest.version == retention_version_)) {
    return std::nullopt;
  }
  retention_at_ns_ = now + kRetentionEveryNs;
  retention_version_ = manifest.version;
  const auto cursors = list_cursors(files_, directory_);
  if (!cursors) {
    settled("retention", cursors.error());
    return std::nullopt;
  }
  const ClockFacts facts = clock_facts();
  const bool plausible = is_plausible(manifest.clock, facts, options.trust_clock);
  const auto need = lowest_need(
      *cursors, plausible ? std::optional(facts.unix_ns) : std::optional<std::int64_t>());
  const std::uint64_t durable = parts_.writer.durable_lsn().value;
  Lsn purge_below;
  if (options.retention_records != 0 && durable > options.retention_records) {
    purge_below = {durable + 1 - options.retention_records};
  }
  RetentionAnswer answer =
      decide_retention({.manifest = manifest,
                        .policy = {.age_max = options.retention_age,
                                   .bytes_max = options.retention_bytes,
                                   .purge_below = purge_below,
                                   .trusts_clock = options.trust_clock},
                        .now = facts,
                        .lowest_held = need ? std::optional(need->lsn) : std::optional<Lsn>(),
                        .held_by = need ? need->who : std::string(),
                        .last_age_purge_boot_ns = last_age_purge_boot_ns_});
  if (!answer.paused.empty() && answer.paused != paused_told_) {
    parts_.environment.report(Severity::warning,
                              fmt::format("retention of {} waits: {}", directory_, answer.paused));
  }
  paused_told_ = answer.paused;
  return answer.tables == 0 ? std::nullopt : std::optional(answer);
}

// The event stands in the log before the tables go: whoever misses the records finds out why. Only
// where the log has no space, which the purge is about to make, it comes behind; what is purged the
// manifest says as well.
Status Maintenance::purge(const Manifest& manifest, const RetentionAnswer& answer) {
  PurgeEdit edit;
  for (std::size_t i = 0; i < answer.tables; ++i) {
    edit.tables.push_back(manifest.tables[i].number);
  }
  tell_purge(std::span(manifest.tables).first(answer.tables), answer.is_for_age);
  KIFA_TRY(make_events_durable());
  KIFA_TRY(parts_.keeper.commit(edit, facts(0, 0)));
  if (answer.is_for_age) {
    last_age_purge_boot_ns_ = clock_.now_boot_ns();
  }
  return {};
}

// What an attempt that failed has told of is not told again.
void Maintenance::tell_purge(std::span<const TableInfo> tables, bool is_for_age) {
  std::uint64_t records = 0;
  Lsn first;
  for (const TableInfo& table : tables) {
    if (table.first > purge_told_) {
      first = first.value == 0 ? table.first : first;
      records += table.records;
    }
  }
  if (first.value == 0) {
    return;
  }
  const Lsn last = tables.back().last;
  purge_told_ = last;
  Event event;
  event.kind = EventKind::purge;
  event.observed_unix_ns = clock_.now_unix_ns();
  event.first_lost = first;
  event.last_lost = last;
  event.records = records;
  event.text = fmt::format("retention removes LSN {} to {}, {}", first.value, last.value,
                           is_for_age ? "older than the age that is kept" : "more than is kept");
  if (!mutant_is(Mutant::purge_not_told)) {
    parts_.writer.add_event(std::move(event));
  }
}

// ---- the thread ----

std::int64_t Maintenance::next_wake_ns(bool is_waiting) {
  const std::int64_t now = clock_.now_mono_ns();
  if (now < retry_at_ns_) {
    return retry_at_ns_;
  }
  if (is_waiting) {
    return now + kBurstPollNs;
  }
  std::int64_t wake = parts_.keeper.has_superseded() ? last_edit_ns_ + kSettleAfterNs : kNever;
  // Records grow older, and holds end.
  if (has_retention(parts_.options) && !parts_.keeper.current()->tables.empty()) {
    wake = std::min(wake, std::max(retention_at_ns_, now + kSecondNs));
  }
  return wake;
}

void Maintenance::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      const MutexLock lock(mutex_);
      poked_ = false;
    }
    if (do_some_work()) {
      continue;
    }
    const bool is_waiting = parts_.pool.has_burst();  // then a frame is no reason to look
    const std::int64_t wake = next_wake_ns(is_waiting);
    const MutexLock lock(mutex_);
    const auto poked = [this, is_waiting]()
                           KIFA_NO_THREAD_SAFETY_ANALYSIS { return poked_ && !is_waiting; };
    if (wake == kNever) {
      changed_.wait(mutex_, stop, poked);
    } else {
      changed_.wait_for(
          mutex_, stop,
          std::chrono::nanoseconds(std::max<std::int64_t>(wake - clock_.now_mono_ns(), 0)), poked);
    }
  }
}

void Maintenance::finish() {
  retry_at_ns_ = 0;
  const std::int64_t deadline = clock_.now_mono_ns() + kCloseNs;
  do {
    const std::shared_ptr<const Manifest> manifest = parts_.keeper.current();
    const LogMark mark = parts_.writer.durable_mark();
    if (parts_.keeper.has_failed() || !close_flush_due(*manifest, mark) ||
        !settled("flushing the log", flush(*manifest, mark))) {
      break;
    }
  } while (clock_.now_mono_ns() < deadline);
  if (parts_.keeper.has_superseded()) {
    settled("letting go of old files", parts_.keeper.commit(SettleEdit{}, facts(0, 0)));
  }
}

}  // namespace kifa::store
