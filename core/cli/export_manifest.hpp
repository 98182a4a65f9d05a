#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/status.hpp"
#include "core/cli/record_choice.hpp"
#include "core/io/file_system.hpp"

namespace kifa::cli {

inline constexpr std::uint64_t kExportFormat = 1;  // of the manifest
inline constexpr std::uint64_t kManifestBytesMax = 1U << 20U;

// What is known about an export, beside it in NAME.manifest.json: what it holds, where that comes
// from, and how to see later that not a bit of it has changed. docs/formats/export.md describes the
// members.
struct ExportManifest {
  std::string file;                 // name without folder
  std::uint64_t bytes = 0;          // of the file
  std::string sha256;               // of the file
  std::string compression;          // none, gzip, zstd
  std::uint64_t content_bytes = 0;  // before compression
  std::string content_sha256;
  std::string format;                       // the formatter
  std::vector<std::string> format_options;  // NAME=VALUE, as they were given
  std::uint64_t records = 0;
  std::uint64_t first_lsn = 0;  // of the records in the file; 0: none
  std::uint64_t last_lsn = 0;
  std::int64_t first_unix_ns = 0;  // smallest and largest observed time
  std::int64_t last_unix_ns = 0;
  std::uint64_t gaps = 0;  // met in the range
  std::uint64_t lost_records = 0;
  std::string store_id;
  std::uint64_t durable_lsn = 0;  // of the store then
  std::string anchor;             // of its newest piece, as `kifa verify` takes it; empty: none
  std::int64_t created_unix_ns = 0;
};

// Where the manifest of the export `file` stands.
[[nodiscard]] std::string manifest_path_of(const std::string& file);

// The manifest as JSON; `choice` is what was asked for. Bytes that are not UTF-8 become U+FFFD. A
// seal, SHA-256 over all other members, shows damage of the manifest itself.
[[nodiscard]] std::string manifest_json(const ExportManifest& manifest, const RecordChoice& choice);

// What a check of the file needs, of a `text` that nobody has vouched for; members may stand in any
// order and layout.
//
// Errors: corrupt: no manifest, one that is damaged, or changed; unsupported: a newer format.
[[nodiscard]] Result<ExportManifest> manifest_from_json(std::string_view text);

// The manifest beside the export `file`.
//
// Errors: not_found: there is none; those of manifest_from_json and of the file system.
[[nodiscard]] Result<ExportManifest> read_manifest(io::FileSystem& files, const std::string& file);

}  // namespace kifa::cli
