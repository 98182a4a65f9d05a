#include "core/store/backup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>
#include <vector>

#include "core/store/checkpoints_file.hpp"
#include "core/store/cursors.hpp"
#include "core/store/log_scan_path.hpp"
#include "core/store/segment_scanner.hpp"
#include "core/store/small_file.hpp"
#include "core/store/status_file.hpp"
#include "core/store/store_view.hpp"
#include "core/store/table_format.hpp"
#include "core/store/table_reader.hpp"

namespace kifa::store {

namespace {

constexpr std::uint32_t kDirectoryMode = 0700;
constexpr std::string_view kPartialSuffix = ".partial";
constexpr std::uint64_t kPieceBytes = 1_MiB;
constexpr int kTriesMax = 50;  // looks at a store whose files go while they are copied

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string without_last_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') {
    path.pop_back();
  }
  return path;
}

class Backup final {
 public:
  Backup(io::FileSystem& files, const BackupOptions& options)
      : files_(files),
        options_(options),
        target_(without_last_slashes(options.target)),
        partial_(target_ + std::string(kPartialSuffix)) {}

  Result<BackupReport> run() {
    // Before anything is made: whether there is a store at all.
    auto view = view_store(files_, options_.directory);
    if (!view) {
      return view.error();
    }
    KIFA_TRY(check_target());
    KIFA_TRY(files_.make_directory(partial_, kDirectoryMode));
    Status status = copy(std::move(*view));
    if (status) {
      status = publish();
    }
    if (!status) {
      clean_up();
      return status;
    }
    return report_;
  }

 private:
  enum class Copied : std::uint8_t { done, stale };

  Status check_target() {
    const auto there = files_.info(target_);
    if (there) {
      return {Code::invalid,
              fmt::format("{} is there already; a backup makes its own directory", target_)};
    }
    if (there.error().code() != Code::not_found) {
      return there.error();
    }
    if (files_.info(partial_)) {
      return {Code::invalid, fmt::format("{} is there: another backup is running, or one was cut "
                                         "off; then remove it",
                                         partial_)};
    }
    const auto store = files_.info(options_.directory);
    const auto parent = files_.info(parent_of(target_));
    if (!store || !parent) {
      return store ? parent.error() : store.error();
    }
    return store->id == parent->id
               ? Status(
                     Code::invalid,
                     fmt::format("{} is in the store itself; a backup stands elsewhere", target_))
               : Status();
  }

  Status copy(StoreView view) {
    for (int attempt = 0; attempt < kTriesMax; ++attempt) {
      const auto copied = copy_once(view);
      if (!copied) {
        return copied.error();
      }
      if (*copied == Copied::done) {
        return {};
      }
      auto newer = view_store(files_, options_.directory);
      if (!newer) {
        return newer.error();
      }
      view = std::move(*newer);
    }
    return {Code::unavailable, fmt::format("the files of {} change faster than they can be copied",
                                           options_.directory)};
  }

  // Everything as `view` has it; stale: the store has gone on, and something is not there any more.
  Result<Copied> copy_once(const StoreView& view) {
    count(view);
    const auto files = copy_files(view);
    if (!files || *files == Copied::stale) {
      return files;
    }
    for (const LogSegment& segment : view.log.path) {
      const Status copied = copy_segment(segment);
      if (!copied) {
        return stale_or(view, copied);
      }
    }
    KIFA_TRY(copy_manifest(view));
    KIFA_TRY(write_status(view));
    KIFA_TRY(copy_cursors());
    return check_log(view);
  }

  Result<Copied> stale_or(const StoreView& view, const Status& failure) {
    const auto outdated = is_outdated(files_, options_.directory, view);
    if (!outdated) {
      return outdated.error();
    }
    return *outdated ? Result<Copied>(Copied::stale) : Result<Copied>(failure);
  }

  void count(const StoreView& view) {
    bytes_all_ = 0;
    if (view.log.manifest.manifest) {
      for (const TableInfo& table : view.log.manifest.manifest->tables) {
        bytes_all_ += table.bytes;
      }
    }
    for (const LogSegment& segment : view.log.path) {
      bytes_all_ += segment.end;
    }
    bytes_done_ = report_.linked_bytes;
  }

