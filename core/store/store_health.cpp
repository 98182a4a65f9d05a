#include "core/store/store_health.hpp"

#include <fmt/format.h>

#include "core/store/manifest_files.hpp"
#include "core/store/open_tables.hpp"
#include "core/store/table_format.hpp"
#include "core/store/table_reader.hpp"

namespace kifa::store {

namespace {

bool is_superseded(io::FileSystem& files, const std::string& directory, const Manifest& manifest) {
  const auto newest = load_manifest(files, directory);
  return newest && newest->manifest && newest->manifest->version > manifest.version;
}

}  // namespace

StoreHealth look_at_health(io::FileSystem& files, const std::string& directory,
                           const LogScan& scan) {
  StoreHealth health;
  if (const std::string why = why_outdated(scan); !why.empty()) {
    health.manifest_is_lost = scan.manifest.is_rebuilt || !scan.manifest.manifest;
    health.faults.push_back(fmt::format(
        "{}: {}; what is shown is {} and its log", directory, why,
        health.manifest_is_lost ? "what its tables say of themselves" : "an older state"));
  }
  for (const DamagedFile& file : scan.manifest.damaged) {
    health.faults.push_back(fmt::format("{}/{}: {}", directory, file.name, file.why));
  }
  if (!scan.lost_checkpoints.empty()) {
    health.faults.push_back(fmt::format("{}: {}", directory, scan.lost_checkpoints));
  }
  const Manifest manifest = scan.manifest.manifest.value_or(Manifest());
  for (const TableInfo& table : manifest.tables) {
    const std::string path = fmt::format("{}/{}", directory, table_file_name(table.number));
    const auto reader = TableReader::open(
        files, path,
        {.number = table.number, .store_id = scan.store_id, .footer_crc = table.footer_crc});
    if (reader) {
      continue;
    }
    if (is_superseded(files, directory, manifest)) {
      break;
    }
    health.unreadable_records += table.records;
    const std::string& why = reader.error().message();
    health.faults.push_back(
        fmt::format("{}; its {} records (LSN {} to {}) cannot be read",
                    why.find(path) == std::string::npos ? fmt::format("{}: {}", path, why) : why,
                    table.records, table.first.value, table.last.value));
  }
  return health;
}

}  // namespace kifa::store
