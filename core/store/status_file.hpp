#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/base/status.hpp"
#include "core/io/file_system.hpp"
#include "core/store/format.hpp"

namespace kifa::store {

inline constexpr std::string_view kStatusFileName = "STATUS";
inline constexpr std::string_view kLockFileName = "LOCK";

// The small file by which a writer tells readers how far the log is durable. Never replaced. Its
// slots are never synced after its creation: what they say is true when it is written, and after a
// power cut an older truth is true as well. The note of an opening is synced, once.
//
// Threads: guarded by its owner.
class StatusFile final {
 public:
  // Opens STATUS for writing; makes it (durably) if it is not there.
  static Result<StatusFile> open(io::FileSystem& files, const std::string& directory);

  // Writes the next slot. `slot` is completed with sequence and checksum.
  Status write(StatusSlot slot);
  // The same, durably.
  Status write_durably(const StatusSlot& slot);
  // Makes `note`, completed with its checksum, the one that stands there, and durable. Does nothing
  // when it stands there already.
  Status write_note(OpeningNote note);

 private:
  StatusFile(std::unique_ptr<io::File> file, std::uint64_t sequence)
      : file_(std::move(file)), sequence_(sequence) {}

  std::unique_ptr<io::File> file_;
  std::uint64_t sequence_;
};

// The valid slot with the higher sequence, if any. A newer format is an `unsupported` failure; a
// file that is not there is nullopt.
Result<std::optional<StatusSlot>> read_status(io::FileSystem& files, const std::string& directory);

// The note of the last opening; none: a store that is older than such notes, or a damaged note, or
// no STATUS.
[[nodiscard]] std::optional<OpeningNote> read_opening_note(io::FileSystem& files,
                                                           const std::string& directory);

// Whether a writer has the store open now.
Result<bool> is_locked(io::FileSystem& files, const std::string& directory);

// Whether what `status` says is said by a writer that serves the store now: it holds the lock, in
// this boot. Otherwise a slot is evidence for recovery only.
Result<bool> is_live(io::FileSystem& files, const std::string& directory,
                     const std::optional<StatusSlot>& status);

}  // namespace kifa::store