  // Tables and checkpoints: files that are never changed.
  Result<Copied> copy_files(const StoreView& view) {
    std::set<std::string> wanted;
    if (view.log.manifest.manifest) {
      const Manifest& manifest = *view.log.manifest.manifest;
      for (const TableInfo& table : manifest.tables) {
        wanted.insert(table_file_name(table.number));
      }
      if (manifest.checkpoints.number != 0) {
        wanted.insert(checkpoints_file_name(manifest.checkpoints.number));
      }
      report_.tables = manifest.tables.size();
    }
    // What an earlier look has copied and the store has replaced since.
    for (const std::string& name : names_) {
      if (!wanted.contains(name)) {
        KIFA_TRY(files_.remove(in(partial_, name)));
      }
    }
    std::erase_if(names_, [&wanted](const std::string& name) { return !wanted.contains(name); });
    for (const std::string& name : wanted) {
      if (names_.contains(name)) {
        continue;
      }
      const Status copied = link_or_copy(name);
      if (!copied) {
        return stale_or(view, copied.code() == Code::not_found ? missing(name) : copied);
      }
      names_.insert(name);
    }
    return Copied::done;
  }

  // Nothing comes of a copy without it: what is gone should be known first.
  [[nodiscard]] Status missing(const std::string& name) const {
    return {Code::corrupt,
            fmt::format("{} is missing: the store is not whole and was not copied; `kifa verify -d "
                        "{}` tells what is lost, and with --repair the rest becomes a whole store",
                        in(options_.directory, name), options_.directory)};
  }

  Status link_or_copy(const std::string& name) {
    const std::string from = in(options_.directory, name);
    const std::string to = in(partial_, name);
    const Status linked = files_.link(from, to);
    if (linked) {
      const auto info = files_.info(to);
      report_.linked_bytes += info ? info->bytes : 0;
      return advance(info ? info->bytes : 0);
    }
    if (linked.code() == Code::not_found) {
      return linked;
    }
    // Another disk, or one that has no links, or a file of another user.
    auto source = files_.open(from, {.access = io::Access::read});
    if (!source) {
      return source.error();
    }
    const auto info = (*source)->info();
    if (!info) {
      return info.error();
    }
    KIFA_TRY(copy_bytes(**source, to, info->bytes, info->bytes));
    const auto number = table_number_of(name);
    return number ? check_table(to, *number) : Status();
  }

  // Makes the file `to` with the first `bytes` of `source`, `size` bytes long, and syncs it.
  Status copy_bytes(io::File& source, const std::string& to, std::uint64_t bytes,
                    std::uint64_t size) {
    auto file =
        files_.open(to, {.access = io::Access::read_write, .create = true, .exclusive = true});
    if (!file) {
      return file.error();
    }
    const io::AlignedBuffer buffer(kPieceBytes, kBlockBytesMax);
    for (std::uint64_t at = 0; at < bytes;) {
      const auto read =
          source.read_at(buffer.span().first(std::min<std::uint64_t>(kPieceBytes, size - at)), at);
      if (!read) {
        return read.error();
      }
      const std::uint64_t piece = std::min<std::uint64_t>(*read, bytes - at);
      if (piece == 0) {
        return {Code::corrupt, fmt::format("the file for {} is shorter than it was", to)};
      }
      const auto written =
          (*file)->write_at(ByteView(buffer.span()).first(piece), at, io::WriteMode::buffered);
      if (!written) {
        return written.error();
      }
      if (*written == 0) {
        return {Code::io, fmt::format("cannot write {}: the disk takes nothing more", to)};
      }
      at += *written;
      report_.copied_bytes += *written;
      KIFA_TRY(advance(*written));
      if (at < bytes && at % kBlockBytesMax != 0) {
        at -= at % kBlockBytesMax;  // direct reads begin on a block
      }
    }
    KIFA_TRY((*file)->resize(size));
    return (*file)->sync_all();
  }

  Status advance(std::uint64_t bytes) {
    bytes_done_ += bytes;
    return options_.on_progress(std::min(bytes_done_, bytes_all_), bytes_all_)
               ? Status()
               : Status(Code::closed, "the backup was given up");
  }

  Status check_table(const std::string& path, std::uint64_t number) {
    const auto reader = TableReader::open(files_, path, {.number = number});
    if (!reader) {
      return reader.error();
    }
    Status status;
    KIFA_TRY((*reader)->verify(std::nullopt, {}, [&](const TableDamage& damage) {
      if (status) {
        status = {Code::corrupt,
                  fmt::format("{} at offset {}: {}", path, damage.offset, damage.why)};
      }
    }));
    return status;
  }

  Status copy_segment(const LogSegment& segment) {
    const std::uint64_t number = segment.header.number;
    auto source = open_segment(files_, segment_path(options_.directory, number));
    if (!source) {
      return source.error();
    }
    const std::string to = segment_path(partial_, number);
    KIFA_TRY(remove_if_there(to));  // of an earlier look: it was shorter
    return copy_bytes(**source, to, segment.end, segment.header.segment_bytes);
  }

