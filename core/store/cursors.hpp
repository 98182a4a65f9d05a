#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/types.hpp"
#include "core/io/file_system.hpp"
#include "core/store/manifest_files.hpp"

// cursors/NAME: who still needs what. A cursor says how far somebody has forwarded the store, a
// hold keeps records for somebody who reads them now. Retention removes nothing that one of them
// needs. Bytes: docs/formats/manifest.md.
namespace kifa::store {

inline constexpr std::string_view kCursorsDirectory = "cursors";
inline constexpr std::size_t kCursorNameBytesMax = 64;
inline constexpr std::size_t kCursorsMax = 1024;  // files in the directory

enum class CursorKind : std::uint32_t {
  cursor = 1,  // everything up to `lsn` was forwarded
  hold = 2,    // everything from `lsn` on must stay
};

struct Cursor {
  std::string name;  // [A-Za-z0-9._-]{1,64}, not beginning with a dot, not ending in .tmp
  CursorKind kind = CursorKind::cursor;
  Lsn lsn = {};
  std::int64_t deadline_unix_ns = 0;  // it counts until then; 0: always
  bool operator==(const Cursor&) const = default;
};

struct CursorList {
  std::vector<Cursor> cursors;          // by name
  std::vector<DamagedFile> damaged;     // with a good name: each holds everything
  std::vector<std::string> foreign;     // names that no cursor may have; left alone
  std::vector<std::string> unfinished;  // temporary files of a set_cursor that was cut short
};

[[nodiscard]] bool is_cursor_name(std::string_view name);

// Makes or replaces a cursor, durably. `invalid`: the name; `no_space`: kCursorsMax. After a
// failure the old or the new one is there, never a mixture. Two callers must not set one name at
// once.
Status set_cursor(io::FileSystem& files, const std::string& directory, const Cursor& cursor);

// Without cursors/ there are none. A file that cannot be read or is of a newer format is `damaged`.
Result<CursorList> list_cursors(io::FileSystem& files, const std::string& directory);

// Durably. not_found: there is none of that name. Removes a damaged one too: that is how an
// operator gives it up.
Status remove_cursor(io::FileSystem& files, const std::string& directory, std::string_view name);

// Whether its time is over, so that it keeps nothing back. `now_unix_ns` as below.
[[nodiscard]] bool has_expired(const Cursor& cursor, std::optional<std::int64_t> now_unix_ns);

// Who needs what is lowest.
struct Need {
  Lsn lsn;
  std::string who;  // "hold `audit` needs LSN 42 and what follows", or the damaged file and why
};
[[nodiscard]] std::optional<Need> lowest_need(const CursorList& list,
                                              std::optional<std::int64_t> now_unix_ns);

// The lowest LSN that somebody still needs; none: nobody needs anything. Lsn 0: all of it, because
// a file is damaged. `now_unix_ns` decides about deadlines; none: the time is not to be trusted
// (retention.hpp), and no deadline has passed.
[[nodiscard]] std::optional<Lsn> lowest_needed_lsn(const CursorList& list,
                                                   std::optional<std::int64_t> now_unix_ns);

}  // namespace kifa::store
