// Source `file`: what programs write into files, also while the files are rotated.
//
// One resumable stream a content (see content.hpp). Its position in the store is behind its last
// record, in the same atom as that record: after a crash nothing is missing and nothing doubled. A
// last line that is not ended is read again with its rest.
//
// Changes are heard of from the kernel; a look through the folders follows when names change. Every
// new file is opened at once, so that it can be read after it is renamed or deleted. Reading goes
// oldest first, by the time of the last change: what stands in a rotated file comes before what
// stands in its successor.
//
// On a stop nothing more is read: it stays where it is.

#include <poll.h>
#include <kifa/sdk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plugins/sources/file/catalog.hpp"
#include "plugins/sources/file/contents.hpp"
#include "plugins/sources/file/finder.hpp"
#include "plugins/sources/file/reader.hpp"
#include "plugins/sources/file/settings.hpp"
#include "plugins/sources/file/streams.hpp"
#include "plugins/sources/file/upkeep.hpp"
#include "plugins/sources/file/watcher.hpp"

namespace {

namespace sdk = kifa::sdk;
using kifa::plugins::file_source::Catalog;
using kifa::plugins::file_source::Content;
using kifa::plugins::file_source::Contents;
using kifa::plugins::file_source::FileNotices;
using kifa::plugins::file_source::FileSettings;
using kifa::plugins::file_source::Finder;
using kifa::plugins::file_source::join;
using kifa::plugins::file_source::kOptions;
using kifa::plugins::file_source::Notice;
using kifa::plugins::file_source::read_settings;
using kifa::plugins::file_source::Reader;
using kifa::plugins::file_source::Streams;
using kifa::plugins::file_source::Upkeep;
using kifa::plugins::file_source::Watcher;

constexpr std::int64_t kNever = Content::kNever;
// Looking through large folders again and again takes a fifth of the time at most.
constexpr std::int64_t kLookPause = 4;
constexpr std::int64_t kShortLookNs = 2'000'000;
constexpr int kLooksMax = 4;  // of one poll
// A file that is found and not there again and again (some file systems tell two numbers of one
// file) is left alone for a while.
constexpr std::uint32_t kVanishedMax = 8;

class File final : public sdk::Source {
 public:
  explicit File(sdk::Host host)
      : Source(host),
        notices_(host),
        catalog_(host, settings_, contents_, notices_),
        finder_(settings_),
        reader_(host, contents_, notices_),
        streams_(host, contents_, catalog_, notices_),
        upkeep_(host, settings_, contents_, catalog_, streams_) {}

  sdk::Status configure(const sdk::Settings& settings) override {
    if (sdk::Status read = read_settings(settings, settings_); read.failed()) {
      return read;
    }
    contents_.set_open_max(settings_.open_files_max);
    streams_.give_offsets(settings_.offset_attribute);
    file_count_ = host().gauge("files", "", "Files whose positions are kept.");
    open_count_ = host().gauge("open_files", "", "Files that are open.");
    truncations_ = host().counter("truncations", "", "Files that were cut short or written anew.");
    return {};
  }

  sdk::Status resume(const sdk::Strided<kifa_checkpoint>& checkpoints) override {
    catalog_.resume(checkpoints);
    return {};
  }

  sdk::Status start() override {
    if (!settings_.polls) {
      watcher_.open();
    }
    reader_.start();
    starts_at_end_ = settings_.from_end && !catalog_.has_run_before();
    must_look_ = true;
    look_not_before_ns_ = 0;
    poll_at_ns_ = kNever;
    lost_until_ns_ = host().now_mono_ns();  // what was lost when it stopped is looked for once
    upkeep_at_ns_ = host().now_mono_ns() + upkeep_.interval_ns();
    has_told_emptiness_ = false;
    return {};
  }

  sdk::Status stop(std::int64_t /*deadline_mono_ns*/) override {
    watcher_.close();
    watched_.clear();
    catalog_.clear();
    reader_.stop();
    count();
    return {};
  }

  sdk::Status poll(sdk::Emitter out, std::int64_t deadline_mono_ns) override {
    if (out.draining()) {
      return sdk::Status::end();
    }
    sdk::Status status = work(out, deadline_mono_ns);
    if (status.is_ok()) {
      status = streams_.tell_changes(out);
    }
    count();
    wake(out);
    if (status.failed()) {
      return status;
    }
    return contents_.has_ready() ? sdk::Status::ok() : sdk::Status::again();
  }

  void descriptors(sdk::Descriptors& out) override {
    if (watcher_.fd() >= 0) {
      out.add(watcher_.fd(), POLLIN);
    }
  }

