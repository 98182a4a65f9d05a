#include "core/store/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "core/store/log_index.hpp"
#include "core/store/log_scan.hpp"
#include "core/store/log_scan_path.hpp"
#include "core/store/log_writer.hpp"
#include "core/store/maintenance.hpp"
#include "core/store/manifest_keeper.hpp"
#include "core/store/mutants.hpp"
#include "core/store/open_tables.hpp"
#include "core/store/opening_note.hpp"
#include "core/store/segment_pool.hpp"
#include "core/store/status_file.hpp"
#include "core/store/store_directory.hpp"
#include "core/store/store_options.hpp"

namespace kifa::store {

std::string_view to_string(FlushMode mode) {
  switch (mode) {
    case FlushMode::normal:
      return "normal";
    case FlushMode::cautious:
      return "cautious";
    case FlushMode::emergency:
      return "emergency";
  }
  return "unknown";
}

Result<FlushMode> flush_mode_from(std::string_view text) {
  for (const FlushMode mode : {FlushMode::normal, FlushMode::cautious, FlushMode::emergency}) {
    if (text == to_string(mode)) {
      return mode;
    }
  }
  return Status(Code::invalid,
                fmt::format("`{}` is no flush mode; use normal, cautious or emergency", text));
}

namespace {

constexpr std::chrono::seconds kCloseTimeout{30};
constexpr std::size_t kToldMax = 5;  // damages and foreign files that are named one by one

std::uint64_t system_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32U) | device();
}

class StoreImpl final : public Store {
 public:
  StoreImpl(StoreOptions options, StoreEnvironment environment)
      : options_(std::move(options)), environment_(std::move(environment)) {}
  ~StoreImpl() override {
    if (maintenance_) {
      maintenance_->stop();
    }
    if (writer_) {
      ignore(writer_->close(true), "a destructor has nobody to tell");
    }
    stop_pool();
  }

  Status start();

  Status append(const BatchView& batch, DurableCallback durable) override {
    const Status status = writer_->append(batch, std::move(durable));
    work_without_threads();
    return status;
  }
  Result<Lsn> append_durable(const BatchView& batch) override {
    auto lsn = writer_->append_durable(batch);
    work_without_threads();
    return lsn;
  }
  Status flush(std::chrono::nanoseconds timeout) override { return writer_->flush(timeout); }
  Status set_flush_mode(FlushMode mode) override {
    KIFA_TRY(writer_->set_flush_mode(mode));
    maintenance_->on_change();
    // The power may be about to fail: nothing that was taken is left waiting.
    return mode == FlushMode::emergency ? writer_->flush(kCloseTimeout) : Status();
  }
  [[nodiscard]] FlushMode flush_mode() const override { return writer_->flush_mode(); }
  [[nodiscard]] Lsn durable_lsn() const override { return writer_->durable_lsn(); }
  [[nodiscard]] StoreCounters counters() const override { return writer_->counters(); }
  [[nodiscard]] std::vector<Checkpoint> checkpoints(std::string_view origin) const override {
    return writer_->checkpoints(origin);
  }
  bool tick() override {
    const bool written = writer_->tick();
    const bool maintained = !environment_.background_threads && maintenance_->do_some_work();
    return written || maintained;
  }
  Status close() override;

 private:
  void stop_pool() {
    if (pool_) {
      pool_->stop();
    }
  }
  Status look_at_damage(const LogScan& scan);
  void tell_about(const LogScan& scan);
  Status make_pool(const LogScan& scan);
  Result<LogWriter::Start> start_from(const LogScan& scan);
  Result<std::vector<LogWriter::CarriedFrame>> read_uncovered(const LogScan& scan);
  [[nodiscard]] std::vector<LogSegment> segments_in_use(const LogScan& scan,
                                                        const LogMark& mark) const;
  void say_open(const LogScan& scan, StatusFile& status_file);
  void leave_note(const LogScan& scan, const std::vector<LogWriter::CarriedFrame>& carry,
                  const StoreId& store_id, StatusFile& status_file);
  void make_maintenance(const LogScan& scan);
  void recycle_dead(const LogScan& scan);
  void work_without_threads();
  void add_events(const LogScan& scan);

