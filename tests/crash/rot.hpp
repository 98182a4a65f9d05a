#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/io/memory_file_system.hpp"
#include "core/store/reader.hpp"
#include "core/store/store.hpp"
#include "tests/crash/batch.hpp"

// What may become of a store whose disk has changed by itself. The functions return what is wrong,
// in a sentence, or nothing.
namespace kifa::crash {

// What a reader shows of a damaged store.
struct Seen {
  std::set<std::uint64_t> lsns;
  std::set<std::uint64_t> lost;  // named by gap events
  std::uint64_t gaps = 0;
  std::string problem;
};

// Reads everything and compares it with `records`, LSN 1 and so on. Every gap must name its place
// and what it has lost.
[[nodiscard]] Seen read_damaged(store::Reader& reader, const std::vector<OwnedRecord>& records);

// Every record is there, or an event says that it is not.
[[nodiscard]] std::string judge(const Seen& seen, const std::vector<OwnedRecord>& records);

// Reading and verifying show everything or say what is missing, and change nothing. `seen` is left
// empty when the store cannot be read at all, which is an answer as well if it names a file.
[[nodiscard]] std::string check_reading(io::MemoryFileSystem& files,
                                        const std::vector<OwnedRecord>& records, Seen& seen);

// Opened for writing, appended to, closed and read again, the store shows all that was `seen`
// before and the new record, and nothing else. `options.directory` is the store.
[[nodiscard]] std::string check_opening(io::MemoryFileSystem& files,
                                        const store::StoreOptions& options,
                                        const std::vector<OwnedRecord>& records, const Seen& seen);

}  // namespace kifa::crash