  Status remove_if_there(const std::string& path) {
    const Status removed = files_.remove(path);
    return removed || removed.code() == Code::not_found ? Status() : removed;
  }

  Status copy_manifest(const StoreView& view) {
    if (!view.log.manifest.manifest) {
      return {};
    }
    Manifest manifest = *view.log.manifest.manifest;
    if (view.log.manifest.is_rebuilt) {
      manifest.version = view.log.manifest.highest_version + 1;  // 0 is never written
    }
    const std::string name = manifest_file_name(manifest.version);
    if (!manifest_name_.empty()) {
      KIFA_TRY(remove_if_there(in(partial_, manifest_name_)));
    }
    manifest_name_ = name;
    return write_new_file(files_, in(partial_, name), encode_manifest(manifest));
  }

  // A writer that has stopped, and everything copied is durable.
  Status write_status(const StoreView& view) {
    StatusSlot slot = view.log.status.value_or(StatusSlot());
    slot.state = StatusState::stopped;
    slot.sequence = 1;
    slot.store_id = view.log.store_id;
    slot.durable = view.log.end.at;
    slot.durable_lsn = view.log.end.next_lsn.value - 1;
    slot.manifest_version = view.log.manifest.manifest ? view.log.manifest.manifest->version : 0;
    slot.crc = crc_of(slot);
    std::vector<std::byte> bytes(kStatusFileBytes);
    const ByteView from = std::as_bytes(std::span(&slot, 1));
    std::ranges::copy(from, bytes.begin() + kStatusSlotStride);
    if (view.log.opening_note) {
      std::ranges::copy(std::as_bytes(std::span(&*view.log.opening_note, 1)),
                        bytes.begin() + kOpeningNoteOffset);
    }
    const std::string path = in(partial_, std::string(kStatusFileName));
    KIFA_TRY(remove_if_there(path));
    return write_new_file(files_, path, bytes);
  }

  Status copy_cursors() {
    const auto list = list_cursors(files_, options_.directory);
    if (!list) {
      return list.error();
    }
    for (const Cursor& cursor : list->cursors) {
      if (cursor.kind == CursorKind::cursor) {
        KIFA_TRY(set_cursor(files_, partial_, cursor));
      }
    }
    return {};
  }

  // The copy's log is read as an opening would: it has to end where the store's did.
  Result<Copied> check_log(const StoreView& view) {
    const auto copied = scan_log(files_, {.directory = partial_});
    if (!copied) {
      return copied.error();
    }
    const bool is_same = copied->end.next_lsn == view.log.end.next_lsn &&
                         copied->damages.size() <= view.log.damages.size();
    if (!is_same) {
      return stale_or(view,
                      Status(Code::corrupt, fmt::format("the log of {} could not be copied whole; "
                                                        "`kifa verify` may tell why",
                                                        options_.directory)));
    }
    report_.last = {view.log.end.next_lsn.value - 1};
    report_.damages = view.log.damages.size();
    return Copied::done;
  }

  // Everything durable first, then the name.
  Status publish() {
    KIFA_TRY(files_.sync_directory(partial_));
    KIFA_TRY(files_.rename(partial_, target_));
    const Status synced = files_.sync_directory(parent_of(target_));
    if (!synced) {
      ignore(files_.rename(target_, partial_), "what cannot be taken back is whole at least");
    }
    return synced;
  }

  void clean_up() {
    const std::string cursors = in(partial_, std::string(kCursorsDirectory));
    for (const std::string& directory : {cursors, partial_}) {
      const auto entries = files_.list(directory);
      if (!entries) {
        continue;
      }
      for (const io::DirectoryEntry& entry : *entries) {
        ignore(files_.remove(in(directory, entry.name)), "the first failure is the one to tell");
      }
      ignore(files_.remove_directory(directory), "the first failure is the one to tell");
    }
  }

  static std::string in(const std::string& directory, const std::string& name) {
    return fmt::format("{}/{}", directory, name);
  }

  io::FileSystem& files_;
  const BackupOptions& options_;
  const std::string target_;
  const std::string partial_;
  std::set<std::string> names_;  // tables and checkpoints in the copy
  std::string manifest_name_;
  std::uint64_t bytes_done_ = 0;
  std::uint64_t bytes_all_ = 0;
  BackupReport report_;
};

}  // namespace

Result<BackupReport> back_up_store(io::FileSystem& files, const BackupOptions& options) {
  return Backup(files, options).run();
}

}  // namespace kifa::store
