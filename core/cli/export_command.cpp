#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "core/base/clock.hpp"
#include "core/cli/choice_filter.hpp"
#include "core/cli/commands.hpp"
#include "core/cli/compressed_sink.hpp"
#include "core/cli/digest_sink.hpp"
#include "core/cli/exit_code.hpp"
#include "core/cli/export_files.hpp"
#include "core/cli/export_manifest.hpp"
#include "core/cli/human.hpp"
#include "core/cli/interrupt.hpp"
#include "core/cli/json.hpp"
#include "core/cli/load_deployment.hpp"
#include "core/cli/messages.hpp"
#include "core/cli/output.hpp"
#include "core/cli/printing_taker.hpp"
#include "core/cli/progress.hpp"
#include "core/cli/record_printer.hpp"
#include "core/cli/record_scan.hpp"
#include "core/io/file_system.hpp"
#include "core/store/reader.hpp"
#include "core/store/verify.hpp"

namespace kifa::cli {
namespace {

// Prints records and notes what a manifest says of them.
class ExportTaker final : public RecordTaker {
 public:
  ExportTaker(RecordPrinter& printer, ExportManifest& manifest, ProgressLine& progress,
              store::Selection range)
      : printer_(printer), manifest_(manifest), progress_(progress), range_(range) {}

  Status take(const store::RecordView& record) override {
    const std::int64_t time = record.observed_unix_ns;
    const bool is_first = manifest_.records == 0;
    const std::uint64_t lsn = record.lsn.value;
    manifest_.first_lsn = is_first ? lsn : std::min(manifest_.first_lsn, lsn);
    manifest_.last_lsn = std::max(manifest_.last_lsn, lsn);
    manifest_.first_unix_ns = is_first ? time : std::min(manifest_.first_unix_ns, time);
    manifest_.last_unix_ns = is_first ? time : std::max(manifest_.last_unix_ns, time);
    ++manifest_.records;
    if (manifest_.records % kRecordsBetweenLooks == 0) {
      progress_.show_records(lsn - std::min(lsn, range_.first.value),
                             range_.last.value - range_.first.value, manifest_.records);
    }
    return printer_.print(record);
  }
  Status take(const store::Event& /*event*/) override { return {}; }

 private:
  static constexpr std::uint64_t kRecordsBetweenLooks = 4096;

  RecordPrinter& printer_;
  ExportManifest& manifest_;
  ProgressLine& progress_;
  const store::Selection range_;
};

// One run of the command; what it has made is gone with it unless it was published.
//
// Threads: confined.
class Export final {
 public:
  Export(const ExportCommand& command, const ChoiceFilter& filter, plugin::Registry& registry,
         store::Reader& reader, ExportFiles& files)
      : command_(command), filter_(filter), registry_(registry), reader_(reader), files_(files) {}

  Status run() {
    KIFA_TRY(describe_store());
    DigestSink stored(files_.data());
    std::unique_ptr<CompressedSink> compressed;
    ByteSink* sink = &stored;
    if (command_.compression != Compression::none) {
      auto opened = CompressedSink::create(command_.compression, stored);
      if (!opened) {
        return opened.error();
      }
      compressed = std::move(*opened);
      sink = compressed.get();
    }
    DigestSink content(*sink);
    KIFA_TRY(write_records(content));
    if (compressed) {
      KIFA_TRY(compressed->finish());
    }
    manifest_.content_bytes = content.digest().bytes();
    manifest_.content_sha256 = content.digest().finish();
    manifest_.bytes = stored.digest().bytes();
    manifest_.sha256 = stored.digest().finish();
    KIFA_TRY(files_.publish(manifest_json(manifest_, command_.choice)));
    return {};
  }

  [[nodiscard]] const ExportManifest& manifest() const { return manifest_; }
  [[nodiscard]] const Seen& seen() const { return seen_; }
  // Whether what failed is the formatter that was named.
  [[nodiscard]] bool is_configuration() const { return is_configuration_; }

 private:
  Status describe_store() {
    manifest_.file = name_in_folder(command_.output);
    manifest_.compression = to_string(command_.compression);
    manifest_.format = command_.format;
    manifest_.format_options = command_.format_options;
    manifest_.created_unix_ns = SystemClock().now_unix_ns();
    manifest_.durable_lsn = reader_.durable_lsn().value;
    const auto stats = reader_.stats();
    if (!stats) {
      return stats.error();
    }
    manifest_.store_id = stats->store_id;
    if (command_.choice.is_from_lsn_given) {
      KIFA_TRY(check_begin(stats->purged_through));
    }
    const auto anchor = store::newest_anchor(io::posix_file_system(), command_.data_dir);
    if (!anchor) {
      complain(fmt::format("the manifest goes without an anchor of the store: {}",
                           anchor.status().message()));
    } else if (*anchor) {
      manifest_.anchor = store::to_string(**anchor);
    }
    return {};
  }