  void acknowledge(std::uint64_t stream, std::uint64_t position, kifa_status status) override {
    if (status >= 0) {
      streams_.acknowledge(stream, position);
    }
  }
  void release(std::uint64_t stream) override { streams_.release(stream); }

 private:
  // Also without room: files are looked for and opened, so that none is missed.
  sdk::Status work(sdk::Emitter out, std::int64_t deadline_mono_ns) {
    listen();
    const std::int64_t now = host().now_mono_ns();
    must_look_ |= now >= poll_at_ns_ || now >= lost_until_ns_;
    if (now >= upkeep_at_ns_) {
      upkeep_at_ns_ = now + upkeep_.interval_ns();
      must_look_ = true;
      if (const kifa_status kept = upkeep_.run(out); kept != KIFA_OK) {
        return kept;
      }
    }
    for (int looks = 0; looks < kLooksMax; ++looks) {
      if (is_look_due()) {
        if (sdk::Status looked = look(out); !looked.is_ok()) {
          return looked;
        }
      }
      bool is_full = false;
      if (sdk::Status status = read(out, deadline_mono_ns, is_full); !status.is_ok()) {
        return status;
      }
      if (is_full || !is_look_due()) {
        break;
      }
    }
    return {};
  }

  // ---- what has changed ----

  void listen() {
    const bool is_complete = watcher_.take([this](const Watcher::Event& event) {
      if (event.name.empty()) {
        must_look_ = true;
        return;
      }
      if (event.is_content && !event.is_folder) {
        if (Content* content = contents_.find_path(join(event.folder, event.name))) {
          contents_.set_ready(*content);
          return;
        }
      }
      must_look_ |=
          event.is_folder ? !event.is_content : finder_.is_relevant(event.folder, event.name);
    });
    if (!is_complete) {
      must_look_ = true;
      contents_.set_all_ready();
    }
  }

  [[nodiscard]] bool is_look_due() const {
    return must_look_ && host().now_mono_ns() >= look_not_before_ns_;
  }

  sdk::Status look(sdk::Emitter out) {
    const std::int64_t before = host().now_mono_ns();
    Finder::Look look = look_undisturbed();
    catalog_.reconcile(look, finder_);
    if (std::exchange(starts_at_end_, false)) {
      if (const kifa_status status = begin_at_ends(out); status != KIFA_OK) {
        return status;
      }
    }
    // A file that was renamed may have got its last bytes under its old name.
    contents_.for_each([this](Content& content) {
      if (content.file.is_open()) {
        Reader::observe(content);
        contents_.set_ready(content);
      }
    });
    tell(look);
    const bool by_time = settings_.polls || watcher_.must_poll() || !look.is_complete ||
                         look.has_links || catalog_.is_undecided();
    const std::int64_t after = host().now_mono_ns();
    poll_at_ns_ = by_time ? after + settings_.poll_interval_ns : kNever;
    look_not_before_ns_ = after - before < kShortLookNs ? 0 : after + (after - before) * kLookPause;
    return upkeep_.end_lost(out, lost_until_ns_);
  }

  // While names change a file may be missed that has to be read before another one that is found.
  Finder::Look look_undisturbed() {
    for (int tries = 1;; ++tries) {
      must_look_ = false;
      Finder::Look look = finder_.look(catalog_.known());
      if (settings_.polls) {
        return look;
      }
      watcher_.watch(look.folders);
      // What happened in a new folder before its watch was not heard of.
      must_look_ = std::exchange(watched_, look.folders) != look.folders;
      listen();
      if (!must_look_ || tries == kLooksMax) {
        return look;
      }
    }
  }

  void tell(const Finder::Look& look) {
    for (const std::string& path : look.odd) {
      notices_.tell(Notice::not_a_file,
                    path + " is not read: it is not a file; leave it out with `exclude`");
    }
    for (const std::string& folder : look.unreadable) {
      notices_.tell(Notice::unreadable, folder + " cannot be looked through; it is tried again");
    }
    if (look.is_cut) {
      notices_.tell(Notice::too_many, "the folders of `include` have more than " +
                                          std::to_string(Finder::kEntriesMax) +
                                          " files together; what is beyond is not seen");
    }
    if (const std::string problem = watcher_.take_problem(); !problem.empty()) {
      host().warn(problem);
    }
    if (contents_.size() == 0 && !std::exchange(has_told_emptiness_, true)) {
      host().info("there is no file yet that `include` names; it is read as soon as it is there");
    }
  }

