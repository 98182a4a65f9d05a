#include "core/store/manifest_keeper.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/store/mutants.hpp"

namespace kifa::store {

ManifestKeeper::ManifestKeeper(io::FileSystem& files, std::string directory, LoadedManifest loaded,
                               const StoreId& store_id, SegmentPool& pool, LogIndex& index)
    : files_(files),
      directory_(std::move(directory)),
      pool_(pool),
      index_(index),
      highest_version_(loaded.highest_version),
      next_number_(loaded.highest_file_number + 1) {
  // What is kept for a manifest that cannot be read goes with the next one, too.
  superseded_ = loaded.is_fallback();
  Manifest manifest;
  manifest.version = 0;
  manifest.store_id = store_id;
  if (loaded.manifest) {
    manifest = std::move(*loaded.manifest);
    next_number_ = std::max(next_number_, manifest.next_file_number);
    // Whatever an earlier writer has left for the version before goes with the next one.
    superseded_ = superseded_ || !superseded_files(manifest, manifest, loaded.names).empty();
  }
  current_ = std::make_shared<const Manifest>(std::move(manifest));
}

std::shared_ptr<const Manifest> ManifestKeeper::current() const {
  const MutexLock lock(mutex_);
  return current_;
}

std::uint64_t ManifestKeeper::take_number() {
  const MutexLock lock(mutex_);
  reserved_.insert(next_number_);
  return next_number_++;
}

void ManifestKeeper::drop_number(std::uint64_t number) {
  const MutexLock lock(mutex_);
  reserved_.erase(number);
}

bool ManifestKeeper::has_superseded() const {
  const MutexLock lock(mutex_);
  return superseded_ && failure_.is_ok();
}

bool ManifestKeeper::has_failed() const {
  const MutexLock lock(mutex_);
  return !failure_.is_ok();
}

Status ManifestKeeper::commit(const Edit& edit, EditFacts facts) {
  std::shared_ptr<const Manifest> before;
  std::vector<std::uint64_t> reserved;
  {
    const MutexLock lock(mutex_);
    KIFA_TRY(failure_);
    before = current_;
    reserved.assign(reserved_.begin(), reserved_.end());
    facts.highest_version = highest_version_;
    facts.next_file_number = next_number_;
    facts.reserved = reserved;
    facts.written_more.manifests += written_.manifests;
  }
  auto after = apply(*before, edit, facts);
  if (!after) {
    return after.error();
  }
  if (mutant_is(Mutant::unlink_before_manifest)) {
    remove_superseded(*after, *after);
  }
  ManifestWrite written = write_manifest(files_, directory_, *after);
  if (written.status.code() == Code::no_space && written.is_certain && pool_.release_reserve()) {
    written = write_manifest(files_, directory_, *after);
  }
  {
    const MutexLock lock(mutex_);
    highest_version_ = std::max(highest_version_, after->version);
    written_.manifests = written.status ? written.bytes : written_.manifests + written.bytes;
    if (!written.status) {
      if (!written.is_certain) {
        failure_ = written.status.with_context(
            "whether the last change of the manifest counts is not certain; open the store again");
      }
      return written.status;
    }
    current_ = std::make_shared<const Manifest>(*after);
    pool_.add_bytes(static_cast<std::int64_t>(written.bytes));
    superseded_ = true;
  }
  remove_superseded(*after, *before);
  return {};
}

// What nobody can need any more goes; a file that cannot be removed now is met again later.
void ManifestKeeper::remove_superseded(const Manifest& newest, const Manifest& before) {
  for (const LogSegment& segment : index_.forget_before(before.flushed.mark.at.segment)) {
    ignore(pool_.give_back(segment.header.number, segment.header.segment_bytes),
           "the next open gives it back");
  }
  const auto entries = files_.list(directory_);
  if (!entries) {
    return;
  }
  std::vector<std::string> names;
  for (const io::DirectoryEntry& entry : *entries) {
    names.push_back(entry.name);
  }
  std::vector<std::uint64_t> reserved;
  {
    const MutexLock lock(mutex_);
    reserved.assign(reserved_.begin(), reserved_.end());
  }
  for (const std::string& name : superseded_files(newest, before, names, reserved)) {
    const std::string path = fmt::format("{}/{}", directory_, name);
    const auto info = files_.info(path);
    if (files_.remove(path) && info) {
      pool_.add_bytes(-static_cast<std::int64_t>(info->bytes));
    }
  }
  const bool same_log = newest.flushed.mark.at.segment == before.flushed.mark.at.segment;
  const bool more = !same_log || !superseded_files(newest, newest, names, reserved).empty();
  const MutexLock lock(mutex_);
  // The manifest before the newest one always stays.
  superseded_ = more && (newest.tables != before.tables ||
                         newest.checkpoints != before.checkpoints || !same_log);
}

}  // namespace kifa::store
