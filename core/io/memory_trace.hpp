#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/io/memory_content.hpp"

// What happened to a disk in memory, in one total order. For tests.
namespace kifa::io {

using NodeNumber = std::uint64_t;  // a file or directory; FileId::inode

enum class TraceKind : std::uint8_t {
  write_begin,
  write_end,  // `result` bytes of it have arrived; with sys_errno as well as without
  sync_begin,
  sync_end,  // sys_errno: failed; then the writes that it should have covered are lost
  resize,
  create,  // of a file or directory, with its name
  rename,
  link,
  remove,
  sync_directory,
  failure,  // of a call that changed nothing
  note,     // a mark of the test's own
};

[[nodiscard]] std::string_view to_string(TraceKind kind);

// One event; which members have a meaning depends on the kind.
struct TraceEvent {
  TraceKind kind = TraceKind::note;
  bool durable = false;       // write_begin
  bool is_directory = false;  // create
  bool keeps_data = false;    // sync_end with sys_errno: the data stays as uncertain as it was
  int sys_errno = 0;
  std::uint32_t mode = 0;    // create
  std::uint64_t call = 0;    // which call: pairs begin and end
  NodeNumber node = 0;       // the file, or the directory of sync_directory
  std::uint64_t result = 0;  // write_end: bytes; resize: size
  Extent extent = {};        // write_begin
  NodeNumber directory = 0;  // of `name`
  NodeNumber to_directory = 0;
  std::string name = {};
  std::string to_name = {};  // rename, link
  std::uint64_t note_kind = 0;
  std::uint64_t note_value = 0;
};

// "write_begin node 7 offset 4096 bytes 512 durable", for messages of tests.
[[nodiscard]] std::string describe(const TraceEvent& event);

}  // namespace kifa::io