  // `read_from: end`. Their positions are stored at once: what is written from now on is read, also
  // when kifa stops before that.
  kifa_status begin_at_ends(sdk::Emitter out) {
    kifa_status status = KIFA_OK;
    contents_.for_each([&](Content& content) {
      if (status == KIFA_OK && reader_.begin_at_end(content)) {
        status = streams_.open(content, out);
      }
    });
    return status;
  }

  // ---- reading ----

  // Until nothing is ready, or there is no more room or time (`is_full`).
  sdk::Status read(sdk::Emitter out, std::int64_t deadline_mono_ns, bool& is_full) {
    while (Content* content = contents_.first_ready()) {
      is_full = out.room() == 0 || host().now_mono_ns() >= deadline_mono_ns;
      if (is_full) {
        return {};
      }
      const kifa_status status = read_some(*content, out);
      if (status == KIFA_AGAIN) {
        is_full = true;
        return {};
      }
      if (status != KIFA_OK) {
        return status;
      }
    }
    return {};
  }

  kifa_status read_some(Content& content, sdk::Emitter out) {
    if (host().now_mono_ns() < content.rest_until_ns) {
      contents_.unset_ready(content);
      return KIFA_OK;
    }
    const Reader::Reading reading = reader_.read(content, out.room());
    switch (reading.outcome) {
      case Reader::Outcome::bytes:
        return give(content, reading, out);
      case Reader::Outcome::none:
        content.is_read_out = content.file.is_gzip();
        break;
      case Reader::Outcome::vanished:
        must_look_ = true;
        if (++content.vanished_count > kVanishedMax) {
          content.vanished_count = 0;
          content.rest_until_ns = host().now_mono_ns() + settings_.poll_interval_ns;
        }
        break;
      case Reader::Outcome::displaced:
        truncations_.add();
        catalog_.displace(content);
        must_look_ = true;  // for a copy
        look_not_before_ns_ = 0;
        break;
      case Reader::Outcome::failed:
        poll_at_ns_ = std::min(poll_at_ns_, host().now_mono_ns() + settings_.poll_interval_ns);
        break;
      case Reader::Outcome::damaged:
        content.is_read_out = true;
        contents_.unset_ready(content);
        return out.gap({.stream = content.stream,
                        .reason = KIFA_GAP_TRUNCATED,
                        .detail = content.path + " is damaged behind byte " +
                                  std::to_string(content.offset) + " of its content"});
    }
    contents_.unset_ready(content);
    return KIFA_OK;
  }

  kifa_status give(Content& content, const Reader::Reading& reading, sdk::Emitter out) {
    content.vanished_count = 0;
    const kifa_status status = streams_.give(content, reading.bytes, out);
    if (status == KIFA_NO_MEMORY) {
      contents_.unset_ready(content);
      return KIFA_OK;
    }
    if (status == KIFA_OK) {
      contents_.set_ready(content);  // by its new time
      if (reading.is_last) {
        contents_.unset_ready(content);
      }
    }
    return status;
  }

  void wake(sdk::Emitter out) const {
    std::int64_t at = std::min(poll_at_ns_, lost_until_ns_);
    if (contents_.size() != 0) {
      at = std::min(at, upkeep_at_ns_);
    }
    if (must_look_) {
      at = std::min(at, look_not_before_ns_);
    }
    if (at != kNever) {
      out.wake_at(at);
    }
  }

  void count() {
    file_count_.set(static_cast<double>(contents_.size()));
    open_count_.set(static_cast<double>(contents_.open_count()));
  }

  FileSettings settings_;
  sdk::Metric file_count_, open_count_, truncations_;

  FileNotices notices_;
  Contents contents_;
  Catalog catalog_;
  Finder finder_;
  Reader reader_;
  Streams streams_;
  Upkeep upkeep_;
  Watcher watcher_;
  std::set<std::string> watched_;

  bool starts_at_end_ = false;
  bool has_told_emptiness_ = false;
  bool must_look_ = false;  // through the folders
  std::int64_t look_not_before_ns_ = 0;
  std::int64_t poll_at_ns_ = kNever;
  std::int64_t lost_until_ns_ = kNever;
  std::int64_t upkeep_at_ns_ = kNever;
};

constexpr kifa_component kComponents[] = {sdk::source<File>(
    "file", "Reads files as they are written, through every kind of rotation.", kOptions)};

constexpr kifa_plugin kPlugin =
    sdk::plugin({"org.kifa.source.file", "0.1.0", "kifa", "", "MIT OR Apache-2.0"}, kComponents);

}  // namespace

KIFA_PLUGIN(kPlugin);
