#include "core/store/open_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/store/format.hpp"
#include "core/store/manifest_edit.hpp"
#include "core/store/small_file.hpp"
#include "core/store/table_format.hpp"

namespace kifa::store {

namespace {

std::uint64_t version_of(const LogScan& scan) {
  return scan.manifest.manifest ? scan.manifest.manifest->version : 0;
}

// One opening's look at the files beside the log.
class TableSettling final {
 public:
  TableSettling(const StoreOptions& options, const StoreEnvironment& environment, LogScan& scan)
      : options_(options), environment_(environment), files_(environment.files), scan_(scan) {}

  Status run() {
    outdated_ = why_outdated(scan_);
    unknown_ = unknown_files(scan_.manifest.manifest.value_or(Manifest()), scan_.manifest.names);
    if (scan_.manifest.is_rebuilt) {
      unknown_ = superseded_tables();
    }
    KIFA_TRY(find_missing());
    KIFA_TRY(refuse());
    // A version that was once durable is never used again, also when its file is gone.
    std::uint64_t& highest = scan_.manifest.highest_version;
    highest = std::max(highest, named_manifest_version(scan_));
    KIFA_TRY(keep_rebuilt());
    KIFA_TRY(move_aside());
    remove(scan_.leftovers);
    if (outdated_.empty()) {
      remove(unknown_);
    }
    return {};
  }

 private:
  [[nodiscard]] std::string path_of(const std::string& name) const {
    return fmt::format("{}/{}", options_.directory, name);
  }
  [[nodiscard]] std::string goes_on_from() const {
    if (scan_.manifest.is_rebuilt) {
      const auto& tables = scan_.manifest.manifest->tables;
      return fmt::format("what {} tables say of themselves (LSN {} to {}) and its log",
                         tables.size(), tables.front().first.value, tables.back().last.value);
    }
    return version_of(scan_) == 0 ? std::string("its log")
                                  : fmt::format("manifest {}", version_of(scan_));
  }
  void tell(const std::string& text) const { environment_.report(Severity::error, text); }

  // Tables and checkpoints of which the rebuilt manifest makes no use.
  [[nodiscard]] std::vector<std::string> superseded_tables() const {
    const Manifest& manifest = *scan_.manifest.manifest;
    std::vector<std::string> found = superseded_files(manifest, manifest, scan_.manifest.names, {});
    std::erase_if(found, [](const std::string& name) { return manifest_version_of(name); });
    return found;
  }

  // The process that wrote these tables may have been killed before it synced them.
  Status keep_rebuilt() {
    if (!scan_.manifest.is_rebuilt) {
      return {};
    }
    for (const TableInfo& table : scan_.manifest.manifest->tables) {
      auto file = files_.open(path_of(table_file_name(table.number)), {.access = io::Access::read});
      KIFA_TRY(file.status());
      KIFA_TRY((*file)->sync_all());
    }
    return files_.sync_directory(options_.directory);
  }

  // Tables that the manifest names and that are not there, or not as large as they were written.
  Status find_missing() {
    if (!scan_.manifest.manifest) {
      return {};
    }
    for (const TableInfo& table : scan_.manifest.manifest->tables) {
      const std::string path = path_of(table_file_name(table.number));
      const auto info = files_.info(path);
      if (!info && info.error().code() != Code::not_found) {
        return info.error();
      }
      if (!info || info->bytes != table.bytes) {
        missing_.push_back(
            fmt::format("{} {}; LSN {} to {} cannot all be read (`kifa verify` tells more)", path,
                        info ? fmt::format("has {} bytes instead of {}", info->bytes, table.bytes)
                             : std::string("is missing"),
                        table.first.value, table.last.value));
      }
    }
    return {};
  }

