#include "core/store/cursors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <span>

#include "core/base/crc32c.hpp"
#include "core/base/text.hpp"
#include "core/store/manifest_format.hpp"
#include "core/store/small_file.hpp"

namespace kifa::store {

namespace {

constexpr std::uint32_t kDirectoryMode = 0700;

std::string cursors_path(const std::string& directory) {
  return fmt::format("{}/{}", directory, kCursorsDirectory);
}

std::uint32_t crc_of(const CursorRecord& record) {
  return crc32c(0, std::as_bytes(std::span(&record, 1)).first(offsetof(CursorRecord, crc)));
}

bool is_known_kind(std::uint32_t kind) {
  return kind == static_cast<std::uint32_t>(CursorKind::cursor) ||
         kind == static_cast<std::uint32_t>(CursorKind::hold);
}

Status damaged(std::string_view why) { return {Code::corrupt, std::string(why)}; }

Result<Cursor> decode_cursor(ByteView bytes, const std::string& name) {
  if (bytes.size() != sizeof(CursorRecord)) {
    return damaged(
        fmt::format("it has {} bytes instead of {}", bytes.size(), sizeof(CursorRecord)));
  }
  const auto record = load<CursorRecord>(bytes.data());
  if (record.magic != kCursorMagic || record.crc != crc_of(record)) {
    return damaged("its checksum does not hold");
  }
  if (record.format_major != kFormatMajor || record.flags_incompatible != 0 ||
      !is_known_kind(record.kind)) {
    return damaged(fmt::format(
        "it was written in format {}.{} (kind {}, features {:#x}) by a "
        "newer kifa",
        record.format_major, record.format_minor, record.kind, record.flags_incompatible));
  }
  return Cursor{.name = name,
                .kind = static_cast<CursorKind>(record.kind),
                .lsn = {record.lsn},
                .deadline_unix_ns = record.deadline_unix_ns};
}

// Makes the directory if it is not there. Its name is synced even if it is: an earlier call may
// have failed between the two steps.
Status make_cursors_directory(io::FileSystem& files, const std::string& directory) {
  const std::string path = cursors_path(directory);
  const auto info = files.info(path);
  if (info) {
    return {};
  }
  if (info.error().code() != Code::not_found) {
    return info.error();
  }
  const Status made = files.make_directory(path, kDirectoryMode);
  if (!made && made.sys_errno() != EEXIST) {
    return made;
  }
  return files.sync_directory(directory);
}

Status check_room(io::FileSystem& files, const std::string& directory, const std::string& path) {
  const auto info = files.info(path);
  if (info) {
    return {};  // it is replaced
  }
  if (info.error().code() != Code::not_found) {
    return info.error();
  }
  const auto entries = files.list(cursors_path(directory));
  if (!entries) {
    return entries.error();
  }
  if (entries->size() >= kCursorsMax) {
    return {Code::no_space,
            fmt::format("{} has {} files, the most that it may have; remove a cursor that nobody "
                        "uses",
                        cursors_path(directory), entries->size())};
  }
  return {};
}

Status bad_name(std::string_view name) {
  return {Code::invalid,
          fmt::format("{} is no name for a cursor: 1 to {} letters, digits, '.', '_' and '-', not "
                      "beginning with '.' and not ending in {}",
                      backquoted(name), kCursorNameBytesMax, kTemporarySuffix)};
}

}  // namespace

bool is_cursor_name(std::string_view name) {
  const auto is_allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kCursorNameBytesMax && name.front() != '.' &&
         !name.ends_with(kTemporarySuffix) && std::ranges::all_of(name, is_allowed);
}

Status set_cursor(io::FileSystem& files, const std::string& directory, const Cursor& cursor) {
  if (!is_cursor_name(cursor.name)) {
    return bad_name(cursor.name);
  }
  KIFA_TRY(make_cursors_directory(files, directory));
  const std::string path = fmt::format("{}/{}", cursors_path(directory), cursor.name);
  KIFA_TRY(check_room(files, directory, path));
  CursorRecord record;
  record.kind = static_cast<std::uint32_t>(cursor.kind);
  record.lsn = cursor.lsn.value;
  record.deadline_unix_ns = cursor.deadline_unix_ns;
  record.crc = crc_of(record);
  const std::string temporary = path + std::string(kTemporarySuffix);
  const Status removed = files.remove(temporary);
  if (!removed && removed.code() != Code::not_found) {
    return removed;
  }
  KIFA_TRY(write_new_file(files, temporary, std::as_bytes(std::span(&record, 1))));
  if (Status renamed = files.rename(temporary, path); !renamed) {
    ignore(files.remove(temporary), "the next set_cursor removes it otherwise");
    return renamed;
  }
  // Both names: an earlier call may have made the directory and failed to sync its own name.
  KIFA_TRY(files.sync_directory(cursors_path(directory)));
  return files.sync_directory(directory);
}

Result<CursorList> list_cursors(io::FileSystem& files, const std::string& directory) {
  CursorList list;
  const auto entries = files.list(cursors_path(directory));
  if (!entries) {
    if (entries.error().code() == Code::not_found) {
      return list;
    }
    return entries.error();
  }
  for (const io::DirectoryEntry& entry : *entries) {
    const std::string_view name = entry.name;
    if (name.ends_with(kTemporarySuffix) &&
        is_cursor_name(name.substr(0, name.size() - kTemporarySuffix.size()))) {
      list.unfinished.push_back(entry.name);
      continue;
    }
    if (!is_cursor_name(name) || entry.type != io::FileType::regular) {
      list.foreign.push_back(entry.name);
      continue;
    }
    const auto bytes =
        read_whole_file(files, fmt::format("{}/{}", cursors_path(directory), name), 64_KiB);
    if (!bytes && bytes.error().code() == Code::not_found) {
      continue;  // removed since the directory was listed
    }
    const Result<Cursor> cursor =
        bytes ? decode_cursor(*bytes, entry.name) : Result<Cursor>(bytes.error());
    if (cursor) {
      list.cursors.push_back(*cursor);
    } else {
      list.damaged.push_back({entry.name, cursor.error().message()});
    }
  }
  return list;
}

Status remove_cursor(io::FileSystem& files, const std::string& directory, std::string_view name) {
  if (!is_cursor_name(name)) {
    return bad_name(name);
  }
  KIFA_TRY(files.remove(fmt::format("{}/{}", cursors_path(directory), name)));
  return files.sync_directory(cursors_path(directory));
}

bool has_expired(const Cursor& cursor, std::optional<std::int64_t> now_unix_ns) {
  return cursor.deadline_unix_ns != 0 && now_unix_ns && *now_unix_ns >= cursor.deadline_unix_ns;
}

std::optional<Need> lowest_need(const CursorList& list, std::optional<std::int64_t> now_unix_ns) {
  if (!list.damaged.empty()) {
    const DamagedFile& file = list.damaged.front();
    return Need{.lsn = {0},
                .who = fmt::format("{}/{} cannot be read and so keeps everything ({})",
                                   kCursorsDirectory, file.name, file.why)};
  }
  std::optional<Need> lowest;
  for (const Cursor& cursor : list.cursors) {
    if (has_expired(cursor, now_unix_ns)) {
      continue;
    }
    const bool is_forwarded = cursor.kind == CursorKind::cursor && cursor.lsn.value != UINT64_MAX;
    const Lsn needed = is_forwarded ? cursor.lsn.next() : cursor.lsn;
    if (!lowest || needed < lowest->lsn) {
      lowest = Need{.lsn = needed,
                    .who = fmt::format("{} `{}` needs LSN {} and what follows",
                                       cursor.kind == CursorKind::hold ? "hold" : "cursor",
                                       cursor.name, needed.value)};
    }
  }
  return lowest;
}

std::optional<Lsn> lowest_needed_lsn(const CursorList& list,
                                     std::optional<std::int64_t> now_unix_ns) {
  const std::optional<Need> need = lowest_need(list, now_unix_ns);
  return need ? std::optional(need->lsn) : std::nullopt;
}

}  // namespace kifa::store
