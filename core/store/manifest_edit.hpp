#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/status.hpp"
#include "core/store/manifest.hpp"

// How one manifest becomes the next. Pure functions: nothing here reads or writes a file.
namespace kifa::store {

// The log up to `flushed` has moved into `tables`, in order; none when the log between held neither
// records, events nor gaps.
struct FlushEdit {
  std::vector<TableInfo> tables;
  FlushedLog flushed;
  std::optional<CheckpointsRef> checkpoints =
      std::nullopt;  // a new file; none: the old one is true
  // The log was damaged: numbers of events that were lost with it are missing. LSNs never are; a
  // table covers its gaps.
  bool may_miss_events = false;
};

// Compaction: `inputs`, by number and in order, became `output`.
struct ReplaceEdit {
  std::vector<std::uint64_t> inputs;
  TableInfo output;
};

// Retention: the first tables, by number and in order, are no longer part of the store.
struct PurgeEdit {
  std::vector<std::uint64_t> tables;
};

struct CheckpointsEdit {
  CheckpointsRef checkpoints;
};

// The same state in a new version, so that what only older ones need can be removed.
struct SettleEdit {};

using Edit = std::variant<FlushEdit, ReplaceEdit, PurgeEdit, CheckpointsEdit, SettleEdit>;
[[nodiscard]] std::string_view name_of(const Edit& edit);  // "flush", "replace", ...

// What every edit brings up to date on the way. Values lower than the manifest's change nothing.
struct EditFacts {
  std::optional<TrustedClock> clock = std::nullopt;
  WrittenBytes written_more = {};      // since the manifest before
  std::uint64_t highest_event = 0;     // given so far
  std::uint64_t highest_version = 0;   // of any name seen (LoadedManifest), also damaged ones
  std::uint64_t next_file_number = 0;  // above every number given out so far
  // Numbers below the manifest's next_file_number that this process gave out and has not used yet:
  // a compaction that began before a flush ended.
  std::span<const std::uint64_t> reserved = {};
};

// The manifest after `edit`. Its version is one above `before` and every version seen.
//
// Errors: `internal`, with a sentence that names the edit, the table and what does not fit, for
//         everything that is not exactly right. Then `before` stays the state of the store: the
//         inputs stay, and what the edit would have added is to be discarded. `unsupported`: the
//         manifest has features that this kifa may only read. `no_space`: too many tables.
Result<Manifest> apply(const Manifest& before, const Edit& edit, const EditFacts& facts = {});

// Names among `names` (of the directory) of manifests, tables and checkpoints that neither `newest`
// nor the version `before` it needs: they may be removed once `newest` is durable. What has a
// number that neither knows (not below next_file_number) or that is `reserved` is not among them.
[[nodiscard]] std::vector<std::string> superseded_files(
    const Manifest& newest, const Manifest& before, std::span<const std::string> names,
    std::span<const std::uint64_t> reserved = {});

// Names of tables and checkpoints that were never part of `newest` or what came before it: begun
// and not finished, or named by a newer manifest that is lost. Without damage they may be removed;
// otherwise they are to be moved aside, before the first edit: it may count their numbers as given
// out, and then they would pass for superseded.
[[nodiscard]] std::vector<std::string> unknown_files(const Manifest& newest,
                                                     std::span<const std::string> names);

}  // namespace kifa::store
