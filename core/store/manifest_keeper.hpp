#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/status.hpp"
#include "core/base/thread_annotations.hpp"
#include "core/io/file_system.hpp"
#include "core/store/log_index.hpp"
#include "core/store/manifest_edit.hpp"
#include "core/store/manifest_files.hpp"
#include "core/store/segment_pool.hpp"
#include "core/store/store.hpp"

namespace kifa::store {

// The manifest of an open store: applies edits one at a time, makes each durable before anything
// relies on it, and lets files go one generation late: what only the manifest before the last one
// needs, be it a table or a segment of the log, is removed when the next one is durable.
//
// Threads: guarded; commit() from one at a time.
// Errors:  an edit that is refused or could not be written changes nothing. When a write may or may
//          not count after a power cut, every later commit fails too: the store has to be opened
//          again.
class ManifestKeeper final {
 public:
  ManifestKeeper(io::FileSystem& files, std::string directory, LoadedManifest loaded,
                 const StoreId& store_id, SegmentPool& pool, LogIndex& index);

  // Never null.
  [[nodiscard]] std::shared_ptr<const Manifest> current() const KIFA_EXCLUDES(mutex_);
  // A number for a new table or checkpoints file; never given out before. To be dropped when its
  // file is not named by a manifest in the end.
  std::uint64_t take_number() KIFA_EXCLUDES(mutex_);
  void drop_number(std::uint64_t number) KIFA_EXCLUDES(mutex_);

  Status commit(const Edit& edit, EditFacts facts) KIFA_EXCLUDES(mutex_);

  // Whether files are kept only for the manifest before: a settle edit would let them go.
  [[nodiscard]] bool has_superseded() const KIFA_EXCLUDES(mutex_);
  [[nodiscard]] bool has_failed() const KIFA_EXCLUDES(mutex_);

 private:
  void remove_superseded(const Manifest& newest, const Manifest& before);

  io::FileSystem& files_;
  const std::string directory_;
  SegmentPool& pool_;
  LogIndex& index_;

  mutable Mutex mutex_;
  std::shared_ptr<const Manifest> current_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t highest_version_ KIFA_GUARDED_BY(mutex_);
  std::uint64_t next_number_ KIFA_GUARDED_BY(mutex_);
  std::set<std::uint64_t> reserved_ KIFA_GUARDED_BY(mutex_);
  WrittenBytes written_ KIFA_GUARDED_BY(mutex_);  // by manifests that were not committed
  bool superseded_ KIFA_GUARDED_BY(mutex_) = false;
  Status failure_ KIFA_GUARDED_BY(mutex_);
};

}  // namespace kifa::store
