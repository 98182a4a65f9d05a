#pragma once

#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"

// Files that are written once, whole, and read whole.
namespace kifa::store {

inline constexpr std::string_view kTemporarySuffix = ".tmp";
// Behind the name of a file that was moved aside for an expert: it is damaged, or no manifest that
// can be read knows it.
inline constexpr std::string_view kDamagedSuffix = ".damaged";
inline constexpr std::string_view kOrphanSuffix = ".orphan";

// Makes the file `path`, which is not there, with these bytes, and syncs it; its name is durable
// when the caller has synced the directory. After any failure the file is removed again, as far as
// the disk lets it; a failed sync is never repeated.
Status write_new_file(io::FileSystem& files, const std::string& path, ByteView bytes);

// All bytes of a file of at most `bytes_max`. corrupt: it is larger, or the disk cannot read it in
// two attempts;
// anything else: it could not be opened, which says nothing about what it holds.
Result<std::vector<std::byte>> read_whole_file(io::FileSystem& files, const std::string& path,
                                               std::uint64_t bytes_max);

}  // namespace kifa::store
