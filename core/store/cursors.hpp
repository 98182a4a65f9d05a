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
#include "core/store/damaged_file.hpp"

// cursors/NAME: who still needs what. A cursor says how far somebody has forwarded the store, a
// hold keeps records for somebody who reads them later. Retention removes nothing that one of them
// needs. Bytes: docs/formats/manifest.md.
//
// They are files beside those of the store, so nobody needs the store's lock to set them: a running
// writer reads all of them each time before it removes anything, and what was durable by then it
// respects. A removal that it has decided on already is not taken back. Retention removes whole
// tables, so what is kept begins with the table that holds the lowest LSN needed. A hold with a
// disk_budget keeps input out when the disk is full of what it holds.
//
// Threads: all functions any, one name set or removed by one caller at a time.
namespace kifa::store {

inline constexpr std::string_view kCursorsDirectory = "cursors";
inline constexpr std::size_t kCursorNameBytesMax = 64;
inline constexpr std::size_t kCursorsMax = 1024;  // files in the directory

// Stored; never renumbered.
enum class CursorKind : std::uint32_t {
  cursor = 1,  // everything up to `lsn` was forwarded
  hold = 2,    // everything from `lsn` on must stay
};

struct Cursor {
  std::string name;  // [A-Za-z0-9._-]{1,64}, not beginning with a dot, not ending in .tmp
  CursorKind kind = CursorKind::cursor;
  Lsn lsn = {};
  std::int64_t deadline_unix_ns = 0;  // it counts until this time by a believed clock; 0: always
  bool operator==(const Cursor&) const = default;
};

struct CursorList {
  std::vector<Cursor> cursors;          // by name
  std::vector<DamagedFile> damaged;     // with a good name: each holds everything
  std::vector<std::string> foreign;     // names that no cursor may have; left alone
  std::vector<std::string> unfinished;  // temporary files of a set_cursor that was cut short
};

[[nodiscard]] bool is_cursor_name(std::string_view name);

// Makes or replaces a cursor, durably, in the store in `directory`, of which it changes nothing
// else.
//
// Errors: invalid: the name. no_space: kCursorsMax files are there. not_found: no such directory;
//         that a store is in it is for the caller to know. Those of the file system: the old or the
//         new one is there then, never a mixture.
Status set_cursor(io::FileSystem& files, const std::string& directory, const Cursor& cursor);

// All of them. Without cursors/ there are none; a file that cannot be read or is of a newer format
// is `damaged`. Changes nothing.
//
// Errors: those of listing the directory.
Result<CursorList> list_cursors(io::FileSystem& files, const std::string& directory);

// Removes a cursor, durably; a damaged one too: that is how an operator gives it up.
//
// Errors: invalid: the name. not_found: there is none of that name. Those of the file system.
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
