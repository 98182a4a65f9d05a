#include "core/store/compaction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "core/store/mutants.hpp"
#include "core/store/table_reader.hpp"
#include "core/store/table_writer.hpp"

namespace kifa::store {

namespace {

constexpr std::uint32_t kLevelMax = 2;

// The longest run of tables from `begin` on that may become one table of level `level`.
std::size_t end_of_run(const std::vector<TableInfo>& tables, std::size_t begin, std::uint32_t level,
                       const CompactionPolicy& policy) {
  std::uint64_t bytes = 0;
  std::int64_t min_ns = INT64_MAX;
  std::int64_t max_ns = INT64_MIN;
  std::size_t end = begin;
  for (; end < tables.size() && tables[end].level < level; ++end) {
    const TableInfo& table = tables[end];
    bytes += table.bytes;
    if (table.records != 0) {
      min_ns = std::min(min_ns, table.min_unix_ns);
      max_ns = std::max(max_ns, table.max_unix_ns);
    }
    // As unsigned: times may be anything.
    const std::uint64_t span =
        max_ns > min_ns ? static_cast<std::uint64_t>(max_ns) - static_cast<std::uint64_t>(min_ns)
                        : 0;
    if (bytes > policy.table_bytes_max || span > static_cast<std::uint64_t>(policy.span_ns_max)) {
      break;
    }
  }
  return end;
}

}  // namespace

std::optional<CompactionPlan> plan_compaction(const Manifest& manifest,
                                              const CompactionPolicy& policy) {
  const std::vector<TableInfo>& tables = manifest.tables;
  for (std::uint32_t level = 1; level <= kLevelMax; ++level) {
    for (std::size_t begin = 0; begin < tables.size();) {
      const std::size_t end = end_of_run(tables, begin, level, policy);
      if (end - begin >= std::max<std::uint64_t>(policy.threshold, 2)) {
        CompactionPlan plan;
        for (std::size_t i = begin; i < end; ++i) {
          plan.inputs.push_back(tables[i].number);
        }
        plan.level = level;
        plan.first = tables[begin].first;
        plan.first_event = tables[begin].first_event;
        plan.previous_anchor = begin == 0 ? manifest.purged.anchor : tables[begin - 1].last_anchor;
        return plan;
      }
      begin = std::max(end, begin + 1);
    }
  }
  return std::nullopt;
}

Result<TableInfo> run_compaction(io::FileSystem& files, const std::string& directory,
                                 const Manifest& manifest, const CompactionPlan& plan,
                                 std::uint64_t number) {
  auto output =
      TableWriter::create(files, {.path = fmt::format("{}/{}", directory, table_file_name(number)),
                                  .store_id = manifest.store_id,
                                  .number = number,
                                  .level = static_cast<std::uint32_t>(plan.level),
                                  .codec = TableCodec::zstd,
                                  .first = plan.first,
                                  .previous_anchor = plan.previous_anchor,
                                  .next_event = plan.first_event,
                                  .in_parallel = plan.in_parallel});
  if (!output) {
    return output.error();
  }
  for (const std::uint64_t input : plan.inputs) {
    const auto info = std::ranges::find(manifest.tables, input, &TableInfo::number);
    auto reader = TableReader::open(
        files, fmt::format("{}/{}", directory, table_file_name(input)),
        {.number = input, .store_id = manifest.store_id, .footer_crc = info->footer_crc});
    if (!reader) {
      return reader.error();
    }
    KIFA_TRY((*reader)->copy_to(**output));
  }
  return (*output)->finish();
}

}  // namespace kifa::store