  StoreOptions options_;
  StoreEnvironment environment_;
  StoreDirectory directory_;
  std::unique_ptr<SegmentPool> pool_;
  std::unique_ptr<LogIndex> index_;
  std::unique_ptr<LogWriter> writer_;
  std::unique_ptr<ManifestKeeper> keeper_;
  std::unique_ptr<Maintenance> maintenance_;
};

// Where the log is continued: never in a segment of which no frame is kept, for its header may not
// have survived.
LogMark normalised(LogMark mark, const LogScan& scan) {
  const std::vector<LogSegment>& path = scan.path;
  const Position flushed = scan.flushed().mark.at;
  for (std::size_t i = path.size(); i-- > 0;) {
    const bool is_at_begin =
        path[i].header.number == mark.at.segment && path[i].begin == mark.at.offset;
    if (is_at_begin && mark.at != flushed) {  // what was flushed from a segment is kept of it
      mark.at = i == 0 ? flushed : Position{path[i - 1].header.number, path[i - 1].end};
    }
  }
  return mark;
}

Status StoreImpl::start() {
  KIFA_TRY(check_options(options_));
  options_.segment_bytes = effective_segment_bytes(options_);
  if (environment_.random_seed == 0) {
    environment_.random_seed = system_seed();
  }
  auto directory = StoreDirectory::open(options_.directory, options_.allow_network, environment_);
  if (!directory) {
    return directory.error();
  }
  directory_ = std::move(*directory);
  // A till has to go on: without any manifest the tables are kept aside, and their records are a
  // gap.
  auto scan = scan_log(environment_.files, {.directory = options_.directory,
                                            .needs_manifest = options_.refuse_corruption,
                                            .in_parallel = environment_.background_threads});
  if (!scan) {
    return scan.error();
  }
  KIFA_TRY(look_at_damage(*scan));
  KIFA_TRY(settle_tables(options_, environment_, *scan));
  tell_about(*scan);
  const LogMark continued = normalised(scan->covered(), *scan);
  index_ = std::make_unique<LogIndex>(segments_in_use(*scan, continued));
  KIFA_TRY(make_pool(*scan));
  auto status_file = StatusFile::open(environment_.files, options_.directory);
  if (!status_file) {
    return status_file.error();
  }
  say_open(*scan, *status_file);
  auto from = start_from(*scan);
  if (!from) {
    return from.error();
  }
  auto carry = read_uncovered(*scan);
  if (!carry) {
    return carry.error();
  }
  const StoreId store_id = from->store_id;
  leave_note(*scan, *carry, store_id, *status_file);
  writer_ = std::make_unique<LogWriter>(options_, environment_, *pool_, *index_,
                                        std::move(*status_file), std::move(*from));
  keeper_ = std::make_unique<ManifestKeeper>(environment_.files, options_.directory, scan->manifest,
                                             store_id, *pool_, *index_);
  make_maintenance(*scan);
  writer_->start(std::move(*carry));
  add_events(*scan);
  if (environment_.background_threads) {
    pool_->start([this] {
      writer_->on_spare();
      maintenance_->on_change();
    });
    maintenance_->start();
  }
  return {};
}

// While STATUS says that the store is stopped, nobody looks behind the end that it names: that has
// to be over before anything is written there.
void StoreImpl::say_open(const LogScan& scan, StatusFile& status_file) {
  if (!scan.status || scan.status->state != StatusState::stopped) {
    return;
  }
  StatusSlot opening = *scan.status;
  opening.state = StatusState::opening;
  if (const Status said = status_file.write_durably(opening); !said) {
    environment_.report(Severity::warning,
                        fmt::format("{}/{} could not be written: {}; if the power fails before it "
                                    "can, damage at the end of the log may go unnoticed",
                                    options_.directory, kStatusFileName, said.message()));
  }
}

