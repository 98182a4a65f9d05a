#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/checkpoint_map.hpp"
#include "core/store/format.hpp"
#include "core/store/manifest.hpp"

// CHECKPOINTS-<number>: the live checkpoints of everything that was flushed, in one file that is
// written whole when they changed and named by the manifest. Bytes: docs/formats/manifest.md.
namespace kifa::store {

// "CHECKPOINTS-0000000000000001"
[[nodiscard]] std::string checkpoints_file_name(std::uint64_t number);
[[nodiscard]] std::optional<std::uint64_t> checkpoints_number_of(std::string_view file_name);

[[nodiscard]] std::vector<std::byte> encode_checkpoints(const StoreId& store_id,
                                                        std::uint64_t number,
                                                        const CheckpointMap& checkpoints);
// corrupt: damaged, of another store or number, or beyond a limit; unsupported: a newer format.
Result<CheckpointMap> decode_checkpoints(ByteView bytes, const StoreId& store_id,
                                         std::uint64_t number);

// Writes and syncs the file and returns what a manifest says about it. The directory is to be
// synced before a manifest names it. After a failure there is no such file; its number is not to be
// used again.
Result<CheckpointsRef> write_checkpoints(io::FileSystem& files, const std::string& directory,
                                         const StoreId& store_id, std::uint64_t number,
                                         const CheckpointMap& checkpoints);

// What the file that a manifest names holds; number 0: nothing. corrupt: it is not the file that
// the manifest means. not_found: it is gone (beside a writer: load the manifest again).
Result<CheckpointMap> read_checkpoints(io::FileSystem& files, const std::string& directory,
                                       const StoreId& store_id, const CheckpointsRef& named);

// What a manifest would say about the file of that number. corrupt: it does not hold.
Result<CheckpointsRef> name_checkpoints(io::FileSystem& files, const std::string& directory,
                                        const StoreId& store_id, std::uint64_t number);

}  // namespace kifa::store