  // With on_corruption: refuse. Nothing was touched yet.
  [[nodiscard]] Status refuse() const {
    std::string why;
    if (!scan_.lost_checkpoints.empty()) {
      why = scan_.lost_checkpoints;
    }
    if (!missing_.empty()) {
      why = missing_.front();
    }
    if (!scan_.manifest.damaged.empty()) {
      why = scan_.manifest.damaged.front().why;
    }
    if (!outdated_.empty()) {
      why = outdated_;
    }
    if (!options_.refuse_corruption || why.empty()) {
      return {};
    }
    return {Code::corrupt, fmt::format("{}: {}; the store is not opened (on_corruption: refuse)",
                                       options_.directory, why)};
  }

  Status move_one(const std::string& name, std::string_view suffix, const std::string& why) {
    const std::string path = path_of(name);
    const std::string aside = path + std::string(suffix);
    // An earlier file of that name is never replaced: both may be what an expert needs.
    const auto taken = files_.info(aside);
    if (taken || taken.error().code() != Code::not_found) {
      return taken ? Status(Code::io, fmt::format("{} cannot be moved aside: {} is there already",
                                                  path, aside))
                   : taken.error();
    }
    KIFA_TRY(files_.rename(path, aside).with_context("a damaged store cannot be opened"));
    tell(fmt::format("{}; kept as {}", why, aside));
    return {};
  }

  Status move_aside() {
    if (!outdated_.empty()) {
      tell(fmt::format("{}: {}; the store goes on from {}", options_.directory, outdated_,
                       goes_on_from()));
    }
    bool moved = false;
    for (const DamagedFile& damaged : scan_.manifest.damaged) {
      KIFA_TRY(move_one(damaged.name, kDamagedSuffix, damaged.why));
      moved = true;
    }
    for (const std::string& name : unknown_) {
      if (!outdated_.empty()) {
        KIFA_TRY(move_one(name, kOrphanSuffix,
                          fmt::format("{} belongs to a manifest that is lost", path_of(name))));
        moved = true;
      }
    }
    for (const std::string& text : missing_) {
      tell(text);
    }
    if (!scan_.lost_checkpoints.empty()) {
      tell(fmt::format("{}: {}; sources may send again what the store has already",
                       options_.directory, scan_.lost_checkpoints));
    }
    return moved ? files_.sync_directory(options_.directory) : Status();
  }

  // What somebody had begun when the power went. It takes nothing of the disk budget any more.
  void remove(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      const auto info = files_.info(path_of(name));
      const Status removed = files_.remove(path_of(name));
      if (removed && info) {
        scan_.file_bytes -= std::min(scan_.file_bytes, info->bytes);
      }
      ignore(removed, "a later edit or opening meets it again");
    }
  }

  const StoreOptions& options_;
  const StoreEnvironment& environment_;
  io::FileSystem& files_;
  LogScan& scan_;
  std::string outdated_;
  std::vector<std::string> unknown_;  // names
  std::vector<std::string> missing_;  // sentences
};

}  // namespace

std::uint64_t named_manifest_version(const LogScan& scan) {
  std::uint64_t version = 0;
  if (scan.status && scan.status->store_id == scan.store_id) {
    version = scan.status->manifest_version;
  }
  for (const LogSegment& segment : scan.path) {
    version = std::max(version, segment.header.manifest_version);
  }
  return version;
}

std::string why_outdated(const LogScan& scan) {
  const std::uint64_t version = version_of(scan);
  if (scan.manifest.is_fallback()) {
    return fmt::format("manifest {} is damaged", scan.manifest.highest_version);
  }
  if (const std::uint64_t named = named_manifest_version(scan); named > version) {
    return fmt::format("manifest {} is missing", named);
  }
  // What the log does not hold any more was in tables.
  if (scan.manifest.is_rebuilt) {
    return "there is no manifest";
  }
  if (version == 0 && !scan.path.empty() && !scan.path.front().rebuilt &&
      scan.path.front().header.first_lsn > 1) {
    return fmt::format("there is no manifest, and the log begins at LSN {}",
                       scan.path.front().header.first_lsn);
  }
  return {};
}

Status settle_tables(const StoreOptions& options, const StoreEnvironment& environment,
                     LogScan& scan) {
  return TableSettling(options, environment, scan).run();
}

}  // namespace kifa::store