// For whoever asks later what happened. The store works as well without it.
void StoreImpl::leave_note(const LogScan& scan, const std::vector<LogWriter::CarriedFrame>& carry,
                           const StoreId& store_id, StatusFile& status_file) {
  OpeningFacts facts{.store_id = store_id,
                     .now_unix_ns = environment_.clock.now_unix_ns(),
                     .disk_budget_bytes = options_.disk_budget_bytes};
  for (const LogWriter::CarriedFrame& frame : carry) {
    facts.carried_records += frame.builder->record_count();
  }
  if (const Status left = status_file.write_note(next_note(scan, facts)); !left) {
    environment_.report(Severity::warning,
                        fmt::format("{}/{}: the note of this opening could not be written: {}; "
                                    "`kifa stats` tells of an older one",
                                    options_.directory, kStatusFileName, left.message()));
  }
}

void StoreImpl::make_maintenance(const LogScan& scan) {
  std::vector<Damage> known = scan.damages;
  known.insert(known.end(), scan.known_damages.begin(), scan.known_damages.end());
  maintenance_ = std::make_unique<Maintenance>(Maintenance::Parts{.options = options_,
                                                                  .environment = environment_,
                                                                  .keeper = *keeper_,
                                                                  .pool = *pool_,
                                                                  .index = *index_,
                                                                  .writer = *writer_,
                                                                  .known_damages = std::move(known),
                                                                  .first_clock = scan.first_clock},
                                               scan.flushed_checkpoints);
}

// Without threads the steps behind the log are taken between appends.
void StoreImpl::work_without_threads() {
  while (!environment_.background_threads && maintenance_->do_some_work()) {
  }
}

Status StoreImpl::close() {
  // What can be flushed is flushed while the log is still open: its last frame says that it was
  // closed properly.
  const Status drained = writer_->flush(kCloseTimeout);
  maintenance_->stop();
  if (drained) {
    maintenance_->finish();
  }
  const Status status = writer_->close(false);
  stop_pool();
  pool_->trim();
  directory_.unlock();
  return status;
}

// Whether a segment off the path is kept until the next manifest is durable: the one before the
// newest may need it.
bool is_kept_for_manifest(const LogScan& scan, std::uint64_t number) {
  const auto& previous = scan.manifest.previous;
  return number < scan.flushed().mark.at.segment &&
         (scan.manifest.is_fallback() || (previous && number >= previous->flushed.mark.at.segment));
}

// The segments that hold the log up to `mark`, and before them those that are kept for a manifest.
std::vector<LogSegment> StoreImpl::segments_in_use(const LogScan& scan, const LogMark& mark) const {
  std::vector<LogSegment> segments;
  for (const std::uint64_t number : scan.dead) {
    if (is_kept_for_manifest(scan, number)) {
      LogSegment segment;
      segment.header.number = number;
      segment.header.segment_bytes = scan.segment_file_bytes.at(number);
      segments.push_back(segment);
    }
  }
  for (const LogSegment& segment : scan.path) {
    if (segment.header.number <= mark.at.segment) {
      segments.push_back(segment);
    }
  }
  return segments;
}

Status StoreImpl::look_at_damage(const LogScan& scan) {
  std::size_t told = 0;
  for (const std::string& text : side_damages_of(scan, options_.directory)) {
    if (options_.refuse_corruption) {
      return {Code::corrupt,
              fmt::format("{}; the store is not opened (on_corruption: refuse)", text)};
    }
    environment_.report(Severity::error, text);
  }
  for (const Damage& damage : scan.damages) {
    const std::string text = gap_event_of(damage, options_.directory).text;
    if (options_.refuse_corruption) {
      return {Code::corrupt,
              fmt::format("{}; the store is not opened (on_corruption: refuse)", text)};
    }
    const std::string aside = put_aside(environment_.files, options_.directory, damage.segment);
    if (++told <= kToldMax) {
      environment_.report(Severity::error, text + aside);
    }
  }
  if (told > kToldMax) {
    environment_.report(Severity::error,
                        fmt::format("{}: {} damaged places in all, {} records lost",
                                    options_.directory, told, scan.lost_records));
  }
  return {};
}

void StoreImpl::tell_about(const LogScan& scan) {
  if (!scan.foreign.empty()) {
    std::string names;
    for (std::size_t i = 0; i < std::min(scan.foreign.size(), kToldMax); ++i) {
      names += (i == 0 ? "" : ", ") + scan.foreign[i];
    }
    environment_.report(
        Severity::warning,
        fmt::format(
            "{} holds {} that are not the store's and are left alone: {}{}", options_.directory,
            scan.foreign.size() == 1 ? "1 file" : fmt::format("{} files", scan.foreign.size()),
            names, scan.foreign.size() > kToldMax ? ", ..." : ""));
  }
}