  // An export that was asked to begin with an LSN has all from there on.
  Status check_begin(Lsn removed) const {
    if (command_.choice.from_lsn > removed.value) {
      return {};
    }
    return {
        Code::unavailable,
        fmt::format("an export from LSN {} would not be whole: LSN {} to {} were removed by "
                    "retention; give --from-lsn {} or more, or none to begin with what is there",
                    with_separators(command_.choice.from_lsn),
                    with_separators(command_.choice.from_lsn), with_separators(removed.value),
                    removed.value + 1)};
  }

  Status write_records(ByteSink& sink) {
    const auto printer =
        RecordPrinter::open(registry_, command_.format, command_.format_options, sink);
    if (!printer) {
      is_configuration_ = true;
      return printer.error();
    }
    KIFA_TRY((*printer)->begin());
    store::Selection range = selection_of(command_.choice);
    range.last =
        range.last.value == 0 ? reader_.durable_lsn() : std::min(range.last, reader_.durable_lsn());
    range.last = std::max(range.last, range.first);
    ProgressLine progress("exporting", !command_.is_quiet);
    ExportTaker taker(**printer, manifest_, progress, range);
    RecordScan scan(command_.choice, filter_, taker);
    const Status scanned = scan.run(reader_);
    progress.clear();
    KIFA_TRY(scan.stopped());
    KIFA_TRY(scanned);
    seen_ = scan.seen();
    // Retention works beside a long export, too.
    if (command_.choice.is_from_lsn_given) {
      KIFA_TRY(check_begin(seen_.removed_last));
    }
    if (!command_.choice.is_reverse && manifest_.records != 0 &&
        seen_.removed_last.value > manifest_.first_lsn) {
      return {Code::unavailable,
              fmt::format("retention removed records up to LSN {} while they were exported; "
                          "export again",
                          with_separators(seen_.removed_last.value))};
    }
    manifest_.gaps = seen_.gaps;
    manifest_.lost_records = seen_.lost_records;
    return (*printer)->finish();
  }

  const ExportCommand& command_;
  const ChoiceFilter& filter_;
  plugin::Registry& registry_;
  store::Reader& reader_;
  ExportFiles& files_;
  ExportManifest manifest_;
  Seen seen_;
  bool is_configuration_ = false;
};

std::string for_people(const std::string& file, const ExportManifest& manifest) {
  const std::string range = manifest.records == 0
                                ? std::string()
                                : fmt::format(", LSN {} to {}", with_separators(manifest.first_lsn),
                                              with_separators(manifest.last_lsn));
  return fmt::format("{}: {}{}, {}; {}\n", file, counted(manifest.records, "record"), range,
                     bytes_for_people(manifest.bytes), manifest_path_of(file));
}

std::string for_machines(const std::string& file, const ExportManifest& manifest) {
  return JsonObject()
             .text("file", file)
             .text("manifest", manifest_path_of(file))
             .number("records", manifest.records)
             .number("first_lsn", manifest.first_lsn)
             .number("last_lsn", manifest.last_lsn)
             .number("bytes", manifest.bytes)
             .text("sha256", manifest.sha256)
             .number("gaps", manifest.gaps)
             .finish() +
         "\n";
}

int told(const ExportCommand& command, const Export& done, Lsn durable) {
  const ExportManifest& manifest = done.manifest();
  tell_what_was_met(done.seen(), false, command.choice, durable);
  if (command.is_quiet) {
    return kExitOk;
  }
  return print(command.json ? for_machines(command.output, manifest)
                            : for_people(command.output, manifest));
}

int failed(const Status& status, bool is_configuration) {
  if (interrupting_signal() != 0) {
    return interrupted_exit_code();
  }
  complain(status.message());
  return is_configuration ? configuration_exit_code(status.code()) : exit_code(status.code());
}

}  // namespace

int run(const ExportCommand& command) {
  watch_for_interrupts();
  const auto filter = ChoiceFilter::create(command.choice);
  if (!filter) {
    complain(filter.status().message());
    return kExitUsage;
  }
  const auto reader = store::Reader::open(command.data_dir, io::posix_file_system());
  if (!reader) {
    return failed(reader.status(), false);
  }
  const auto registry = open_registry(command.plugin_paths);
  if (!registry) {
    return failed(registry.status(), true);
  }
  auto files = ExportFiles::create(io::posix_file_system(), command.output, command.force);
  if (!files) {
    complain(files.status().message());
    return files.status().code() == Code::invalid ? kExitUsage : exit_code(files.status().code());
  }
  Export one(command, *filter, **registry, **reader, **files);
  const Status status = one.run();
  return status ? told(command, one, (*reader)->durable_lsn())
                : failed(status, one.is_configuration());
}

}  // namespace kifa::cli
