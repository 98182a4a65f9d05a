#include <fmt/format.h>

#include <ranges>

#include "core/store/manifest_files.hpp"
#include "core/store/table_format.hpp"
#include "core/store/table_reader.hpp"
#include "core/store/verify.hpp"

namespace kifa::store {

namespace {

constexpr int kLooksMax = 50;  // a compaction may take the last table away meanwhile

// Of the last piece of the last table that anchors vouch for.
Result<std::optional<Anchor>> anchor_in(io::FileSystem& files, const std::string& directory,
                                        const Manifest& manifest) {
  for (const TableInfo& table : std::views::reverse(manifest.tables)) {
    auto reader = TableReader::open(
        files, fmt::format("{}/{}", directory, table_file_name(table.number)),
        {.number = table.number, .store_id = manifest.store_id, .footer_crc = table.footer_crc});
    if (!reader) {
      return reader.error();
    }
    if ((*reader)->is_repaired()) {
      continue;
    }
    const auto pieces = (*reader)->pieces();
    if (!pieces) {
      return pieces.error();
    }
    if (!pieces->empty()) {
      const Piece& last = pieces->back();
      return std::optional(Anchor{.first = last.first, .last = last.last, .digest = last.anchor});
    }
  }
  return std::optional<Anchor>();
}

}  // namespace

Result<std::optional<Anchor>> newest_anchor(io::FileSystem& files, const std::string& directory) {
  for (int look = 1;; ++look) {
    const auto loaded = load_manifest(files, directory);
    if (!loaded) {
      return loaded.error();
    }
    if (!loaded->manifest) {
      return std::optional<Anchor>();
    }
    const auto anchor = anchor_in(files, directory, *loaded->manifest);
    if (anchor || look == kLooksMax) {
      return anchor;
    }
    const auto newer = load_manifest(files, directory);
    if (newer && newer->manifest && newer->manifest->version == loaded->manifest->version) {
      return anchor;
    }
  }
}

}  // namespace kifa::store