Status StoreImpl::make_pool(const LogScan& scan) {
  std::uint64_t other_size_bytes = 0;
  for (const LogSegment& segment : scan.path) {
    const auto bytes = scan.segment_file_bytes.find(segment.header.number);
    if (bytes != scan.segment_file_bytes.end() && bytes->second != options_.segment_bytes) {
      other_size_bytes += bytes->second;
    }
  }
  SegmentPool::Options options{
      .directory = options_.directory,
      .segment_bytes = options_.segment_bytes,
      .disk_budget_bytes = options_.disk_budget_bytes,
      .file_bytes = scan.file_bytes,
      .next_number = std::max(scan.highest_number, scan.evidence.segment) + 1,
      .used_segments = index_->segment_count(),
      .other_size_bytes = other_size_bytes,
      .has_reserve = scan.has_reserve,
      .spares_max = options_.spare_segments,
      .backlog_segments_max = backlog_segments_of(options_)};
  if (mutant_is(Mutant::number_given_again)) {
    options.next_number = scan.end.at.segment + 1;
  }
  pool_ = std::make_unique<SegmentPool>(environment_.files, options);
  if (!scan.spares.empty()) {
    // The process that named them may have been killed before it synced their names.
    KIFA_TRY(environment_.files.sync_directory(options_.directory));
  }
  for (const std::uint64_t number : scan.spares) {
    if (scan.segment_file_bytes.at(number) == options_.segment_bytes) {
      pool_->add(number);
    } else {
      KIFA_TRY(environment_.files.remove(segment_path(options_.directory, number)));
      pool_->add_bytes(-static_cast<std::int64_t>(scan.segment_file_bytes.at(number)));
    }
  }
  recycle_dead(scan);  // before anything new is made: with a disk budget there is room for one only
  if (!pool_->has_spare()) {
    const Result<bool> made = pool_->make_one();
    if (!made && made.error().code() != Code::no_space) {
      return made.error();  // without space the store opens all the same, and takes no input yet
    }
  }
  return {};
}

Result<LogWriter::Start> StoreImpl::start_from(const LogScan& scan) {
  LogWriter::Start start;
  std::mt19937_64 random(environment_.random_seed ^ 0x9E3779B97F4A7C15ULL);
  start.store_id = scan.store_id;
  if (scan.store_id == StoreId{}) {
    for (std::uint8_t& byte : start.store_id) {
      byte = static_cast<std::uint8_t>(random());
    }
    start.store_id[6] = static_cast<std::uint8_t>((start.store_id[6] & 0x0FU) | 0x40U);
    start.store_id[8] = static_cast<std::uint8_t>((start.store_id[8] & 0x3FU) | 0x80U);
  }
  start.open_epoch = random();
  start.mark =
      normalised(mutant_is(Mutant::append_into_torn_segment) ? scan.end : scan.covered(), scan);
  start.mark_epoch = scan.flushed().epoch;
  for (const LogSegment& segment : scan.path) {
    if (segment.header.number == start.mark.at.segment) {
      start.mark_epoch = segment.header.epoch;
    }
  }
  start.boot_id = environment_.clock.boot_id();
  const bool same_boot = scan.boot_id == start.boot_id;
  start.boot_ordinal = std::max<std::uint32_t>(scan.boot_ordinal + (same_boot ? 0 : 1), 1);
  if (same_boot && scan.boot_ordinal != 0) {
    start.wall_minus_boot_ns = scan.wall_minus_boot_ns;
  }
  start.checkpoints = scan.checkpoints;
  start.manifest_version = scan.manifest.manifest ? scan.manifest.manifest->version : 0;
  start.on_durable = [this](const LogMark& mark) {
    if (maintenance_) {
      maintenance_->on_durable(mark);
    }
  };
  start.check_lock = [this] { return directory_.check_lock(); };
  return start;
}

Result<std::vector<LogWriter::CarriedFrame>> StoreImpl::read_uncovered(const LogScan& scan) {
  std::vector<LogWriter::CarriedFrame> frames;
  std::uint64_t bytes = std::uint64_t{2} * options_.block_bytes;  // the header's
  if (mutant_is(Mutant::append_into_torn_segment)) {
    return frames;
  }
  for (const UncoveredFrame& uncovered : scan.uncovered) {
    if (uncovered.empty) {
      continue;  // a watermark
    }
    const auto segment = std::ranges::find_if(scan.path, [&uncovered](const LogSegment& each) {
      return each.header.number == uncovered.at.segment;
    });
    auto file =
        open_segment(environment_.files, segment_path(options_.directory, uncovered.at.segment));
    if (!file) {
      return file.error();
    }
    SegmentScanner scanner(**file, segment->header, segment->header.segment_bytes);
    const SegmentScanner::Step step = scanner.look(uncovered.at.offset);
    if (step.found != SegmentScanner::Found::frame) {
      return Status(Code::io, fmt::format("{} at offset {} was read once and cannot be read again; "
                                          "the disk is failing",
                                          segment_path(options_.directory, uncovered.at.segment),
                                          uncovered.at.offset));
    }
    LogWriter::CarriedFrame carried{.builder = std::make_unique<FrameBuilder>(options_.block_bytes),
                                    .first_lsn = {step.header.first_lsn},
                                    .first_event = step.header.first_event};
    carried.builder->add_frame(step.frame.view);
    bytes += carried.builder->padded_bytes();
    frames.push_back(std::move(carried));
  }
  if (bytes > options_.segment_bytes) {
    return Status(Code::invalid,
                  fmt::format("the last run of {} left frames that are still to be written again, "
                              "{} bytes with a header, and segments of {} bytes are too small for "
                              "them: open it once with larger ones (segment_size_mib, or a larger "
                              "disk_budget), and then with these",
                              options_.directory, bytes, options_.segment_bytes));
  }
  return frames;
}

// Segments off the path hold nothing that was ever acknowledged; with damage about, they are left
// for an expert.
void StoreImpl::recycle_dead(const LogScan& scan) {
  if (!scan.damages.empty()) {
    return;
  }
  for (const std::uint64_t number : scan.dead) {
    if (is_kept_for_manifest(scan, number)) {
      continue;
    }
    const Status status = pool_->recycle(number, scan.segment_file_bytes.at(number));
    if (!status) {
      environment_.report(Severity::warning, status.message());
    }
  }
}

void StoreImpl::add_events(const LogScan& scan) {
  for (const Damage& damage : scan.damages) {
    Event event = gap_event_of(damage, options_.directory);
    event.observed_unix_ns = environment_.clock.now_unix_ns();
    writer_->add_event(std::move(event));
  }
  if (scan.manifest.is_rebuilt && scan.manifest.manifest->purged.through.value != 0) {
    Event event;
    event.kind = EventKind::recovery;
    event.observed_unix_ns = environment_.clock.now_unix_ns();
    event.text = fmt::format(
        "the manifest is lost, and no table that is left holds LSN 1 to {}: retention "
        "had removed them, or they are lost with it",
        scan.manifest.manifest->purged.through.value);
    writer_->add_event(std::move(event));
  }
  if (!scan.lost_checkpoints.empty()) {
    Event event;
    event.kind = EventKind::recovery;
    event.observed_unix_ns = environment_.clock.now_unix_ns();
    event.text = fmt::format("checkpoints are lost: {}", scan.lost_checkpoints);
    writer_->add_event(std::move(event));
  }
  if (scan.dropped_tail) {
    Event event;
    event.kind = EventKind::recovery;
    event.observed_unix_ns = environment_.clock.now_unix_ns();
    event.text =
        fmt::format("an unfinished write behind LSN {} was dropped; it was never acknowledged",
                    scan.end.next_lsn.value - 1);
    writer_->add_event(std::move(event));
  }
}

}  // namespace

Result<std::unique_ptr<Store>> Store::open(StoreOptions options, StoreEnvironment environment) {
  auto store = std::make_unique<StoreImpl>(std::move(options), std::move(environment));
  KIFA_TRY(store->start());
  return std::unique_ptr<Store>(std::move(store));
}

}  // namespace kifa::store
